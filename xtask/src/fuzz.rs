//! `cargo xtask fuzz`: runs libFuzzer on each reader of foreign bytes, or only writes the seed
//! corpus. `fuzz/` has the readers.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::process;
use crate::report::Outcome;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Readers to fuzz [default: all]
    #[arg(value_name = "READER")]
    readers: Vec<String>,
    /// Seconds for each reader
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Only write the seed corpus, to target/fuzz/corpus
    #[arg(long)]
    corpus: bool,
}

impl Options {
    /// A short run of each reader.
    pub(crate) fn smoke() -> Self {
        Self { readers: Vec::new(), seconds: 2, corpus: false }
    }
}

/// Memory in MB and seconds that reading one input may take.
const LIMITS: [&str; 2] = ["-rss_limit_mb=3000", "-timeout=20"];

/// Writes the corpus and runs the fuzzer, if it can be installed.
///
/// # Errors
/// If a reader fails on an input, which is then in the directory that libFuzzer names; or there is
/// no reader of a name.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let target = workspace.target_dir()?.join("fuzz");
    let corpus = target.join("corpus");
    let known = write_corpus(workspace, &target, &corpus)?;
    if let Some(unknown) = options.readers.iter().find(|name| !known.contains(name)) {
        bail!("no reader `{unknown}`; expected {}", known.join(", "));
    }
    if options.corpus {
        println!("{}: {}", corpus.display(), known.join(", "));
        return Ok(Outcome::Passed);
    }
    if !process::succeeds(workspace.nightly_cargo("--version").arg("--quiet")) {
        return Ok(Outcome::Skipped("there is no nightly toolchain".to_owned()));
    }
    if !process::succeeds(workspace.command("c++").arg("--version")) {
        return Ok(Outcome::Skipped("there is no C++ compiler".to_owned()));
    }
    if !workspace.has_or_installs("fuzz", "cargo-fuzz") {
        return Ok(Outcome::Skipped("cannot install cargo-fuzz".to_owned()));
    }
    let readers = if options.readers.is_empty() { &known } else { &options.readers };
    for reader in readers {
        let mut cargo = workspace.nightly_cargo("fuzz");
        cargo.args(["run", "--features", "libfuzzer", "--target-dir"]).arg(target.join("target"));
        cargo.arg("reader").arg(corpus.join(reader)).arg("--").args(LIMITS);
        cargo.arg(format!("-max_total_time={}", options.seconds));
        cargo.arg(format!("-artifact_prefix={}/{reader}-", target.display()));
        process::run(cargo.arg("-verbosity=0").env("READER", reader))?;
    }
    Ok(Outcome::Passed)
}

/// Writes the seeds of each reader and returns the names of the readers.
fn write_corpus(workspace: &Workspace, target: &Path, corpus: &Path) -> Result<Vec<String>> {
    let mut cargo = workspace.cargo("run");
    cargo.args(["--quiet", "--manifest-path", "fuzz/Cargo.toml", "--bin", "corpus", "--target-dir"]);
    let names = process::stdout(cargo.arg(target.join("target")).arg("--").arg(corpus))?;
    Ok(names.lines().map(str::to_owned).collect())
}
