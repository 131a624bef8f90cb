//! `mlp verify-resume`: check that interrupted runs are bit-identical to uninterrupted ones on this
//! machine.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use mlp_core::{NativeStream, RandomStream};
use mlp_train::{Control, Error, Event, Every, Model, Observer, OptimizerName, RunDir, ScheduleName, Status};

use crate::data::{DataDir, TrainingData};
use crate::output::table::{Table, counted};
use crate::recipe::Recipe;
use crate::recipe::choices::RecipeArgs;
use crate::training::Training;

/// Check that resumed runs are bit-identical.
///
/// Trains with and without interruptions and compares the results. By default, tests every
/// optimizer with every schedule, with dropout and EMA, on generated digits. With a recipe or
/// flags, tests that configuration. Every other interruption is a crash, after which steps since
/// the last checkpoint are repeated.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp verify-resume
  mlp verify-resume --recipe modern-100 --epochs 3 --interruptions 10")]
pub(crate) struct Args {
    /// Interruptions per run
    #[arg(long, value_name = "N", default_value_t = 4)]
    interruptions: usize,
    /// Random seed for the steps to interrupt at
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    places: u64,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    data_dir: DataDir,
}

/// Steps between checkpoints.
const CHECKPOINT_EVERY: u64 = 7;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut recipes = Vec::new();
    if args.recipe.is_empty() {
        for optimizer in OptimizerName::ALL {
            for schedule in ScheduleName::ALL {
                recipes.push(small(optimizer, schedule)?);
            }
        }
    } else {
        recipes.push(args.recipe.resolve()?);
    }
    if recipes.iter().any(|recipe| recipe.train.max_seconds.is_some()) {
        bail!("runs with a time limit are not reproducible; unset it with --set max_seconds=none");
    }
    let mut table =
        Table::new(["optimizer", "schedule", "steps", "interrupted", "model, SHA-256", "same bits"]);
    let data = Arc::new(TrainingData::load(&recipes[0], &args.data_dir.data_dir, false)?);
    let mut differ = 0;
    for recipe in recipes {
        let training = Training::new(recipe, Arc::clone(&data))?;
        let scratch = tempfile::tempdir().context("cannot create a temporary directory")?;
        let whole = train(&training, &scratch.path().join("whole"), &BTreeSet::new())?;
        let steps = training.plan.batches() * training.plan.config().epochs;
        let places = places(steps, args.interruptions, args.places);
        let resumed = train(&training, &scratch.path().join("interrupted"), &places)?;
        let config = training.plan.config();
        differ += usize::from(whole != resumed);
        table.row([
            config.optimizer.to_string(),
            config.schedule.to_string(),
            steps.to_string(),
            counted(places.len(), "time"),
            whole.sha256[..16].to_owned(),
            if whole == resumed { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{table}")?;
    if differ > 0 {
        writeln!(out, "not bit-identical: {}", counted(differ, "interrupted run"))?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "all models and traces are bit-identical")?;
    Ok(ExitCode::SUCCESS)
}

/// A run of 60 steps that uses every kind of state in a checkpoint.
fn small(optimizer: OptimizerName, schedule: ScheduleName) -> anyhow::Result<Recipe> {
    let set = [
        "dataset=synthetic",
        "hidden=[24]",
        "epochs=3",
        "batch_size=25",
        "loss_reduction=mean",
        "learning_rate=0.01",
        "weight_decay=0.001",
        "clip_norm=1.0",
        "dropout=0.2",
        "input_dropout=0.1",
        "label_smoothing=0.1",
        "adversarial=0.5",
        "ema_decay=0.95",
        "validation=0.95",
        "plateau_patience=1",
        "step_size=1",
    ];
    let mut settings: Vec<String> = set.map(str::to_owned).into();
    settings.extend([format!("optimizer={optimizer}"), format!("schedule={schedule}")]);
    Recipe::resolve("textbook", &settings, toml::Table::new())
}

/// Chooses random steps to interrupt after.
fn places(steps: usize, count: usize, seed: u64) -> BTreeSet<usize> {
    let mut stream = NativeStream::new(seed);
    let mut places = BTreeSet::new();
    while places.len() < count.min(steps.saturating_sub(1)) {
        places.insert(1 + (stream.uniform() * (steps - 1) as f64) as usize);
    }
    places
}

/// The parts of a run that must be bit-identical.
#[derive(PartialEq)]
struct Trained {
    sha256: String,
    best: Option<String>,
    trace: Vec<u8>,
}

/// Trains in a directory and interrupts the run after each of these steps.
fn train(training: &Training, path: &Path, places: &BTreeSet<usize>) -> anyhow::Result<Trained> {
    let mut setup = training.setup(path);
    setup.checkpoint_every = Some(Every::Steps(CHECKPOINT_EVERY));
    setup.waits_for_disk = true;
    RunDir::create(path)?.write_config(&training.config_toml(path))?;
    let places = places.iter().map(|&step| Some(step)).chain([None]);
    for (number, at) in places.enumerate() {
        let run = RunDir::open(path)?;
        let batches = training.plan.batches();
        let mut interrupt = Interrupt { at, batches, crashes: number % 2 == 1 };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + number % 3).build()?;
        let ended = pool.install(|| training.train(&run, &setup, &mut [&mut interrupt]));
        match ended {
            Ok(result) if at.is_none() && result.status == Status::Complete => {}
            Ok(result) if at.is_some() && result.status == Status::Interrupted => {}
            Ok(result) => {
                bail!("training ended after {}; expected an interruption", counted(result.epochs, "epoch"))
            }
            Err(error) if is_crash(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let run = RunDir::open(path)?;
    let best = run.best_path().exists().then(|| Model::load(&run.best_path())).transpose()?;
    Ok(Trained {
        sha256: Model::load(&run.model_path())?.sha256(),
        best: best.map(|model| model.sha256()),
        trace: fs::read(run.trace_path())?,
    })
}

/// Ends training after a step with a stop request or a crash.
struct Interrupt {
    at: Option<usize>,
    batches: usize, // per epoch
    crashes: bool,
}

const CRASH: &str = "interrupted on purpose";

impl Observer for Interrupt {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        let Event::StepDone { epoch, step, .. } = *event else { return Ok(Control::Continue) };
        if self.at != Some((epoch - 1) * self.batches + step) {
            return Ok(Control::Continue);
        }
        if self.crashes {
            return Err(Error::Observer {
                what: CRASH.to_owned(),
                reason: io::ErrorKind::Interrupted.into(),
            });
        }
        Ok(Control::Stop)
    }
}

fn is_crash(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Observer { what, .. }) if what == CRASH)
}
