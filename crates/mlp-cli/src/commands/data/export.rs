//! `mlp data export`: write a dataset in another program's format.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use mlp_data::arrays::ExportFormat;
use mlp_data::text::printable;

use crate::data::{DataDir, Split, load_named};
use crate::output::messages::note;
use crate::output::table::thousands;
use crate::parse;

/// Write a dataset as CSV, .npz, IDX or PNG files.
///
/// `mlp data import` reads all of these formats: a directory of CSV tables like Kaggle's
/// (`train.csv` and `test.csv` with `label,pixel0,…`), an .npz file like Keras' (`x_train`,
/// `y_train`, `x_test`, `y_test`), IDX files like MNIST's, or pictures (`train/CLASS/00001.png`).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp data export mnist --to mnist.npz
  mlp data export data/drawings --to drawings --format png
  mlp data export mnist --to mnist-csv --format csv
  mlp data export mnist --to train.csv --split train")]
pub(crate) struct Args {
    /// Dataset, a name or a directory
    #[arg(value_name = "NAME|DIR")]
    dataset: String,
    #[command(flatten)]
    data_dir: DataDir,
    /// Output file or directory, which must not exist
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    /// Format [default: from the extension of PATH]
    #[arg(long, value_parser = parse::export_format())]
    format: Option<ExportFormat>,
    /// Write only this part, as one CSV table
    #[arg(long, value_enum)]
    split: Option<Split>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let to = args.to.display();
    let ending = args.to.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let by_ending = match ending.as_deref() {
        Some("csv") => Some(ExportFormat::Csv),
        Some("npz") => Some(ExportFormat::Npz),
        _ => None,
    };
    let Some(format) = args.format.or(by_ending) else {
        bail!("{to}: unknown format; expected a name ending in .npz or .csv, or --format csv, idx or png");
    };
    if args.split.is_some() && format != ExportFormat::Csv {
        bail!("--split writes one CSV table; {format} always has all parts");
    }
    if format == ExportFormat::Csv && by_ending.is_some() && args.split.is_none() {
        bail!(
            "{to} is one table, and a dataset has a training and a test part; choose one with --split, or give a \
             directory and --format csv"
        );
    }
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let sets = load_named(&args.dataset, &args.data_dir.data_dir, false)?;
    let (notes, parts) = match args.split {
        Some(split) => {
            let part = split.of(&sets)?;
            let written = sets.export_table(part, &args.to)?;
            (written, format!("{} {} images", thousands(part.len()), split.name()))
        }
        None => {
            let validation = sets.validation.as_ref();
            let validation =
                validation.map_or(String::new(), |set| format!(", {} validation", thousands(set.len())));
            let (train, test) = (thousands(sets.train.len()), thousands(sets.test.len()));
            (sets.export(format, &args.to)?, format!("{train} training{validation} and {test} test images"))
        }
    };
    notes.iter().for_each(|text| note(&printable(text)));
    let classes = sets.class_names.len();
    writeln!(io::stdout(), "{to}: {format}, {parts} of {} in {classes} classes", sets.train.shape())?;
    Ok(ExitCode::SUCCESS)
}
