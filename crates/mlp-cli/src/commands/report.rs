//! `mlp report`: write the HTML report of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mlp_data::Dataset;
use mlp_data::fs::write_atomically;
use mlp_train::{Model, RunDir};

use crate::data::{DataDir, load_named};
use crate::output::messages::note;
use crate::report::{Evaluated, render};
use crate::runs::RunSummary;

/// Write an HTML report of a run.
///
/// The report is one self-contained file with configuration, training curves, confusion matrix,
/// metrics of each class, most confident errors, calibration, weights, and the commands to
/// reproduce the run. `mlp train` writes it at the end.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp report runs/mnist
  mlp report runs/mnist --to mnist.html")]
pub(crate) struct Args {
    /// Run directory
    run: PathBuf,
    /// Output file [default: report.html in the run directory]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
}

/// File name of the report in a run directory.
const REPORT: &str = "report.html";

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let summary = RunSummary::read(&args.run)?;
    let path = args.run.join(RunDir::MODEL);
    let file = args.to.clone().unwrap_or_else(|| args.run.join(REPORT));
    if path.exists() {
        let model = Model::load(&path)?;
        let sets = load_named(&model.metadata.dataset, &args.data_dir.data_dir, false)?;
        write(&file, &summary, Some((&model, &sets.test, &sets.name)))?;
    } else {
        write(&file, &summary, None)?;
    }
    note(&format!("report {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes the report of a completed run to its directory, and returns its path.
pub(crate) fn of_trained(run: &Path, test: &Dataset, dataset: &str) -> anyhow::Result<PathBuf> {
    let model = Model::load(&run.join(RunDir::MODEL))?;
    let file = run.join(REPORT);
    write(&file, &RunSummary::read(run)?, Some((&model, test, dataset)))?;
    Ok(file)
}

fn write(file: &Path, run: &RunSummary, model: Option<(&Model, &Dataset, &str)>) -> anyhow::Result<()> {
    let evaluated =
        model.map(|(model, data, dataset)| Evaluated { model, data, set: format!("{dataset} (test)") });
    let page = render(run, evaluated.as_ref()).with_context(|| run.path.display().to_string())?;
    write_atomically(file, |out| out.write_all(page.as_bytes()))
        .with_context(|| format!("{}: cannot write the report", file.display()))
}
