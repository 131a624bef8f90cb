//! `mlp train`: from flags to a run directory with a model in it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mlp_core::{Activation, Init, Precision, Reduction, StreamKind};
use mlp_data::{DataSets, catalog, synthetic};
use mlp_train::{
    Evaluation, Kernel, Metadata, Model, Network, Number, Observer, Plan, RunDir, TrainConfig, Trainer,
};
use serde::Serialize;

use crate::console::{Console, note, test_line};
use crate::data_sets::{DataArgs, load};
use crate::parse::{self, Hidden};
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
  mlp train --dataset fashion-mnist --hidden 300,100 --activation relu --init he \\
            --loss-reduction mean --learning-rate 0.1    something else")]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Units of the hidden layers: `100`, `300,100`, or `none`
    #[arg(long, value_name = "SIZES", default_value = "100")]
    hidden: Hidden,
    /// The non-linearity of the hidden layers
    #[arg(long, value_parser = parse::activation(), default_value_t)]
    activation: Activation,
    /// The distribution of the first weights
    #[arg(long, value_parser = parse::init(), default_value_t)]
    init: Init,
    /// Passes over the training set
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().epochs)]
    epochs: usize,
    /// Examples of a step
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().batch_size)]
    batch_size: usize,
    /// Train on the examples left over by the batches, too, in a smaller one
    #[arg(long)]
    keep_remainder: bool,
    /// The step along the negative gradient
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, default_value_t = TrainConfig::default().learning_rate)]
    learning_rate: f64,
    /// How the losses of a batch become one
    #[arg(long, value_parser = parse::reduction(), default_value_t)]
    loss_reduction: Reduction,
    /// Of the random numbers
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where random numbers come from: our own stream, or NumPy's legacy one bit for bit
    #[arg(long, value_parser = parse::stream_kind(), default_value_t)]
    rng: StreamKind,
    /// The floating-point type
    #[arg(long, value_parser = parse::precision(), default_value_t)]
    precision: Precision,
    /// Multiply only the pixels that are not zero, or all of them, by our own kernels or by OpenBLAS; `auto` decides by how many
    /// are zero
    #[arg(long, value_parser = parse::kernel(), default_value_t)]
    kernel: Kernel,
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

/// `config.json`: what is needed to train the same network again.
#[derive(Serialize)]
struct RunConfig<'a> {
    program: &'a str,
    dataset: &'a str,
    #[serde(flatten)]
    train: &'a TrainConfig,
}

impl Args {
    fn config(&self) -> TrainConfig {
        TrainConfig {
            hidden: self.hidden.0.clone(),
            activation: self.activation,
            init: self.init,
            epochs: self.epochs,
            batch_size: self.batch_size,
            keep_remainder: self.keep_remainder,
            learning_rate: self.learning_rate,
            loss_reduction: self.loss_reduction,
            seed: self.seed,
            rng: self.rng,
            precision: self.precision,
            kernel: self.kernel,
        }
    }

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
    // Before anything is downloaded.
    args.config().check()?;
    let sets = load(&args.data, args.quiet)?;
    let dataset = full_name(&sets.name);
    let plan = args.config().validate(&sets.train)?;
    let run = match &args.run_dir {
        Some(path) => RunDir::create(path)?,
        None => RunDir::create_numbered(Path::new("runs"), run_name(&dataset))?,
    };
    args.note(&describe(&sets, &plan, &run));
    run.write_config(&RunConfig { program: PROGRAM, dataset: &dataset, train: plan.config() })?;

    let metadata = Metadata {
        dataset,
        class_names: sets.class_names.clone(),
        image_shape: sets.train.shape(),
        config: plan.config().clone(),
        program: PROGRAM.to_owned(),
    };
    let mut console = Console::new(args.quiet);
    let network = match args.precision {
        Precision::F32 => train::<f32>(plan.clone(), &sets, &run, &mut console)?,
        Precision::F64 => train::<f64>(plan.clone(), &sets, &run, &mut console)?,
    };
    let model = Model { network, metadata };
    run.write_model(&model)?;

    let evaluation = model.evaluate(&sets.test)?;
    console.print(&test_line(loss_per_batch(&evaluation, &plan), evaluation.score.accuracy()))?;
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
    run: &RunDir,
    console: &mut Console,
) -> anyhow::Result<Network>
where
    Network: From<mlp_core::Mlp<A>>,
{
    let mut trainer = Trainer::<A>::new(plan, &sets.train)?;
    let mut trace = run.trace_writer()?;
    let observers: &mut [&mut dyn Observer] = &mut [&mut trace, console];
    trainer.run(observers)?;
    Ok(trainer.into_network().into())
}

/// The test loss on the scale of the epochs' lines: that of a batch of the training's size under the training's reduction.
fn loss_per_batch(evaluation: &Evaluation, plan: &Plan) -> f64 {
    let config = plan.config();
    let mean = evaluation.score.loss(Reduction::Mean);
    mean * config.batch_size as f64 * config.loss_reduction.weight(config.batch_size)
}

fn describe(sets: &DataSets, plan: &Plan, run: &RunDir) -> String {
    let (architecture, config) = (plan.architecture(), plan.config());
    let sizes: Vec<String> = [architecture.inputs]
        .iter()
        .chain(&architecture.hidden)
        .chain([&architecture.outputs])
        .map(usize::to_string)
        .collect();
    format!(
        "{}: {} training and {} test images of {}, {} classes\n\
         network {}, {}, {} parameters in {}\n\
         kernel {}, as {} of the pixels are not zero; up to {}\n\
         run {}",
        sets.name,
        thousands(sets.train.len()),
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
