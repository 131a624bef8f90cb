//! `mlp sweep`: many runs with other choices, side by side, ranked.

mod crew;
mod members;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mlp_data::disk::DiskFile;
use mlp_train::{Metric, RunDir};
use serde::Serialize;
use toml::Table as Keys;

use self::crew::Crew;
use self::members::{Member, Sweep, free_directory, value_text};
use crate::data::DataDir;
use crate::output::messages::{note, print_json};
use crate::output::table::{Table, duration};
use crate::output::version::PROGRAM;
use crate::recipe::choices::RecipeArgs;
use crate::recipe::variations::Variation;
use crate::runs::{RunSummary, State};
use crate::signals::Signals;

/// Try other choices: a grid of values or random ones, a run for each, ranked by what they reach on the validation set.
///
/// Runs go side by side, each on one thread. A sweep that was interrupted goes on where it was.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp sweep --vary learning_rate=0.003,0.01,0.03 --vary hidden=[50],[100],[200] --epochs 10
  mlp sweep --recipe modern-100 --random 20 --vary learning_rate=0.01..0.5 --vary dropout=0..0.5
  mlp sweep --resume runs/sweep")]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// A key of a recipe with its values, `key=a,b,c`, or with --random a range, `key=low..high`, drawn from evenly on a
    /// logarithmic scale if it lies above 0
    #[arg(long, value_name = "KEY=VALUES", required_unless_present = "resume")]
    vary: Vec<Variation>,
    /// Draw this many combinations instead of trying all
    #[arg(long, value_name = "N")]
    random: Option<usize>,
    /// Of what --random draws
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    sweep_seed: u64,
    /// Where the runs go, a new or empty directory [default: the first free of runs/sweep, runs/sweep-2, …]
    #[arg(long, value_name = "DIR")]
    sweep_dir: Option<PathBuf>,
    /// Go on with a sweep that was interrupted
    #[arg(long, value_name = "DIR", conflicts_with_all = ["RecipeArgs", "Choices", "vary", "random", "sweep_dir"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Runs side by side; 0 takes all cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// A JSON array instead of a table
    #[arg(long)]
    json: bool,
    /// Nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
}

/// What is set apart where the recipe sets nothing apart: a sweep has to be judged by something.
const VALIDATION: f64 = 0.1;
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (directory, members, _lock) = match &args.resume {
        Some(directory) => {
            let (sweep, lock) = Sweep::open(directory)?;
            (directory.clone(), sweep.members(directory)?, lock)
        }
        None => begin(args)?,
    };
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let threads = threads.min(members.len());
    if !args.quiet {
        note(&format!("{} runs in {}, {threads} side by side", members.len(), directory.display()));
    }
    let crew = Crew::new(&members, &args.data_dir.data_dir, args.quiet);
    crew.prepare()?;
    // Not before: a download is ended at once.
    let signals = Signals::listen()?;
    crew.train_all(threads, &signals)?;
    let mut runs = Vec::new();
    for member in &members {
        if RunDir::is_run(&member.path) {
            runs.push((RunSummary::read(&member.path)?, &member.varied));
        }
    }
    let metric = members[0].recipe.train.monitored(true);
    rank(&mut runs, metric);
    if args.json {
        let entries = runs.iter().map(|(run, varied)| Entry { varied, value: value(run), run });
        print_json(&entries.collect::<Vec<_>>())?;
    } else {
        write!(io::stdout().lock(), "{}", text(&runs, metric, &directory))?;
    }
    if let Some((signal, code)) = signals.heard() {
        if !args.quiet {
            note(&format!("{signal}: all is saved; go on with: mlp sweep --resume {}", directory.display()));
        }
        return Ok(ExitCode::from(code));
    }
    if let (false, Some((best, _))) = (args.quiet, runs.first()) {
        note(&format!("the best again: mlp train --recipe {}/config.toml", best.path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A new sweep: what it is, checked and written down.
fn begin(args: &Args) -> anyhow::Result<(PathBuf, Vec<Member>, DiskFile)> {
    let mut recipe = args.recipe.resolve()?;
    if recipe.train.validation == 0.0 && recipe.validation_set.is_none() {
        recipe.train.validation = VALIDATION;
        if !args.quiet {
            note(&format!(
                "a share of {VALIDATION} of the training set is set apart to judge by (--validation)"
            ));
        }
    }
    let sweep = Sweep {
        vary: args.vary.iter().map(ToString::to_string).collect(),
        random: args.random,
        seed: args.sweep_seed.to_string(),
        recipe: recipe.to_table(PROGRAM),
    };
    // Before anything is written.
    sweep.members(Path::new(""))?;
    let directory = match &args.sweep_dir {
        Some(directory) => directory.clone(),
        None => free_directory(Path::new("runs")),
    };
    let lock = sweep.begin_in(&directory)?;
    let members = sweep.members(&directory)?;
    Ok((directory, members, lock))
}

/// A run of the sweep, for programs.
#[derive(Serialize)]
struct Entry<'a> {
    varied: &'a Keys,
    /// The best value of the metric that the runs are ranked by.
    value: Option<f64>,
    #[serde(flatten)]
    run: &'a RunSummary,
}

/// The value that a run is ranked by.
fn value(run: &RunSummary) -> Option<f64> {
    run.result.as_ref()?.best.map(|best| best.value)
}

/// The best first; what has no value last.
fn rank(runs: &mut [(RunSummary, &Keys)], metric: Metric) {
    let key = |run: &RunSummary| {
        let value = value(run).filter(|_| run.state != State::Diverged).unwrap_or(f64::INFINITY);
        if metric.rises() && value.is_finite() { -value } else { value }
    };
    runs.sort_by(|a, b| key(&a.0).total_cmp(&key(&b.0)));
}

fn text(runs: &[(RunSummary, &Keys)], metric: Metric, directory: &Path) -> String {
    let keys: Vec<&String> = runs.first().map_or_else(Vec::new, |(_, varied)| varied.keys().collect());
    let mut table =
        Table::of(["rank", "run"].into_iter().chain(keys.iter().map(|key| key.as_str())).chain([
            metric.name(),
            "accuracy",
            "epochs",
            "state",
            "time",
        ]));
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    for (rank, (run, varied)) in runs.iter().enumerate() {
        let name = run.path.strip_prefix(directory).unwrap_or(&run.path).display().to_string();
        let cells = [(rank + 1).to_string(), name].into_iter().chain(varied.values().map(value_text));
        table.row(cells.chain([
            number(value(run)),
            number(run.validation_accuracy),
            run.progress(),
            run.state.name().to_owned(),
            duration(run.seconds),
        ]));
    }
    table.to_string()
}
