//! `mlp sweep`: train runs with varied hyperparameters in parallel, and rank them.

mod members;
mod workers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mlp_data::fs::DiskFile;
use mlp_train::{Metric, RunDir};
use serde::Serialize;
use toml::Table as Keys;

use self::members::{Sweep, free_directory, value_text};
use self::workers::Workers;
use crate::data::DataDir;
use crate::dataset_name::full_name;
use crate::output::messages::{note, print, print_json};
use crate::output::table::{Table, counted, duration, four_decimals};
use crate::output::version::PROGRAM;
use crate::parse;
use crate::recipe::choices::RecipeArgs;
use crate::recipe::variations::Variation;
use crate::runs::{RunSummary, State};
use crate::signals::Signals;

/// Tune hyperparameters.
///
/// Trains one run for each combination of values, from a grid or at random, and ranks the runs on
/// the validation set: the dataset's own, or else 10% of the training set. Runs are trained in
/// parallel, each on one thread.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp sweep --vary learning_rate=0.003,0.01,0.03 --vary hidden=[50],[100],[200] --epochs 10
  mlp sweep --recipe modern-100 --random 20 --vary learning_rate=0.01..0.5 --vary dropout=0..0.5
  mlp sweep --resume runs/sweep")]
pub(crate) struct Args {
    /// Recipe key and its values, `key=a,b,c`; with --random, also a range, `key=low..high`, which
    /// is logarithmic above 0
    #[arg(long, value_name = "KEY=VALUES", required_unless_present = "resume")]
    vary: Vec<Variation>,
    /// Number of random combinations to try instead of a grid
    #[arg(long, value_name = "N")]
    random: Option<usize>,
    /// Random seed for --random
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    sweep_seed: u64,
    /// Sweep directory, new or empty [default: runs/sweep, runs/sweep-2, …]
    #[arg(long, value_name = "DIR")]
    sweep_dir: Option<PathBuf>,
    /// Resume an interrupted sweep; only the paths of its datasets may change
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vary", "random", "sweep_dir"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    data_dir: DataDir,
    /// Number of parallel runs, 0 for all cores
    #[arg(long, value_name = "N", value_parser = parse::threads, default_value_t = 0)]
    threads: usize,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
    /// Print only errors to standard error
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let changes = args.resume.as_ref().map_or(Ok(Keys::new()), |_| args.recipe.changes_on_sweep_resume())?;
    let is_changed = !changes.is_empty();
    let (directory, sweep, _lock) = match &args.resume {
        Some(directory) => {
            let (mut sweep, lock) = Sweep::open(directory)?;
            if is_changed {
                sweep.change(changes, directory)?;
            }
            (directory.clone(), sweep, lock)
        }
        None => begin(args)?,
    };
    let members = sweep.members(&directory)?;
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let threads = threads.min(members.len());
    let workers = Workers::new(&members, &directory, &args.data_dir.data_dir, args.quiet);
    workers.prepare()?;
    // Not earlier: only now is it certain that the data are those of the runs that have begun.
    if is_changed {
        sweep.write(&directory)?;
    }
    if !args.quiet {
        let runs = counted(members.len(), "run");
        note(&format!("{runs} in {}, {threads} in parallel", directory.display()));
    }
    // Not earlier, so that a signal interrupts a download at once.
    let signals = Signals::listen()?;
    workers.train_all(threads, &signals)?;
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
        print(&text(&runs, metric, &directory))?;
    }
    if let Some((signal, code)) = signals.heard() {
        if !args.quiet {
            note(&format!("{signal}: all is saved; resume with: mlp sweep --resume {}", directory.display()));
        }
        return Ok(ExitCode::from(code));
    }
    if let (false, Some((best, _))) = (args.quiet, runs.first()) {
        note(&format!("repeat the best run with: mlp train --recipe {}/config.toml", best.path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks a new sweep and writes it to its directory.
fn begin(args: &Args) -> anyhow::Result<(PathBuf, Sweep, DiskFile)> {
    let mut recipe = args.recipe.resolve()?;
    let directory = match &args.sweep_dir {
        Some(directory) => directory.clone(),
        None => free_directory(Path::new("runs")),
    };
    recipe.dataset = full_name(&recipe.dataset);
    recipe.validation_set = recipe.validation_set.as_deref().map(full_name);
    let sweep = Sweep {
        vary: args.vary.iter().map(ToString::to_string).collect(),
        random: args.random,
        seed: args.sweep_seed.to_string(),
        recipe: recipe.stored_at(&directory).to_table(PROGRAM),
    };
    // Check before writing anything.
    sweep.members(Path::new(""))?;
    let lock = sweep.begin_in(&directory)?;
    Ok((directory, sweep, lock))
}

/// A run of the sweep, as JSON.
#[derive(Serialize)]
struct Entry<'a> {
    varied: &'a Keys,
    /// Best value of the ranking metric.
    value: Option<f64>,
    #[serde(flatten)]
    run: &'a RunSummary,
}

/// The value of the ranking metric.
fn value(run: &RunSummary) -> Option<f64> {
    run.result.as_ref()?.best.map(|best| best.value)
}

/// Sorts the best runs first, and runs without a value last.
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
    for (rank, (run, varied)) in runs.iter().enumerate() {
        let name = run.path.strip_prefix(directory).unwrap_or(&run.path).display().to_string();
        let cells = [(rank + 1).to_string(), name].into_iter().chain(varied.values().map(value_text));
        table.row(cells.chain([
            four_decimals(value(run)),
            four_decimals(run.validation_accuracy),
            run.progress(),
            run.state.name().to_owned(),
            duration(run.seconds),
        ]));
    }
    table.to_string()
}
