//! `mlp bench`: measure training and inference on this machine. Steps are timed without the
//! training loop around them; `mlp train` prints the time of a whole run.

mod layers;
mod machine;
mod report;
mod sgemm;
mod standardize;
mod training;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::value_parser;
use mlp_core::Compute;
use mlp_train::TrainConfig;

use crate::data::{DataArgs, load};
use crate::output::messages::{note, print_json};
use crate::output::table::counted;
use crate::parse::Hidden;
use machine::Machine;
use report::{Inference, Report, Training};
use sgemm::{Effort, Peak};
use standardize::Standardization;
use training::{INFERENCE_BATCH, Task};

/// Benchmark training and inference.
///
/// Times epochs and inference for each kernel and number of threads, and compares them with the
/// sgemm peak of this machine. All kernels train the same network in f32: `portable` with built-in
/// kernels, `sparse` with OpenBLAS except for products with sparse images, `openblas` with OpenBLAS
/// alone. Times are medians, without the first epoch.
///
/// GFLOP/s count all operations of dense products, even if zeros are skipped. "vs peak" compares
/// them with the sgemm peak on the same number of threads. The dense floor is the time of an epoch
/// if dense products ran at the peak of all cores.
///
/// `--layers` compares the kernels, and their instruction sets, on dense layers of different sizes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp bench                                Benchmark the default network on MNIST
  mlp bench --dataset synthetic --quick    Rough figures without a download
  mlp bench --hidden 1024 --batch-size 1000 --threads 1,2,4
  mlp bench --hidden 512 --standardize     Dense inputs
  mlp bench --layers                       Each kernel by layer size
  mlp bench --json | jq '.training[] | {kernel, threads, seconds_per_epoch}'")]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Hidden layer sizes: `100`, `300,100`, or `none`
    #[arg(long, value_name = "SIZES", default_value_t = Hidden(TrainConfig::default().hidden))]
    hidden: Hidden,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = TrainConfig::default().batch_size)]
    batch_size: usize,
    /// Standardize each pixel over the training set, so that no zeros can be skipped
    #[arg(long)]
    standardize: bool,
    /// Thread counts, from 1 to 64 [default: 1 and all cores]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = value_parser!(u8).range(1..=64))]
    threads: Vec<u8>,
    /// Timed epochs for each kernel and thread count
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u16).range(1..))]
    epochs: u16,
    /// Compare kernels by layer size instead
    #[arg(long, conflicts_with_all = ["dataset", "data_dir", "hidden", "standardize", "threads", "epochs"])]
    layers: bool,
    /// Rough figures, quickly: one timed epoch and smaller matrices
    #[arg(long)]
    quick: bool,
    /// Print a JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Maximum batch size of `--layers`.
const MAX_BATCH: usize = 10_000;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config =
        TrainConfig { hidden: args.hidden.0.clone(), batch_size: args.batch_size, ..TrainConfig::default() };
    config.check()?;
    if args.layers {
        let size = args.batch_size;
        ensure!((1..=MAX_BATCH).contains(&size), "--batch-size {size}; expected 1 to {MAX_BATCH}");
        let layers = layers::measure(size, Duration::from_millis(if args.quick { 30 } else { 500 }));
        match args.json {
            true => print_json(&layers)?,
            false => write!(io::stdout().lock(), "{layers}")?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let sets = load(&args.data, false)?;
    let plan = config.validate(&sets.train)?;
    let epochs = if args.quick { 1 } else { args.epochs.into() };
    let standardization = args.standardize.then(|| Standardization::over(&sets.train));
    let task = Task {
        plan: &plan,
        epochs,
        train: &sets.train,
        test: &sets.test,
        standardization: standardization.as_ref(),
    };
    let report = measure(args, &sets.name, &task);
    if args.json {
        print_json(&report)?;
    } else {
        write!(io::stdout().lock(), "{}", report::text(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The thread counts to measure, sorted and without duplicates.
    fn thread_counts(&self, cores: usize) -> Vec<usize> {
        let mut counts: Vec<usize> = match self.threads[..] {
            [] => vec![1, cores.min(Compute::MAX_THREADS)],
            ref counts => counts.iter().copied().map(usize::from).collect(),
        };
        counts.sort_unstable();
        counts.dedup();
        counts
    }
}

/// Measures training first, which sets the number of OpenBLAS threads for the sgemm peak.
fn measure(args: &Args, dataset: &str, task: &Task<'_>) -> Report {
    let machine = Machine::this();
    let thread_counts = args.thread_counts(machine.cores);
    let architecture = task.plan.architecture();
    let images = task.plan.examples_per_epoch();
    let dense_flop_per_epoch = report::dense_flop(architecture, images);

    let (mut epochs, mut inference) = (Vec::new(), Vec::new());
    for &threads in &thread_counts {
        let mut best = None;
        for kernel in task.kernels() {
            note(&format!("bench: training, {}, {}", kernel.name(), counted(threads, "thread")));
            let (network, seconds) = task.train(kernel, threads);
            epochs.push((kernel, threads, seconds));
            if best.as_ref().is_none_or(|&(_, _, least)| seconds < least) {
                best = Some((kernel, network, seconds));
            }
        }
        let (kernel, network, _) = best.expect("every build has the portable kernel");
        note(&format!("bench: inference, {}, {}", kernel.name(), counted(threads, "thread")));
        let seconds = task.infer(&network, kernel, threads);
        inference.push(Inference {
            kernel: kernel.name(),
            hidden: architecture.hidden.clone(),
            batch_size: INFERENCE_BATCH,
            threads,
            images: task.test.len(),
            seconds,
            images_per_second: task.test.len() as f64 / seconds,
        });
    }

    let effort = if args.quick { Effort::QUICK } else { Effort::FULL };
    let peak = |threads| {
        note(&format!("bench: sgemm, {}", counted(threads, "thread")));
        Peak::measure(threads, effort)
    };
    let mut sgemm: Vec<Peak> = thread_counts.iter().copied().map(peak).collect();
    let all_cores = sgemm.iter().position(|peak| peak.threads == machine.cores).unwrap_or_else(|| {
        sgemm.push(peak(machine.cores));
        sgemm.len() - 1
    });
    let training = epochs.into_iter().map(|(kernel, threads, seconds)| {
        let gflops = dense_flop_per_epoch / seconds / 1e9;
        let peak = sgemm.iter().find(|peak| peak.threads == threads).expect("measured above");
        Training {
            kernel: kernel.name(),
            hidden: architecture.hidden.clone(),
            batch_size: args.batch_size,
            threads,
            seconds_per_epoch: seconds,
            images_per_second: images as f64 / seconds,
            gflops,
            of_the_peak: gflops / peak.gflops,
        }
    });
    let training = training.collect();
    let dense_floor_seconds = dense_flop_per_epoch / (sgemm[all_cores].gflops * 1e9);
    Report {
        dataset: dataset.to_owned(),
        standardized: args.standardize,
        layers: architecture
            .layer_sizes()
            .into_iter()
            .map(|(inputs, _)| inputs)
            .chain([architecture.outputs])
            .collect(),
        dense_flop_per_epoch,
        dense_floor_seconds,
        sgemm,
        training,
        inference,
        peak_memory_bytes: machine::peak_memory_bytes(),
        machine,
    }
}
