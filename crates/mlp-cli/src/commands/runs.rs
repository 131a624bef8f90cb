//! `mlp runs`: list the runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;

use crate::output::messages::{note, print, print_json};
use crate::output::table::{Table, duration, four_decimals};
use crate::runs::{RunSummary, runs_in};

/// List runs.
///
/// Shows the recipe, state, accuracy and time of each run.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp runs
  mlp runs runs/sweep --json | jq '.[].test_accuracy'")]
pub(crate) struct Args {
    /// Directory to search recursively
    #[arg(default_value = "runs")]
    directory: PathBuf,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let paths = runs_in(&args.directory).map_err(|error| {
        anyhow!("{}: cannot list the runs: {error}; start one with `mlp train`", args.directory.display())
    })?;
    let mut runs = Vec::new();
    for path in paths {
        match RunSummary::read(&path) {
            Ok(run) => runs.push(run),
            // Still list the other runs.
            Err(error) => note(&format!("{error:#}")),
        }
    }
    if args.json {
        print_json(&runs)?;
    } else if runs.is_empty() {
        note(&format!("{}: no runs yet; start one with `mlp train`", args.directory.display()));
    } else {
        print(&text(&runs, &args.directory))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The path of a run relative to the listed directory, or its whole path if it is that directory.
fn below<'a>(path: &'a Path, directory: &Path) -> &'a Path {
    path.strip_prefix(directory).ok().filter(|rest| rest.iter().next().is_some()).unwrap_or(path)
}

fn text(runs: &[RunSummary], directory: &Path) -> String {
    let mut table = Table::new(["run", "recipe", "state", "epochs", "validation", "test", "time"]);
    for run in runs {
        table.row([
            below(&run.path, directory).display().to_string(),
            run.recipe.clone(),
            run.state.name().to_owned(),
            run.progress(),
            four_decimals(run.validation_accuracy),
            four_decimals(run.test_accuracy),
            duration(run.seconds),
        ]);
    }
    table.to_string()
}
