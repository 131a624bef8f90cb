//! `mlp train`: from flags to a run directory with a model in it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mlp_core::{Activation, Init, Precision, Reduction, StreamKind};
use mlp_data::{DataSets, Dataset, catalog, synthetic};
use mlp_train::{
    Examples, Kernel, Metadata, Metric, Model, Network, Number, Observer, OptimiserName, Plan, RunDir,
    ScheduleName, Trainer,
};
use serde::Serialize;

use crate::console::{Console, loss_places, note, test_line};
use crate::data_sets::{DataDir, load_named};
use crate::parse::{self, Hidden};
use crate::recipe::Recipe;
use crate::table::{percent, thousands};

/// Train a network and write it to a run directory.
///
/// The defaults are the chapter's: 784-100-10 on MNIST, logistic units, 50 epochs of batches of 100, learning rate 0.01 on
/// the summed loss. Standard output gets one line for each epoch and one for the test set.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp train                                              the chapter's network on MNIST
  mlp train --rng numpy --precision f64 --seed 0         the chapter's NumPy program, number for number
  mlp train --recipe modern-100                          what is known today, in the same 784-100-10
  mlp train --dataset fashion-mnist --hidden 300,100 --activation relu --init he \\
            --loss-reduction mean --learning-rate 0.1    something else
  mlp train --recipe runs/mnist/config.toml --seed 1     an earlier run again, with another seed")]
pub(crate) struct Args {
    /// Where the choices come from that no flag makes: textbook, modern-100, fast, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "textbook")]
    recipe: String,
    /// Any key of a recipe, as in `--set beta2=0.99`; `none` takes a choice back
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    data_dir: DataDir,
    #[command(flatten)]
    choices: Choices,
    /// Threads; 0 takes all cores. The result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Where the run goes, a new or empty directory [default: the first free of runs/NAME, runs/NAME-2, …]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
}

/// Flags that override a recipe: by name and value the keys of one.
#[derive(clap::Args, Serialize)]
struct Choices {
    /// A name from `mlp data info`, `synthetic`, or a directory with four IDX files [default: mnist]
    #[arg(long, value_name = "NAME|DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    /// Units of the hidden layers: `100`, `300,100`, or `none`
    #[arg(long, value_name = "SIZES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<Hidden>,
    /// The non-linearity of the hidden layers
    #[arg(long, value_parser = parse::activation())]
    #[serde(skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    /// The distribution of the first weights
    #[arg(long, value_parser = parse::init())]
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
    /// Passes over the training set
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    epochs: Option<usize>,
    /// Examples of a step
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    batch_size: Option<usize>,
    /// Train on the examples left over by the batches, too, in a smaller one
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    keep_remainder: bool,
    /// How a gradient becomes a step
    #[arg(long, alias = "optimizer", value_parser = parse::optimiser(), help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    optimiser: Option<OptimiserName>,
    /// The step along the negative gradient
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rate: Option<f64>,
    /// How the learning rate changes
    #[arg(long, value_parser = parse::schedule(), help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleName>,
    /// Epochs of linear warm-up
    #[arg(long, value_name = "N", help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    warmup_epochs: Option<f64>,
    /// Of momentum and Nesterov
    #[arg(long, value_name = "SHARE", help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    momentum: Option<f64>,
    /// Decay of the weights, decoupled from the gradient
    #[arg(long, value_name = "RATE", help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_decay: Option<f64>,
    /// The most that the gradient's norm may be
    #[arg(long, value_name = "NORM", help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    clip_norm: Option<f64>,
    /// Keep the moving average of the weights, with this decay, in place of the last ones
    #[arg(long, value_name = "DECAY", help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
    /// How the losses of a batch become one
    #[arg(long, value_parser = parse::reduction(), help_heading = "Optimisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_reduction: Option<Reduction>,
    /// The probability with which a hidden unit is left out of an example
    #[arg(long, value_name = "SHARE", help_heading = "Regularisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dropout: Option<f64>,
    /// The probability with which a pixel is left out of an example
    #[arg(long, value_name = "SHARE", help_heading = "Regularisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    input_dropout: Option<f64>,
    /// The share of the target that is spread over all classes
    #[arg(long, value_name = "SHARE", help_heading = "Regularisation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    label_smoothing: Option<f64>,
    /// The share of the training set, of each class the same, that is set apart to validate on
    #[arg(long, value_name = "SHARE", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<f64>,
    /// What the best epoch is the best by [default: validation-loss, or train-loss without validation]
    #[arg(long, value_parser = parse::metric(), help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    monitor: Option<Metric>,
    /// Epochs that may pass without a better one before training ends
    #[arg(long, value_name = "N", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    patience: Option<usize>,
    /// Ends training where a metric reaches a value, as in test-accuracy=0.98
    #[arg(long, value_name = "METRIC=VALUE", help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Ends training after this time: `90`, `60s`, `5m`
    #[arg(long = "max-time", value_name = "TIME", value_parser = parse::seconds, help_heading = "Judgement")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seconds: Option<f64>,
    /// Of the random numbers
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seed")]
    seed: Option<u64>,
    /// Where random numbers come from: our own stream, or NumPy's legacy one bit for bit
    #[arg(long, value_parser = parse::stream_kind())]
    #[serde(skip_serializing_if = "Option::is_none")]
    rng: Option<StreamKind>,
    /// The floating-point type
    #[arg(long, value_parser = parse::precision())]
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
    /// Multiply only the pixels that are not zero, or all of them, by our own kernels or by OpenBLAS; `auto` decides by how many
    /// are zero
    #[arg(long, value_parser = parse::kernel())]
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<Kernel>,
}

/// TOML's numbers are too small for some; what is larger is refused later.
fn count<S: serde::Serializer>(count: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(count.map_or(0, |count| i64::try_from(count).unwrap_or(i64::MAX)))
}

/// As text: TOML's numbers are too small for some.
fn seed<S: serde::Serializer>(seed: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&seed.unwrap_or_default())
}

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
    let flags = toml::Table::try_from(&args.choices).expect("plain data");
    let Recipe { dataset, train: config } = Recipe::resolve(&args.recipe, &args.set, flags)?;
    // Before anything is downloaded.
    config.check()?;
    let mut sets = load_named(&dataset, &args.data_dir.data_dir, args.quiet)?;
    let dataset = full_name(&sets.name);
    let validation = if config.validation > 0.0 {
        let (train, validation) = sets.train.split_stratified(config.validation, config.split_seed)?;
        sets.train = train;
        Some(validation)
    } else {
        None
    };
    let plan = config.validate(&sets.train)?;
    plan.check_sets(validation.is_some(), true)?;
    let run = match &args.run_dir {
        Some(path) => RunDir::create(path)?,
        None => RunDir::create_numbered(Path::new("runs"), run_name(&dataset))?,
    };
    args.note(&describe(&sets, validation.as_ref(), &plan, &run));
    let recipe = Recipe { dataset: dataset.clone(), train: plan.config().clone() };
    run.write_config(&recipe.to_toml(PROGRAM))?;

    let metadata = Metadata {
        dataset,
        class_names: sets.class_names.clone(),
        image_shape: sets.train.shape(),
        config: plan.config().clone(),
        program: PROGRAM.to_owned(),
    };
    let places = loss_places(plan.config().loss_reduction);
    let mut console = Console::new(args.quiet, places);
    let network = match plan.config().precision {
        Precision::F32 => train::<f32>(plan.clone(), &sets, validation.as_ref(), &run, &mut console)?,
        Precision::F64 => train::<f64>(plan.clone(), &sets, validation.as_ref(), &run, &mut console)?,
    };
    let model = Model { network, metadata };
    run.write_model(&model)?;

    let score = model.evaluate(&sets.test)?.score;
    console.print(&test_line(plan.batch_loss(&score), score.accuracy(), places))?;
    args.note(&format!("model {}", run.model_path().display()));
    Ok(ExitCode::SUCCESS)
}

/// The name by which the data set is found again from anywhere: of a directory, the whole path.
fn full_name(name: &str) -> String {
    let known = catalog::find(name).is_ok() || name == synthetic::NAME;
    let path = (!known).then(|| Path::new(name).canonicalize().ok()).flatten();
    path.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

/// What a run on a data set is called: its name, or that of its directory.
fn run_name(dataset: &str) -> &str {
    Path::new(dataset).file_name().and_then(|name| name.to_str()).unwrap_or("run")
}

const PROGRAM: &str = concat!("mlp ", env!("CARGO_PKG_VERSION"));

fn train<A: Number>(
    plan: Plan,
    sets: &DataSets,
    validation: Option<&Dataset>,
    run: &RunDir,
    console: &mut Console,
) -> anyhow::Result<Network>
where
    Network: From<mlp_core::Mlp<A>>,
{
    let examples = Examples::<A>::new(&plan, &sets.train);
    let mut trainer = Trainer::with_sets(plan, &examples, validation, Some(&sets.test))?;
    let (mut trace, mut metrics) = (run.trace_writer()?, run.metrics_writer()?);
    let observers: &mut [&mut dyn Observer] = &mut [&mut trace, &mut metrics, console];
    trainer.run(observers)?;
    Ok(trainer.into_network().into())
}

fn describe(sets: &DataSets, validation: Option<&Dataset>, plan: &Plan, run: &RunDir) -> String {
    let (architecture, config) = (plan.architecture(), plan.config());
    let sizes: Vec<String> = [architecture.inputs]
        .iter()
        .chain(&architecture.hidden)
        .chain([&architecture.outputs])
        .map(usize::to_string)
        .collect();
    format!(
        "{}: {} training, {}{} test images of {}, {} classes\n\
         network {}, {}, {} parameters in {}\n\
         kernel {}, as {} of the pixels are not zero; up to {}\n\
         run {}",
        sets.name,
        thousands(sets.train.len()),
        validation.map_or(String::new(), |set| format!("{} validation and ", thousands(set.len()))),
        thousands(sets.test.len()),
        sets.train.shape(),
        sets.train.classes(),
        sizes.join("-"),
        config.activation,
        thousands(architecture.parameters()),
        config.precision,
        plan.kernel(),
        percent(sets.train.density()),
        threads(rayon::current_num_threads()),
        run.path().display(),
    )
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}
