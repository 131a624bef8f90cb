//! `mlp sweep`: train runs with varied hyperparameters in parallel, and rank them.

mod follower;
mod halving;
mod job;
mod leader;
mod members;
mod message;
#[cfg(test)]
mod tests;
mod workers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use mlp_data::fs::DiskFile;
use mlp_train::mpi::Ranks;
use mlp_train::{Metric, RunDir, TrainConfig};
use serde::Serialize;
use toml::Table as Keys;

use self::halving::{Halving, Rung, Trial, next_wave, rungs};
use self::job::DataCache;
use self::leader::Leader;
use self::members::{Member, Sweep, free_directory, value_text};
use self::workers::{Threads, Workers};
use crate::data::DataDir;
use crate::dataset_name::full_name;
use crate::output::messages::{error, note, print, print_json};
use crate::output::table::{Table, counted, duration, four_decimals};
use crate::output::version::PROGRAM;
use crate::parse;
use crate::ranks;
use crate::recipe::choices::RecipeArgs;
use crate::recipe::variations::Variation;
use crate::runs::{RunSummary, State};
use crate::signals::Signals;

/// Tune hyperparameters.
///
/// Trains one run for each combination of values, from a grid or at random, and ranks the runs on
/// the validation set: the dataset's own, or else 10% of the training set. Runs are trained in
/// parallel, each on one thread. Under `mpirun`, in a build with MPI, each process trains one run
/// after the other.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp sweep --vary learning_rate=0.003,0.01,0.03 --vary hidden=[50],[100],[200] --epochs 10
  mlp sweep --recipe modern-100 --random 20 --vary learning_rate=0.01..0.5 --vary dropout=0..0.5
  mlp sweep --recipe modern-100 --random 27 --vary learning_rate=0.01..0.5 --halving
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
    /// Successive halving: train all runs for a few epochs, the best third for three times as many,
    /// and so on
    #[arg(long)]
    halving: bool,
    /// Keep one of this many runs at each rung
    #[arg(long, value_name = "N", alias = "eta", default_value_t = 3, requires = "halving")]
    reduction_factor: usize,
    /// Number of epochs in the first rung [default: chosen so that one run reaches the last rung]
    #[arg(long, value_name = "N", requires = "halving")]
    min_epochs: Option<usize>,
    /// Sweep directory, new or empty [default: runs/sweep, runs/sweep-2, …]
    #[arg(long, value_name = "DIR")]
    sweep_dir: Option<PathBuf>,
    /// Resume an interrupted sweep; only the paths of its datasets may change
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vary", "random", "halving", "sweep_dir"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    data_dir: DataDir,
    /// Number of parallel runs, 0 for all cores; under `mpirun`, threads of each process
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
    match ranks::connect()? {
        Some(world) if world.rank() > 0 => {
            let follow = |signals| follower::follow(&world, &args.data_dir.data_dir, &signals);
            Signals::listen().and_then(follow).or_else(|failure| {
                // The first rank would wait for this one.
                error(&failure);
                world.abort(2)
            })
        }
        Some(world) => lead(args, Some(Leader::new(&world))),
        None => lead(args, None),
    }
}

/// Runs the sweep, with other ranks if there are any.
fn lead(args: &Args, mut leader: Option<Leader<'_>>) -> anyhow::Result<ExitCode> {
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
    let rungs = rungs(sweep.halving.as_ref(), &configs(&members))?;
    let data = DataCache::new(&directory, &args.data_dir.data_dir, args.quiet);
    let workers = Workers::new(&members, data, args.quiet);
    workers.prepare()?;
    // Not earlier: only now is it certain that the data are those of the runs that have begun.
    if is_changed {
        sweep.write(&directory)?;
    }
    let (threads, workforce) = match &mut leader {
        Some(leader) => {
            let per_run = leader.start(&directory, args.threads)?;
            leader.remarks().iter().for_each(|text| workers.note(text));
            (Threads { runs: 1, per_run }, format!("on {}", counted(leader.size(), "rank")))
        }
        None => {
            let cores = || std::thread::available_parallelism().map_or(1, usize::from);
            let runs = if args.threads == 0 { cores() } else { args.threads }.min(members.len());
            (Threads { runs, per_run: 1 }, format!("{runs} in parallel"))
        }
    };
    workers.note(&format!("{} in {}, {workforce}", counted(members.len(), "run"), directory.display()));
    // Not earlier, so that a signal interrupts a download at once.
    let signals = Signals::listen()?;
    let metric = members[0].recipe.train.monitored(true);
    let heard = train(&rungs, &workers, threads, &signals, leader.as_mut())?;
    // Dropped so that the other ranks end.
    drop(leader);
    let mut runs = Vec::new();
    for member in &members {
        if RunDir::is_run(&member.path) {
            let mut run = RunSummary::read(&member.path)?;
            if heard.is_none() && run.state == State::Interrupted {
                run.state = State::Stopped;
            }
            runs.push((run, &member.varied));
        }
    }
    rank(&mut runs, metric);
    if args.json {
        let entries = runs.iter().map(|(run, varied)| Entry { varied, value: value(run), run });
        print_json(&entries.collect::<Vec<_>>())?;
    } else {
        print(&text(&runs, metric, &directory))?;
    }
    if let Some((signal, code)) = heard {
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

/// Trains all runs. Returns the name and the exit code of a signal that has interrupted it.
fn train(
    rungs: &[Rung],
    workers: &Workers<'_>,
    threads: Threads,
    signals: &Signals,
    mut leader: Option<&mut Leader<'_>>,
) -> anyhow::Result<Option<(String, u8)>> {
    let members = workers.members;
    let metric = members[0].recipe.train.monitored(true);
    while let Some(wave) = next_wave(rungs, &trials(members)?, metric) {
        if rungs.len() > 1 {
            workers.note(&rung_note(rungs, wave.rung, wave.members.len()));
        }
        workers.train(&wave, threads, signals, |queue, is_over_here| {
            if let Some(leader) = &mut leader {
                leader.serve(workers, queue, signals, is_over_here);
            }
        })?;
        let own = signals.heard().map(|(name, code)| (name.to_owned(), code));
        let heard = own.or_else(|| leader.as_ref()?.heard.clone());
        if heard.is_some() {
            return Ok(heard);
        }
        for path in wave.members.iter().map(|&member| &members[member].path) {
            if !Trial::read(path)?.has_reached(wave.epochs) {
                bail!("{}: it was trained, but its files do not show it; do not change them", path.display());
            }
        }
    }
    Ok(None)
}

fn configs(members: &[Member]) -> Vec<&TrainConfig> {
    members.iter().map(|member| &member.recipe.train).collect()
}

/// How far the runs are.
fn trials(members: &[Member]) -> anyhow::Result<Vec<Trial>> {
    members.iter().map(|member| Trial::read(&member.path)).collect()
}

fn rung_note(rungs: &[Rung], rung: usize, runs: usize) -> String {
    let to = rungs[rung].epochs.map_or("the end".to_owned(), |epochs| format!("epoch {epochs}"));
    format!("rung {} of {}: {} to {to}", rung + 1, rungs.len(), counted(runs, "run"))
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
        halving: args
            .halving
            .then_some(Halving { reduction_factor: args.reduction_factor, min_epochs: args.min_epochs }),
        seed: args.sweep_seed.to_string(),
        recipe: recipe.stored_at(&directory).to_table(PROGRAM),
    };
    // Check before writing anything.
    rungs(sweep.halving.as_ref(), &configs(&sweep.members(Path::new(""))?))?;
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
