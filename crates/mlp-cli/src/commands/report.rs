//! `mlp report`: write the HTML report of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mlp_data::Datasets;
use mlp_data::fs::write_atomically;
use mlp_train::{Model, RunDir};

use crate::data::{DataDir, Split, load_for, matched};
use crate::output::messages::note;
use crate::report::{Evaluated, render};
use crate::runs::RunSummary;

/// Write an HTML report of a run.
///
/// The report is one self-contained file with configuration, training curves, confusion matrix,
/// per-class metrics, most confident errors, calibration, weights, and the commands to reproduce
/// the run. `mlp train` writes one when it finishes.
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
    /// Dataset, a name or a directory [default: the one the run was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let summary = RunSummary::read(&args.run)?;
    let page = page(&summary, args.dataset.as_deref(), &args.data_dir.data_dir)?;
    let file = args.to.clone().unwrap_or_else(|| args.run.join("report.html"));
    write_atomically(&file, |out| out.write_all(page.as_bytes()))
        .with_context(|| format!("{}: cannot write the report", file.display()))?;
    note(&format!("report {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes the report of a completed run to its directory, and returns its path.
pub(crate) fn of_trained(run: &RunDir, sets: &Datasets) -> anyhow::Result<PathBuf> {
    let summary = RunSummary::of_trained(run)?;
    let model = Model::load(&run.model_path())?;
    run.write_report(&evaluated(&summary, &model, sets)?)?;
    Ok(run.report_path())
}

/// Writes the report that a completed run lacks because the program was killed, and returns its
/// path.
pub(crate) fn of_complete(run: &RunDir, dataset: Option<&str>, data_dir: &Path) -> anyhow::Result<PathBuf> {
    run.write_report(&page(&RunSummary::of_trained(run)?, dataset, data_dir)?)?;
    Ok(run.report_path())
}

fn page(run: &RunSummary, dataset: Option<&str>, data_dir: &Path) -> anyhow::Result<String> {
    let path = run.path.join(RunDir::MODEL);
    if !path.exists() {
        return render(run, None);
    }
    let model = Model::load(&path)?;
    let sets = load_for(&model, &path, dataset, data_dir, Split::Test)?;
    evaluated(run, &model, &sets)
}

fn evaluated(run: &RunSummary, model: &Model, sets: &Datasets) -> anyhow::Result<String> {
    let set = format!("{} (test)", sets.name);
    let context = || run.path.display().to_string();
    let matched = matched(model, sets, Split::Test).with_context(context)?;
    render(run, Some(&Evaluated { model, matched, set })).with_context(context)
}
