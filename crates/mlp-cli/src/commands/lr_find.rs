//! `mlp lr-find`: the learning rate range test.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use mlp_core::Precision;
use mlp_train::range_test::{RangePoint, range_test, steepest, tenth_of_lowest};
use mlp_train::{Examples, Number, Trainer};
use serde::Serialize;

use crate::data::{DataDir, TrainingData};
use crate::output::messages::{note, print_json};
use crate::output::table::{Table, decimals, loss_places, three_digits};
use crate::parse;
use crate::plot::{check_format, range_chart, save};
use crate::recipe::choices::RecipeArgs;
use crate::training::{Training, start_threads};

/// Find a good learning rate.
///
/// Trains for a few hundred steps with an increasing learning rate, and shows where the loss
/// decreases and where it explodes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp lr-find --plot rates.svg
  mlp lr-find --recipe modern-100 --optimizer adam --from 1e-6 --to 1")]
pub(crate) struct Args {
    /// First learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-5)]
    from: f64,
    /// Last learning rate
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    to: f64,
    /// Maximum number of steps; stops earlier if the loss explodes
    #[arg(long, value_name = "N", default_value_t = 600)]
    steps: usize,
    /// Plot the losses to FILE (.svg or .png)
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Print a JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    data_dir: DataDir,
    /// Number of threads, 0 for all cores
    #[arg(long, value_name = "N", value_parser = parse::threads, default_value_t = 0)]
    threads: usize,
}

/// Maximum of `--steps`.
const MAX_STEPS: usize = 1_000_000;
/// Rows of the table.
const ROWS: usize = 20;

#[derive(Serialize)]
struct Report {
    steepest: Option<f64>,
    tenth_of_lowest: Option<f64>,
    learning_rates: Vec<f64>,
    losses: Vec<f64>,
    smoothed: Vec<f64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !(0.0 < args.from && args.from < args.to && args.to.is_finite()) {
        bail!(
            "learning rates from {} to {}; expected two finite numbers above 0, the smaller one first",
            args.from,
            args.to
        );
    }
    if !(2..=MAX_STEPS).contains(&args.steps) {
        bail!("steps is {}; expected 2 to {MAX_STEPS}", args.steps);
    }
    if let Some(file) = &args.plot {
        check_format(file)?;
    }
    start_threads(args.threads)?;
    let mut recipe = args.recipe.resolve()?;
    // The test has its own end, and evaluates nothing.
    let train = &mut recipe.train;
    (train.epochs, train.validation) = (args.steps, 0.0);
    (train.until, train.patience, train.max_seconds, train.monitor) = (None, None, None, None);
    recipe.validation_set = None;
    let data = TrainingData::load(&recipe, &args.data_dir.data_dir, args.json)?;
    let training = Training::new(recipe, Arc::new(data))?;
    let points = match training.plan.config().precision {
        Precision::F32 => test::<f32>(&training, args)?,
        Precision::F64 => test::<f64>(&training, args)?,
    };
    let report = Report {
        steepest: steepest(&points),
        tenth_of_lowest: tenth_of_lowest(&points),
        learning_rates: points.iter().map(|point| point.learning_rate).collect(),
        losses: points.iter().map(|point| point.loss).collect(),
        smoothed: points.iter().map(|point| point.smoothed).collect(),
    };
    if args.json {
        print_json(&report)?;
    } else {
        write!(
            io::stdout().lock(),
            "{}",
            text(&points, &report, loss_places(training.plan.config().loss_reduction))
        )?;
    }
    if let Some(file) = &args.plot {
        save(file, range_chart(&points, report.steepest, &training.recipe.name))?;
        if !args.json {
            note(&format!("plot {}", file.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test<A: Number>(training: &Training, args: &Args) -> anyhow::Result<Vec<RangePoint>> {
    let examples = Examples::<A>::new(&training.plan, &training.data.sets.train);
    let mut trainer = Trainer::new(training.plan.clone(), &examples)?;
    Ok(range_test(&mut trainer, args.from, args.to, args.steps)?)
}

fn text(points: &[RangePoint], report: &Report, places: usize) -> String {
    let mut table = Table::new(["learning rate", "loss", "smoothed"]);
    let stride = points.len().div_ceil(ROWS).max(1);
    let last = points.len().checked_sub(1).filter(|last| last % stride != 0);
    for point in points.iter().step_by(stride).chain(last.map(|last| &points[last])) {
        table.row([
            three_digits(point.learning_rate),
            decimals(point.loss, places),
            decimals(point.smoothed, places),
        ]);
    }
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), three_digits);
    format!(
        "{table}\nSuggested learning rates:\nsteepest decrease  {}\nlowest loss / 10   {}\n",
        rate(report.steepest),
        rate(report.tenth_of_lowest)
    )
}
