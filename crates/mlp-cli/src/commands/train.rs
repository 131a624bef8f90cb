//! `mlp train`: train a network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mlp_core::Isa;
use mlp_data::text::printable;
use mlp_train::{Ending, Every, Kernel, Observer, RunDir, RunResult, ScheduleName, Status};
use toml::Table;

use super::{report, train_ranks};
use crate::data::{DataDir, TrainingData};
use crate::output::console::{Console, LogFormat};
use crate::output::messages::note;
use crate::output::table::{counted, duration, percent, thousands};
use crate::output::text::shell_quoted_path;
use crate::parse;
use crate::ranks;
use crate::recipe::Recipe;
use crate::recipe::choices::RecipeArgs;
use crate::signals::Signals;
use crate::together::Group;
use crate::training::{Training, start_threads};

/// Train a network.
///
/// The default is the textbook chapter's network: 784-100-10 on MNIST, trained for 50 epochs with
/// plain gradient descent. Model, checkpoint, metrics and report are written to a run directory.
/// Standard output shows one line per epoch and one for the test set, as a table on a terminal.
#[derive(clap::Args)]
#[command(after_help = "`mlp train --help` shows all options, with examples.")]
#[command(after_long_help = "\
Examples:
  mlp train                              Train the default network on MNIST
  mlp train --recipe modern-100          The same layer sizes, with modern methods
  mlp train --resume runs/mnist          Resume an interrupted run
  mlp train --recipe runs/mnist/config.toml --seed 1
                                         Repeat a run with another seed
  mlp train --rng numpy --precision f64  The results of the chapter's NumPy program
  mlp train --dataset fashion-mnist --hidden 300,100 --activation relu \\
            --init he --loss-reduction mean --learning-rate 0.1")]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Resume a run; only --epochs and the paths of its datasets may change
    #[arg(long, value_name = "RUN", conflicts_with = "run_dir")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Number of threads, 0 for all cores
    #[arg(long, value_name = "N", value_parser = parse::threads, default_value_t = 0)]
    threads: usize,
    /// Run directory, new or empty [default: runs/NAME, runs/NAME-2, …]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    run_dir: Option<PathBuf>,
    /// Interval between checkpoints within an epoch: `30s`, `5m`, `500steps`
    #[arg(long, value_name = "TIME|STEPS", default_value = "60s", hide_short_help = true)]
    #[arg(help_heading = OUTPUT)]
    checkpoint_every: Every,
    /// Also write a TensorBoard event file
    #[arg(long, hide_short_help = true, help_heading = OUTPUT)]
    tensorboard: bool,
    /// Do not write a report at the end
    #[arg(long, hide_short_help = true, help_heading = OUTPUT)]
    no_report: bool,
    /// Progress format on standard output
    #[arg(long, value_enum, default_value_t, hide_short_help = true, help_heading = OUTPUT)]
    log_format: LogFormat,
    /// Print only errors to standard error
    #[arg(long, short, help_heading = OUTPUT)]
    quiet: bool,
    /// Print details: configuration, kernel, threads, steps
    #[arg(long, short, conflicts_with = "quiet", help_heading = OUTPUT)]
    verbose: bool,
}

const OUTPUT: &str = "Output";

/// Minimum time between checkpoints at the ends of epochs.
const SPACING: Duration = Duration::from_millis(500);

impl Args {
    fn note(&self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }

    fn note_report(&self, report: anyhow::Result<PathBuf>) {
        match report {
            Ok(file) => self.note(&format!("report   {}", file.display())),
            Err(error) => note(&format!("no report: {error:#}")),
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match ranks::connect()? {
        None => train(args, None),
        Some(world) => {
            let settings = (args.threads, args.data_dir.data_dir.as_path());
            train_ranks::run(world, settings, |group| train(args, Some(group)))
        }
    }
}

fn train(args: &Args, group: Option<&Group>) -> anyhow::Result<ExitCode> {
    start_threads(args.threads)?;
    let changes = args.resume.as_ref().map_or(Ok(Table::new()), |_| args.recipe.changes_on_resume())?;
    let interrupted = args.resume.as_deref().map(RunDir::open).transpose()?;
    let recipe = match &interrupted {
        None => args.recipe.resolve()?,
        Some(run) => Recipe::of_run(run.path(), changes)?,
    };
    let changes_epochs = match &interrupted {
        None => false,
        Some(run) => Recipe::of_run(run.path(), Table::new())?.train.epochs != recipe.train.epochs,
    };
    let data_dir = &args.data_dir.data_dir;
    if let Some(run) = &interrupted
        && let Some(result) = finished(run, &recipe)?
    {
        let epochs = counted(result.epochs, "epoch");
        let why = reason(result.ending);
        args.note(&format!("{}: complete after {epochs}{why}; nothing to resume", run.path().display()));
        if !args.no_report && !run.report_path().exists() {
            let dataset = args.recipe.dataset_on_resume()?;
            args.note_report(report::of_complete(run, dataset.as_deref(), data_dir));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let data = match &interrupted {
        None => TrainingData::load(&recipe, data_dir, args.quiet)?,
        Some(run) => TrainingData::load_of_run(&recipe, run.path(), data_dir, args.quiet)?,
    };
    let training = Training::new(recipe, Arc::new(data))?;
    group.map_or(Ok(()), |group| training.plan.check_processes(group.size()))?;
    let run = interrupted.map_or_else(|| create_run(args.run_dir.as_deref(), &training), Ok)?;
    if !run.is_locked() {
        args.note(&format!(
            "{}: this file system does not support locks; make sure that no other process trains here",
            run.path().display()
        ));
    }
    // Not earlier, so that a signal interrupts a download at once.
    let signals = Signals::listen()?;
    args.note(&describe(&training, &run));
    if let Some(text) = training.left_over() {
        args.note(&format!("batches  {text}"));
    }
    if args.verbose {
        args.note(&explain(&training, args.checkpoint_every));
    }
    let (config, has_validation) = (training.plan.config(), training.data.validation.is_some());
    let mut console = Console::new(run.path(), config, has_validation, args.log_format, args.quiet);
    let slow = group.and_then(|group| slow_sharing(&training, group.size()));
    for text in remarks(&training, changes_epochs).into_iter().chain(slow) {
        args.note(&text);
    }
    let mut setup = training.setup(run.path());
    setup.checkpoint_every = Some(args.checkpoint_every);
    setup.spacing = SPACING;
    setup.tensorboard = args.tensorboard;
    let observers: &mut [&mut dyn Observer] = &mut [&mut signals.clone(), &mut console];
    let result = training.train_with(&run, &training.config_toml(run.path()), &setup, observers, group)?;
    console.finish(&result);
    if let Some(group) = group.filter(|_| args.verbose) {
        args.note(&format!("waited   {:.1} s for other processes", group.waited().as_secs_f64()));
    }

    if result.status == Status::Interrupted {
        let (signal, code) = signals.heard().unwrap_or(("a signal", 130));
        let (epochs, resume) =
            (counted(result.epochs, "complete epoch"), resume_command(run.path(), data_dir));
        args.note(&format!("{signal} after {epochs}: all is saved; resume with: {resume}"));
        return Ok(ExitCode::from(code));
    }
    args.note(&conclusion(&result, &run));
    if let Some(text) = hardly_better_than_chance(&result, &training) {
        args.note(&text);
    }
    if !args.no_report {
        // The model is saved. A failed report is not a failed training.
        args.note_report(report::of_trained(&run, &training.data.sets));
    }
    Ok(ExitCode::SUCCESS)
}

/// The result of a run that is complete and gets no more epochs.
fn finished(run: &RunDir, recipe: &Recipe) -> Result<Option<RunResult>, mlp_train::Error> {
    let has_more =
        |result: &RunResult| result.ending == Some(Ending::Complete) && recipe.train.epochs > result.epochs;
    let result = RunDir::result(run.path())?.filter(|result| result.status == Status::Complete);
    Ok(result.filter(|result| !has_more(result)))
}

/// Facts about a run that a user might not expect, one line each.
fn remarks(training: &Training, changes_epochs: bool) -> Vec<String> {
    let (sets, config) = (&training.data.sets, training.plan.config());
    let mut remarks = Vec::new();
    let counts = sets.train.class_counts();
    let mut present = (0..counts.len()).filter(|&class| counts[class] > 0);
    if let (Some(class), None) = (present.next(), present.next()) {
        let name = printable(&sets.class_names[class]);
        remarks.push(format!(
            "all training examples are in one class, {name}: a network that always answers {name} is right without learning anything"
        ));
    }
    let depends_on_epochs = matches!(config.schedule, ScheduleName::Cosine | ScheduleName::OneCycle);
    if depends_on_epochs && changes_epochs {
        remarks.push(format!(
            "the {} schedule depends on the number of epochs: changing it to {} makes the learning rate jump",
            config.schedule, config.epochs
        ));
    }
    remarks
}

/// Reports a step that is too short to be worth sharing.
fn slow_sharing(training: &Training, processes: usize) -> Option<String> {
    let (plan, train) = (&training.plan, &training.data.sets.train);
    let threads = plan.threads(train, rayon::current_num_threads());
    let [alone, shared] = [1, processes].map(|count| 1e3 * plan.step_seconds(train, count, threads));
    (shared >= alone).then(|| {
        format!(
            "{processes} processes are slower than one: a step takes about {shared:.1} ms, and {alone:.1} ms in one \
             process; share wider networks or larger batches"
        )
    })
}

/// Reports a network that is no better, or only a little better, than one that always answers the
/// most frequent class.
fn hardly_better_than_chance(result: &RunResult, training: &Training) -> Option<String> {
    let sets = &training.data.sets;
    let accuracy = result.test?.accuracy;
    let counts = sets.test.class_counts();
    let class = (0..counts.len()).rev().max_by_key(|&class| counts[class])?;
    let share = counts[class] as f64 / sets.test.len() as f64;
    let weaker = if training.plan.config().augment { " or weaker augmentation" } else { "" };
    (share < 1.0 && accuracy - share < 0.1 * (1.0 - share)).then(|| {
        format!(
            "the network is barely better than chance: test accuracy {accuracy:.4}, against {share:.4} for always answering {}; \
             try a smaller learning rate (`mlp lr-find` finds one){weaker}",
            printable(&sets.class_names[class])
        )
    })
}

/// Creates a run directory with its `config.toml`.
fn create_run(path: Option<&Path>, training: &Training) -> anyhow::Result<RunDir> {
    let run = match path {
        Some(path) => RunDir::create(path)?,
        None => RunDir::create_numbered(Path::new("runs"), training.run_name())?,
    };
    run.write_config(&training.config_toml(run.path()))?;
    Ok(run)
}

/// The command line that resumes a run.
fn resume_command(run: &Path, data_dir: &Path) -> String {
    let mut command = format!("mlp train --resume {}", shell_quoted_path(run));
    if data_dir != Path::new("data") {
        command += &format!(" --data-dir {}", shell_quoted_path(data_dir));
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
        "data     {}: {} training{validation} and {} of {}, {}\n\
         network  {architecture}, {} in {}\n\
         run      {}",
        sets.name,
        thousands(sets.train.len()),
        counted(sets.test.len(), "test image"),
        sets.train.shape(),
        counted(sets.train.classes(), "class"),
        counted(architecture.parameters(), "parameter"),
        plan.config().precision,
        run.path().display(),
    )
}

/// The lines that `--verbose` adds.
fn explain(training: &Training, checkpoint_every: Every) -> String {
    let (plan, available) = (&training.plan, rayon::current_num_threads());
    let (config, train) = (plan.config(), &training.data.sets.train);
    let isa = Isa::best().name();
    let kernel = match plan.kernel() {
        Kernel::Sparse => format!("CSR rows with built-in {isa} kernels, dense products with OpenBLAS"),
        Kernel::Portable => format!("all products with built-in {isa} kernels"),
        _ => "all products with OpenBLAS".to_owned(),
    };
    let ema =
        config.ema_decay.map_or(String::new(), |decay| format!(", EMA of the weights with decay {decay}"));
    let has_validation = training.data.validation.is_some();
    let best = if has_validation || config.monitor.is_some() {
        config.monitored(has_validation).to_string()
    } else {
        "not saved, because there is no validation set".to_owned()
    };
    format!(
        "recipe   {}; seed {} of the {} stream\n\
         hash     {} (of the training set)\n\
         kernel   {}: {kernel}; {} of the pixels are nonzero, and CSR rows are faster up to {}\n\
         threads  {} of {} for steps of {} examples, which at most {} can share\n\
         steps    {} per epoch, {} in total; {}, {} learning-rate schedule{ema}\n\
         best     {best}\n\
         saving   a checkpoint every {checkpoint_every}, and after each epoch, at most twice a second",
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
        plan.useful_threads(),
        thousands(plan.batches()),
        thousands(plan.batches().saturating_mul(config.epochs)),
        config.optimizer,
        config.schedule,
    )
}

/// Why a training ended before its last epoch, if it did.
fn reason(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::OutOfPatience) => ", out of patience",
        Some(Ending::TargetReached) => ", target reached",
        Some(Ending::OutOfTime) => ", out of time",
        _ => "",
    }
}

fn conclusion(result: &RunResult, run: &RunDir) -> String {
    let why = reason(result.ending);
    let epochs = counted(result.epochs, "epoch");
    let mut text = format!("done     {epochs} in {}{why}\n", duration(result.seconds));
    text += &format!("model    {}", run.model_path().display());
    if let Some(best) = result.best {
        text += &format!("\nbest     {}, epoch {}", run.best_path().display(), best.epoch);
    }
    text
}
