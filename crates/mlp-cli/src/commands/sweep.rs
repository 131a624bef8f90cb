//! `mlp sweep`: many runs with other choices, side by side, ranked.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_data::disk::Disk;
use mlp_train::{Control, Error, Event, Metric, Observer, RunDir, Status};
use serde::{Deserialize, Serialize};
use toml::Table as Keys;

use crate::choices::RecipeArgs;
use crate::console::note;
use crate::data_sets::DataDir;
use crate::recipe::Recipe;
use crate::run_list::{RunSummary, State};
use crate::session::{Data, Keeping, Session};
use crate::signals::Signals;
use crate::table::{Table, duration};
use crate::variations::{Variation, grid, random};

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
/// More runs than anybody waits for.
const MOST_RUNS: usize = 100_000;
const FILE: &str = "sweep.toml";
/// The least time between two checkpoints of a run: they are written at the ends of epochs.
const SPACING: Duration = Duration::from_secs(5);

/// What is in `sweep.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sweep {
    vary: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    random: Option<usize>,
    seed: String, // TOML's numbers are too small for some
    recipe: Keys,
}

/// A run to be, or one that is.
struct Member {
    path: PathBuf,
    varied: Keys,
    recipe: Recipe,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    let (directory, members, _lock) = match &args.resume {
        Some(directory) => {
            let members = members(directory, &read(directory)?)?;
            (directory.clone(), members, locked(directory)?)
        }
        None => begin(args)?,
    };
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let crew = Crew {
        args,
        members: &members,
        next: AtomicUsize::new(0),
        failure: Mutex::new(None),
        data: Mutex::new(BTreeMap::new()),
        signals: &signals,
        bars: MultiProgress::with_draw_target(if args.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        }),
    };
    crew.note(&format!(
        "{} runs in {}, {} side by side",
        members.len(),
        directory.display(),
        threads.min(members.len())
    ));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(members.len()) {
            scope.spawn(|| crew.work());
        }
    });
    let failure = crew.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failure {
        return Err(error);
    }
    let mut runs = Vec::new();
    for member in &members {
        if RunDir::is_run(&member.path) {
            runs.push((RunSummary::read(&member.path)?, &member.varied));
        }
    }
    let metric = members[0].recipe.train.monitored(true);
    rank(&mut runs, metric);
    let mut out = io::stdout().lock();
    if args.json {
        let report: Vec<_> =
            runs.iter().map(|(run, varied)| Entry { varied, value: value(run), run }).collect();
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", text(&runs, metric, &directory))?;
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
fn begin(args: &Args) -> anyhow::Result<(PathBuf, Vec<Member>, mlp_data::disk::DiskFile)> {
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
        recipe: recipe.to_table(crate::session::PROGRAM),
    };
    // Before anything is written.
    members(Path::new(""), &sweep)?;
    let directory = match &args.sweep_dir {
        Some(directory) => directory.clone(),
        None => free_directory(Path::new("runs")),
    };
    fs::create_dir_all(&directory)
        .with_context(|| format!("{}: cannot make the directory of the sweep", directory.display()))?;
    // Once before anything is written into a directory that is somebody's, and once when nobody else can write.
    check_free(&directory)?;
    let lock = locked(&directory)?;
    check_free(&directory)?;
    let text = toml::to_string(&sweep).expect("plain data");
    let path = directory.join(FILE);
    mlp_data::atomic::write_atomically(&path, |file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{}: cannot write the sweep", path.display()))?;
    let members = members(&directory, &sweep)?;
    Ok((directory, members, lock))
}

/// The first of `sweep`, `sweep-2`, … that is not there.
fn free_directory(parent: &Path) -> PathBuf {
    let name =
        |number: u64| parent.join(if number == 1 { "sweep".to_owned() } else { format!("sweep-{number}") });
    (1..).map(name).find(|path| !path.exists()).expect("some number is free")
}

fn check_free(directory: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    if entries.flatten().any(|entry| entry.file_name() != ".lock") {
        bail!(
            "{}: not empty; go on with a sweep by --resume, or name another directory",
            directory.display()
        );
    }
    Ok(())
}

fn locked(directory: &Path) -> anyhow::Result<mlp_data::disk::DiskFile> {
    let lock = Disk::default()
        .lock(&directory.join(".lock"))
        .with_context(|| format!("{}: cannot lock the directory of the sweep", directory.display()))?;
    lock.with_context(|| format!("{}: another process works at this sweep", directory.display()))
}

fn read(directory: &Path) -> anyhow::Result<Sweep> {
    let path = directory.join(FILE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("{}: cannot read the sweep", path.display()))?;
    toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {}", path.display(), error.message()))
}

/// The runs of a sweep.
fn members(directory: &Path, sweep: &Sweep) -> anyhow::Result<Vec<Member>> {
    let variations: Vec<Variation> = sweep
        .vary
        .iter()
        .map(|text| text.parse().map_err(|reason| anyhow::anyhow!("{text}: {reason}")))
        .collect::<anyhow::Result<_>>()?;
    let combinations = match sweep.random {
        Some(count) if count > MOST_RUNS => bail!("{count} runs; expected at most {MOST_RUNS}"),
        Some(count) => random(&variations, count, sweep.seed.parse().context("the seed of the sweep")?),
        None => grid(&variations).map_err(anyhow::Error::msg)?,
    };
    if !(1..=MOST_RUNS).contains(&combinations.len()) {
        bail!("{} runs; expected 1 to {MOST_RUNS}", combinations.len());
    }
    let width = combinations.len().to_string().len().max(3);
    let member = |(number, varied): (usize, Keys)| {
        let mut keys = sweep.recipe.clone();
        keys.extend(varied.clone());
        let recipe = Recipe::of(keys).and_then(|recipe| {
            recipe.train.check()?;
            Ok(recipe)
        });
        let recipe = recipe.with_context(|| shown(&varied))?;
        Ok(Member { path: directory.join(format!("{:0width$}", number + 1)), varied, recipe })
    };
    combinations.into_iter().enumerate().map(member).collect()
}

fn shown(varied: &Keys) -> String {
    let shown = |(key, value): (&String, &toml::Value)| format!("{key}={}", value_text(value));
    varied.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// A value as a person writes it; of what was drawn, three digits are enough to know it by.
fn value_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) => crate::table::three_digits(*number),
        other => other.to_string(),
    }
}

/// Those who train, and what they share.
struct Crew<'a> {
    args: &'a Args,
    members: &'a [Member],
    next: AtomicUsize,
    failure: Mutex<Option<anyhow::Error>>,
    /// The data sets that are asked for, by what decides them.
    data: Mutex<BTreeMap<String, Arc<Data>>>,
    signals: &'a Signals,
    bars: MultiProgress,
}

impl Crew<'_> {
    fn note(&self, text: &str) {
        if !self.args.quiet {
            self.bars.suspend(|| note(text));
        }
    }

    /// Takes one run after the other, on one thread.
    fn work(&self) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let result = pool.context("cannot start a thread").and_then(|pool| {
            pool.install(|| {
                while self.signals.heard().is_none() && !self.has_failed() {
                    let Some(member) = self.members.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                        break;
                    };
                    self.train(member)?;
                }
                Ok(())
            })
        });
        if let Err(error) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn train(&self, member: &Member) -> anyhow::Result<()> {
        let path = &member.path;
        let is_over = |status| matches!(status, Status::Complete | Status::Diverged);
        if RunDir::is_run(path) && RunDir::result(path)?.is_some_and(|result| is_over(result.status)) {
            return Ok(());
        }
        let session = Session::of(member.recipe.clone(), self.data(&member.recipe)?)
            .with_context(|| shown(&member.varied))?;
        let run = if RunDir::is_run(path) {
            RunDir::open(path)?
        } else {
            let run = RunDir::create(path)?;
            run.write_config(&session.config_toml())?;
            run
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut watch = Watch::new(&self.bars, format!("{name}  {}", shown(&member.varied)));
        let keeping = Keeping { spacing: SPACING, ..Keeping::default() };
        match session.train(&run, keeping, &mut [&mut self.signals.clone(), &mut watch]) {
            Ok(result) if result.status == Status::Interrupted => {}
            Ok(result) => {
                let best = result.best.map(|best| format!("{} {:.4}, ", best.metric, best.value));
                let best = best.unwrap_or_default();
                drop(watch);
                self.note(&format!("{name}  {}  {best}{}", shown(&member.varied), duration(result.seconds)));
            }
            Err(error) if matches!(error.downcast_ref(), Some(Error::Diverged { .. })) => {
                drop(watch);
                self.note(&format!("{name}  {}  diverged", shown(&member.varied)));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The data of a recipe, loaded once for all that ask for the same.
    fn data(&self, recipe: &Recipe) -> anyhow::Result<Arc<Data>> {
        let train = &recipe.train;
        let key =
            format!("{:?}", (&recipe.dataset, &recipe.validation_set, train.validation, train.split_seed));
        let mut known = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = known.get(&key) {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(Data::load(recipe, &self.args.data_dir.data_dir, self.args.quiet)?);
        known.insert(key, Arc::clone(&data));
        Ok(data)
    }
}

/// A bar for a run, gone when it ends.
struct Watch {
    bar: ProgressBar,
}

impl Watch {
    fn new(bars: &MultiProgress, name: String) -> Self {
        let bar = bars.add(ProgressBar::new(0));
        bar.set_style(
            ProgressStyle::with_template("{prefix}  {bar:20}  {eta} left").expect("a fixed template"),
        );
        bar.set_prefix(name);
        Self { bar }
    }
}

impl Observer for Watch {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match *event {
            Event::Started { epochs, examples, done, .. } => {
                self.bar.set_length(epochs.saturating_mul(examples) as u64);
                self.bar.set_position(done.saturating_mul(examples) as u64);
                self.bar.reset_eta();
            }
            Event::StepDone { examples, .. } => self.bar.inc(examples as u64),
            _ => {}
        }
        Ok(Control::Continue)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
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
