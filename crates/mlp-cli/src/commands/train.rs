//! `mlp train`: from flags to a trained model, by way of a recipe, its data, a training plan and a
//! run directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mlp_core::Isa;
use mlp_train::{Ending, Every, Kernel, RunDir, RunResult, Status};

use super::report;
use crate::data::{DataDir, TrainingData};
use crate::output::console::{Console, LogFormat};
use crate::output::messages::note;
use crate::output::table::{duration, percent, thousands};
use crate::output::text::shell_quoted;
use crate::recipe::Recipe;
use crate::recipe::choices::RecipeArgs;
use crate::signals::Signals;
use crate::training::{Training, start_threads};

/// Train a network and write it to a run directory.
///
/// The defaults are the chapter's: 784-100-10 on MNIST, logistic units, 50 epochs of batches of
/// 100, learning rate 0.01 on the summed loss. Standard output gets a line for each epoch and one
/// for the test set: a table on a terminal, the chapter's lines elsewhere.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp train                                  the chapter's network on MNIST
  mlp train --recipe modern-100              784-100-10 with modern methods
  mlp train --resume runs/mnist              resume an interrupted run
  mlp train --rng numpy --precision f64      the same numbers as the chapter's
                                             NumPy program
  mlp train --recipe runs/mnist/config.toml --seed 1
                                             repeat a run with another seed
  mlp train --dataset fashion-mnist --hidden 300,100 --activation relu \\
            --init he --loss-reduction mean --learning-rate 0.1")]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Resume an interrupted run; the result is bit-identical to an uninterrupted one
    #[arg(long, value_name = "RUN", conflicts_with = "run_dir")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Number of threads, 0 for all cores; the result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Run directory, new or empty [default: the first free of runs/NAME, runs/NAME-2, …]
    #[arg(long, value_name = "DIR", help_heading = "Saving")]
    run_dir: Option<PathBuf>,
    /// Interval between checkpoints within an epoch: `30s`, `5m`, `500steps`
    #[arg(long, value_name = "TIME|STEPS", default_value = "60s", help_heading = "Saving")]
    checkpoint_every: Every,
    /// Write a TensorBoard event file, too
    #[arg(long, help_heading = "Saving")]
    tensorboard: bool,
    /// Do not write a report at the end
    #[arg(long, help_heading = "Saving")]
    no_report: bool,
    /// Format of the progress on standard output
    #[arg(long, value_enum, default_value_t, help_heading = "Progress")]
    log_format: LogFormat,
    /// Print nothing but errors to standard error
    #[arg(long, short, help_heading = "Progress")]
    quiet: bool,
    /// Print what was decided, and why
    #[arg(long, short, conflicts_with = "quiet", help_heading = "Progress")]
    verbose: bool,
}

/// The minimum time between two checkpoints at the ends of epochs.
const SPACING: Duration = Duration::from_millis(500);

impl Args {
    fn note(&self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    start_threads(args.threads)?;
    if args.resume.is_some() {
        args.recipe.refuse_beside_resume()?;
    }
    let interrupted = args.resume.as_deref().map(RunDir::open).transpose()?;
    if let Some(run) = &interrupted
        && let Some(epochs) = finished_epochs(run)?
    {
        args.note(&format!("{}: complete after {epochs} epochs; nothing to resume", run.path().display()));
        return Ok(ExitCode::SUCCESS);
    }

    let recipe = match &interrupted {
        None => args.recipe.resolve()?,
        Some(run) => Recipe::of_run(run.path())?,
    };
    let data = TrainingData::load(&recipe, &args.data_dir.data_dir, args.quiet)?;
    let training = Training::new(recipe, Arc::new(data))?;
    let run = interrupted.map_or_else(|| create_run(args.run_dir.as_deref(), &training), Ok)?;
    // Only now, so that a signal ends a download at once.
    let signals = Signals::listen()?;
    args.note(&describe(&training, &run));
    if let Some(text) = left_over(&training) {
        args.note(&text);
    }
    if args.verbose {
        args.note(&explain(&training, args.checkpoint_every));
    }
    let (config, has_validation) = (training.plan.config(), training.data.validation.is_some());
    let mut console = Console::new(run.path(), config, has_validation, args.log_format, args.quiet);
    let mut setup = training.setup();
    setup.checkpoint_every = Some(args.checkpoint_every);
    setup.spacing = SPACING;
    setup.tensorboard = args.tensorboard;
    let result = training.train(&run, &setup, &mut [&mut signals.clone(), &mut console])?;
    console.finish(&result)?;

    if result.status == Status::Interrupted {
        let (signal, code) = signals.heard().unwrap_or(("a signal", 130));
        let (epochs, resume) = (result.epochs, resume_command(run.path(), &args.data_dir.data_dir));
        args.note(&format!("{signal} after {epochs} complete epochs: all is saved; resume with: {resume}"));
        return Ok(ExitCode::from(code));
    }
    args.note(&conclusion(&result, &run));
    if !args.no_report {
        let path = run.path().to_owned();
        // Releases the run, so that the report shows it as complete.
        drop(run);
        // The model is safe: without a report, the training has not failed.
        let sets = &training.data.sets;
        match report::of_trained(&path, &sets.test, &sets.name) {
            Ok(file) => args.note(&format!("report   {}", file.display())),
            Err(error) => note(&format!("no report: {error:#}")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The number of epochs of a run that is complete.
fn finished_epochs(run: &RunDir) -> Result<Option<usize>, mlp_train::Error> {
    let result = RunDir::result(run.path())?;
    Ok(result.filter(|result| result.status == Status::Complete).map(|result| result.epochs))
}

/// Creates the directory of a new run with its `config.toml`.
fn create_run(path: Option<&Path>, training: &Training) -> anyhow::Result<RunDir> {
    let run = match path {
        Some(path) => RunDir::create(path)?,
        None => RunDir::create_numbered(Path::new("runs"), training.run_name())?,
    };
    run.write_config(&training.config_toml())?;
    Ok(run)
}

/// The command that resumes a run.
fn resume_command(run: &Path, data_dir: &Path) -> String {
    let quoted = |path: &Path| shell_quoted(&path.display().to_string());
    let mut command = format!("mlp train --resume {}", quoted(run));
    if data_dir != Path::new("data") {
        command += &format!(" --data-dir {}", quoted(data_dir));
    }
    command
}

fn describe(training: &Training, run: &RunDir) -> String {
    let (data, plan) = (&training.data, &training.plan);
    let (sets, architecture) = (&data.sets, plan.architecture());
    let validation = data
        .validation
        .as_ref()
        .map_or(String::new(), |set| format!(", {} validation", thousands(set.len())));
    format!(
        "data     {}: {} training{validation} and {} test images of {}, {} classes\n\
         network  {architecture}, {} parameters in {}\n\
         run      {}",
        sets.name,
        thousands(sets.train.len()),
        thousands(sets.test.len()),
        sets.train.shape(),
        sets.train.classes(),
        thousands(architecture.parameters()),
        plan.config().precision,
        run.path().display(),
    )
}

/// Says how many examples are left out of each epoch because they do not fill a batch.
fn left_over(training: &Training) -> Option<String> {
    let (config, examples) = (training.plan.config(), training.data.sets.train.len());
    let left = if config.drop_last { examples % config.batch_size } else { 0 };
    (left > 0).then(|| {
        format!(
            "batches  of {} leave out {left} of {} examples in each epoch; --drop-last false keeps them",
            config.batch_size,
            thousands(examples)
        )
    })
}

/// The lines that `--verbose` adds.
fn explain(training: &Training, checkpoint_every: Every) -> String {
    let (plan, available) = (&training.plan, rayon::current_num_threads());
    let (config, train) = (plan.config(), &training.data.sets.train);
    let isa = Isa::best().name();
    let kernel = match plan.kernel() {
        Kernel::Sparse => format!("CSR rows by our {isa} kernels, dense products by OpenBLAS"),
        Kernel::Portable => format!("all products by our {isa} kernels"),
        _ => "all products by OpenBLAS".to_owned(),
    };
    let ema =
        config.ema_decay.map_or(String::new(), |decay| format!(", EMA of the weights with decay {decay}"));
    let has_validation = training.data.validation.is_some();
    let best = if has_validation || config.monitor.is_some() {
        config.monitored(has_validation).to_string()
    } else {
        "not kept without a validation set".to_owned()
    };
    format!(
        "recipe   {}; seed {} of the {} stream\n\
         hash     {} (SHA-256 of the training set)\n\
         kernel   {}: {kernel}; {} of the pixels are nonzero, and CSR rows are faster up to {}\n\
         threads  {} of {} for a step of {} examples\n\
         steps    {} per epoch, {} in total; {}, learning rate schedule {}{ema}\n\
         best     {best}\n\
         saving   a checkpoint every {checkpoint_every}, and at the end of an epoch if the last is half a second old",
        training.recipe.name,
        config.seed,
        config.rng,
        training.data.origin.sha256,
        plan.kernel(),
        percent(train.density()),
        percent(Kernel::MAX_DENSITY),
        plan.threads(train, available),
        available,
        config.batch_size,
        thousands(plan.batches()),
        thousands(plan.batches().saturating_mul(config.epochs)),
        config.optimizer,
        config.schedule,
    )
}

fn conclusion(result: &RunResult, run: &RunDir) -> String {
    let why = match result.ending {
        Some(Ending::OutOfPatience) => ", out of patience",
        Some(Ending::TargetReached) => ", target reached",
        Some(Ending::OutOfTime) => ", out of time",
        _ => "",
    };
    let epochs = if result.epochs == 1 { "epoch" } else { "epochs" };
    let mut text = format!("done     {} {epochs} in {}{why}\n", result.epochs, duration(result.seconds));
    text += &format!("model    {}", run.model_path().display());
    if let Some(best) = result.best {
        text += &format!("\nbest     {}, of epoch {}", run.best_path().display(), best.epoch);
    }
    text
}
