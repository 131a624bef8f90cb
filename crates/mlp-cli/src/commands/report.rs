//! `mlp report`: a run as one page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mlp_data::Dataset;
use mlp_data::fs::write_atomically;
use mlp_train::{Model, RunDir};

use crate::console::note;
use crate::datasets::{DataDir, load_named};
use crate::report::{Judged, render};
use crate::run_list::RunSummary;

/// Write a run's report: one HTML file with everything in it, to be read anywhere.
///
/// Configuration, curves, confusion matrix, each class's figures, the surest mistakes, calibration, weights, and the commands that do it again. `mlp
/// train` writes one at its end.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp report runs/mnist
  mlp report runs/mnist --to mnist.html")]
pub(crate) struct Args {
    /// The run
    run: PathBuf,
    /// Where it goes [default: report.html in the run]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
}

/// What it is called in a run.
const REPORT: &str = "report.html";

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let run = RunSummary::read(&args.run)?;
    let path = args.run.join(RunDir::MODEL);
    let file = args.to.clone().unwrap_or_else(|| args.run.join(REPORT));
    let page = if path.exists() {
        let model = Model::load(&path)?;
        let sets = load_named(&model.metadata.dataset, &args.data_dir.data_dir, false)?;
        let judged = Judged { model: &model, data: &sets.test, set: set_name(&sets.name) };
        render(&run, Some(&judged)).with_context(|| args.run.display().to_string())?
    } else {
        render(&run, None)?
    };
    write(&file, &page)?;
    note(&format!("report {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// The report of a run that has just been trained to its end, into its directory; where it is.
pub(crate) fn of_trained(run: &Path, test: &Dataset, dataset: &str) -> anyhow::Result<PathBuf> {
    let (summary, model) = (RunSummary::read(run)?, Model::load(&run.join(RunDir::MODEL))?);
    let judged = Judged { model: &model, data: test, set: set_name(dataset) };
    let file = run.join(REPORT);
    write(&file, &render(&summary, Some(&judged))?)?;
    Ok(file)
}

fn set_name(dataset: &str) -> String {
    format!("{dataset} (test)")
}

fn write(file: &Path, page: &str) -> anyhow::Result<()> {
    write_atomically(file, |out| out.write_all(page.as_bytes()))
        .with_context(|| format!("{}: cannot write the report", file.display()))
}
