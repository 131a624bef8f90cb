//! `mlp train`: from flags to a run directory with a model in it, and on with one that was interrupted.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use mlp_core::Isa;
use mlp_train::{Ending, Every, Kernel, RunDir, RunResult, Status};

use super::report;
use crate::choices::RecipeArgs;
use crate::console::{Console, LogFormat, note};
use crate::datasets::DataDir;
use crate::hints::shell_quoted;
use crate::recipe::Recipe;
use crate::session::{Keeping, Session};
use crate::signals::Signals;
use crate::table::{duration, percent, thousands};

/// Train a network and write it to a run directory.
///
/// The defaults are the chapter's: 784-100-10 on MNIST, logistic units, 50 epochs of batches of 100, learning rate 0.01 on
/// the summed loss. Standard output gets a line for each epoch and one for the test set: a table on a terminal, the chapter's lines elsewhere.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp train                                  the chapter's network on MNIST
  mlp train --recipe modern-100              what is known today, in 784-100-10
  mlp train --resume runs/mnist              on with what was interrupted
  mlp train --rng numpy --precision f64      the chapter's NumPy program, number
                                             for number
  mlp train --recipe runs/mnist/config.toml --seed 1
                                             a run again, with another seed
  mlp train --dataset fashion-mnist --hidden 300,100 --activation relu \\
            --init he --loss-reduction mean --learning-rate 0.1")]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Go on with a run that was interrupted, in its directory: the bits are those of a run that never was
    #[arg(long, value_name = "RUN", conflicts_with_all = ["RecipeArgs", "Choices", "run_dir"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Threads; 0 takes all cores. The result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Where the run goes, a new or empty directory [default: the first free of runs/NAME, runs/NAME-2, …]
    #[arg(long, value_name = "DIR", help_heading = "Keeping")]
    run_dir: Option<PathBuf>,
    /// How often a checkpoint is written, besides the ends of epochs (of short ones, every half second): `30s`, `5m`, `500steps`
    #[arg(long, value_name = "TIME|STEPS", default_value = "60s", help_heading = "Keeping")]
    checkpoint_every: Every,
    /// Write a file for TensorBoard, too
    #[arg(long, help_heading = "Keeping")]
    tensorboard: bool,
    /// Leave out the report, which is written at the end
    #[arg(long, help_heading = "Keeping")]
    no_report: bool,
    /// How epochs are shown on standard output
    #[arg(long, value_enum, default_value_t, help_heading = "Watching")]
    log_format: LogFormat,
    /// Nothing on standard error but errors
    #[arg(long, short, help_heading = "Watching")]
    quiet: bool,
    /// Say what was decided, and why
    #[arg(long, short, conflicts_with = "quiet", help_heading = "Watching")]
    verbose: bool,
}

/// The least time between two checkpoints at the ends of epochs.
const SPACING: Duration = Duration::from_millis(500);

impl Args {
    fn note(&self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .context("cannot start the threads")?;
    let (session, run) = match &args.resume {
        None => begin(args)?,
        Some(path) => match go_on(args, path)? {
            Some(run) => run,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    // Not before: a download is ended at once.
    let signals = Signals::listen()?;
    args.note(&describe(&session, &run));
    if args.verbose {
        args.note(&explain(&session, args));
    }
    let keeping = Keeping {
        checkpoint_every: Some(args.checkpoint_every),
        spacing: SPACING,
        tensorboard: args.tensorboard,
        waits_for_disk: false,
    };
    let mut console = Console::new(&run, &session, args.log_format, args.quiet);
    let mut heard = signals.clone();
    let result = session.train(&run, keeping, &mut [&mut heard, &mut console])?;
    console.finish(&result)?;
    if result.status == Status::Interrupted {
        let (signal, code) = signals.heard().unwrap_or(("a signal", 130));
        args.note(&format!(
            "{signal} after {} whole epochs: all is saved; go on with: {}",
            result.epochs,
            resume_command(args, &run)
        ));
        return Ok(ExitCode::from(code));
    }
    args.note(&conclusion(&result, &run));
    if !args.no_report {
        let path = run.path().to_owned();
        // The run is done, and whoever looks at it now shall see that.
        drop(run);
        // The model is safe: a report that cannot be made is no failure of the training.
        let sets = &session.data.sets;
        match report::of_trained(&path, &sets.test, &sets.name) {
            Ok(file) => args.note(&format!("report   {}", file.display())),
            Err(error) => note(&format!("no report: {error:#}")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn begin(args: &Args) -> anyhow::Result<(Session, RunDir)> {
    let session = Session::load(args.recipe.resolve()?, &args.data_dir.data_dir, args.quiet)?;
    let run = match &args.run_dir {
        Some(path) => RunDir::create(path)?,
        None => RunDir::create_numbered(Path::new("runs"), session.run_name())?,
    };
    run.write_config(&session.config_toml())?;
    Ok((session, run))
}

/// `None` if there is nothing to go on with.
fn go_on(args: &Args, path: &Path) -> anyhow::Result<Option<(Session, RunDir)>> {
    let run = RunDir::open(path)?;
    if let Some(result) = RunDir::result(path)?.filter(|result| result.status == Status::Complete) {
        args.note(&format!(
            "{}: complete after {} epochs; there is nothing to go on with",
            path.display(),
            result.epochs
        ));
        return Ok(None);
    }
    let session = Session::load(Recipe::of_run(path)?, &args.data_dir.data_dir, args.quiet)?;
    Ok(Some((session, run)))
}

/// What somebody has to type to go on.
fn resume_command(args: &Args, run: &RunDir) -> String {
    let quoted = |path: &Path| shell_quoted(&path.display().to_string());
    let mut command = format!("mlp train --resume {}", quoted(run.path()));
    if args.data_dir.data_dir != Path::new("data") {
        command += &format!(" --data-dir {}", quoted(&args.data_dir.data_dir));
    }
    command
}

fn describe(session: &Session, run: &RunDir) -> String {
    let (sets, plan) = (&session.data.sets, &session.plan);
    let (architecture, config) = (plan.architecture(), plan.config());
    format!(
        "data     {}: {} training{} and {} test images of {}, {} classes\n\
         network  {}, {} parameters in {}\n\
         run      {}",
        sets.name,
        thousands(sets.train.len()),
        session
            .data
            .validation
            .as_ref()
            .map_or(String::new(), |set| format!(", {} validation", thousands(set.len()))),
        thousands(sets.test.len()),
        sets.train.shape(),
        sets.train.classes(),
        architecture,
        thousands(architecture.parameters()),
        config.precision,
        run.path().display(),
    )
}

/// What `--verbose` adds.
fn explain(session: &Session, args: &Args) -> String {
    let (plan, available) = (&session.plan, rayon::current_num_threads());
    let (config, train) = (plan.config(), &session.data.sets.train);
    let isa = Isa::best().name();
    let kernel = match plan.kernel() {
        Kernel::Sparse => format!("CSR rows by our {isa} kernels, everything else by OpenBLAS"),
        Kernel::Portable => format!("everything by our {isa} kernels"),
        _ => "everything by OpenBLAS".to_owned(),
    };
    let ema = match config.ema_decay {
        Some(decay) => format!(", EMA decay {decay}"),
        None => String::new(),
    };
    let judged = match &session.data.validation {
        Some(_) => format!("the best epoch by {}", config.monitored(true)),
        None if config.monitor.is_some() => format!("the best epoch by {}", config.monitored(false)),
        None => "no best epoch is kept without a validation set".to_owned(),
    };
    format!(
        "recipe   {}; seed {} of the {} stream\n\
         hash     {} (SHA-256 of the training set)\n\
         kernel   {}: {kernel}; {} of the pixels are not zero, and CSR rows are faster up to {}\n\
         threads  {} of {} share a step of {} examples\n\
         steps    {} an epoch, {} in all; {}, rate by {}{ema}\n\
         judge    {judged}\n\
         kept     a checkpoint at the ends of epochs, where the last is half a second old, and every {}",
        session.recipe.name,
        config.seed,
        config.rng,
        session.data.origin.sha256,
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
        args.checkpoint_every,
    )
}

fn conclusion(result: &RunResult, run: &RunDir) -> String {
    let why = match result.ending {
        Some(Ending::OutOfPatience) => ", out of patience",
        Some(Ending::TargetReached) => ", the target is reached",
        Some(Ending::OutOfTime) => ", the time is up",
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
