//! Writes the seed corpus, a directory for each reader, below the directory given as the last
//! argument, and prints the names of the readers. `cargo fuzz run` puts arguments of libFuzzer
//! before it.

use std::path::PathBuf;
use std::{env, fs, io};

use mlp_fuzz::targets::TARGETS;

fn main() -> io::Result<()> {
    let directory = env::args_os().skip(1).last().map(PathBuf::from).ok_or(io::ErrorKind::InvalidInput)?;
    for target in TARGETS {
        let directory = directory.join(target.name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in (target.seeds)(1).into_iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
        println!("{}", target.name);
    }
    Ok(())
}
