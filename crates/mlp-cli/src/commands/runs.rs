//! `mlp runs`: what has been trained.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;

use crate::console::note;
use crate::run_list::{RunSummary, runs_in};
use crate::table::{Table, duration};

/// List runs: recipe, state, accuracy and time of each.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp runs
  mlp runs runs/sweep --json | jq '.[].test_accuracy'")]
pub(crate) struct Args {
    /// Where they are; directories below it are looked through, too
    #[arg(default_value = "runs")]
    directory: PathBuf,
    /// A JSON array instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let paths = runs_in(&args.directory).map_err(|error| {
        anyhow!("{}: cannot list the runs: {error}; `mlp train` makes one", args.directory.display())
    })?;
    let mut runs = Vec::new();
    for path in paths {
        match RunSummary::read(&path) {
            Ok(run) => runs.push(run),
            // One broken run does not hide the others.
            Err(error) => note(&format!("{error:#}")),
        }
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &runs).map_err(io::Error::from)?;
        writeln!(out)?;
    } else if runs.is_empty() {
        note(&format!("{}: no runs yet; `mlp train` makes one", args.directory.display()));
    } else {
        write!(out, "{}", text(&runs, &args.directory))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The path of a run without that of the directory that is listed, unless this is all of it.
fn below<'a>(path: &'a Path, directory: &Path) -> &'a Path {
    path.strip_prefix(directory).ok().filter(|rest| rest.iter().next().is_some()).unwrap_or(path)
}

fn text(runs: &[RunSummary], directory: &Path) -> String {
    let mut table = Table::new(["run", "recipe", "state", "epochs", "validation", "test", "time"]);
    let accuracy = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    for run in runs {
        table.row([
            below(&run.path, directory).display().to_string(),
            run.recipe.clone(),
            run.state.name().to_owned(),
            run.progress(),
            accuracy(run.validation_accuracy),
            accuracy(run.test_accuracy),
            duration(run.seconds),
        ]);
    }
    table.to_string()
}
