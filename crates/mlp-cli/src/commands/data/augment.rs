//! `mlp data augment`: write a dataset with many distorted copies of its training images.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use mlp_data::memory::megabytes;
use mlp_data::{Copies, Datasets};

use crate::data::{DataDir, load_named};
use crate::output::download::byte_bar;
use crate::output::messages::note;
use crate::output::table::{counted, thousands};
use crate::parse;
use crate::recipe::choices::AugmentationArgs;

/// Write a dataset with distorted copies of its training images.
///
/// Each training image occurs N times: once as it is, then distorted as `mlp train --augment`
/// distorts it in epochs 1 to N-1. Other images are copied unchanged. The result can be larger than
/// memory. The same command resumes an interrupted one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp data augment mnist --copies 135 --to data/mnist8m    8,100,000 images, 6.35 GB
  mlp data augment synthetic --copies 5 --to data/more --rotation 5")]
pub(crate) struct Args {
    /// Dataset, a name or a directory
    #[arg(value_name = "NAME|DIR")]
    dataset: String,
    #[command(flatten)]
    data_dir: DataDir,
    /// Number of times each training image occurs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    copies: u64,
    /// Output directory, which must not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Random seed of the distortions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Number of threads, 0 for all cores
    #[arg(long, value_name = "N", value_parser = parse::threads, default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    limits: AugmentationArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let sets = load_named(&args.dataset, &args.data_dir.data_dir, false)?;
    let limits = args.limits.with(true, &sets.train)?.expect("with augmentation");
    let copies = Copies { copies: args.copies, limits, seed: args.seed };
    let (total, bytes) = copies.size(&sets.train)?;
    let unfinished = Datasets::unfinished_dir(&args.to);
    check_space(&unfinished, bytes)?;
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let bar = byte_bar(false);
    bar.set_length(bytes);
    let mut is_first = true;
    let written = sets.write_augmented(&args.to, &copies, threads, &mut |images| {
        if is_first && images > 0 {
            note(&format!(
                "{}: resuming after {} of {} images",
                unfinished.display(),
                thousands(images as usize),
                thousands(total as usize)
            ));
        }
        is_first = false;
        bar.set_position(images * sets.train.pixels() as u64);
    });
    bar.finish_and_clear();
    written?;
    let (to, classes) = (args.to.display(), counted(sets.train.classes(), "class"));
    let (shape, test) = (sets.train.shape(), thousands(sets.test.len()));
    writeln!(
        io::stdout(),
        "{to}: {} training and {test} test images of {shape} in {classes}",
        thousands(total as usize)
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses to begin what the disk has no room for.
fn check_space(unfinished: &Path, bytes: u64) -> anyhow::Result<()> {
    let images = unfinished.join(mlp_data::catalog::MNIST_FILE_NAMES[0]);
    let missing = bytes.saturating_sub(fs::metadata(images).map_or(0, |metadata| metadata.len()));
    if let Some(free) = free_space(unfinished)
        && free < missing
    {
        bail!(
            "{} needs {} on disk, and {} are free; free some, or give fewer --copies",
            unfinished.display(),
            megabytes(missing),
            megabytes(free)
        );
    }
    Ok(())
}

/// The free bytes on the disk of a directory that may not exist yet, where the system says.
fn free_space(directory: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let places = directory.ancestors();
        let mut places = places.map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
        let space = rustix::fs::statvfs(places.find(|path| path.exists())?).ok()?;
        Some(space.f_bavail.saturating_mul(space.f_frsize))
    }
    #[cfg(not(unix))]
    None
}
