//! `mlp lr-find`: for which learning rates a network learns.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_core::Precision;
use mlp_train::range_test::{RangePoint, range_test, steepest, tenth_of_lowest};
use mlp_train::{Examples, Number, Trainer};
use serde::Serialize;

use crate::choices::RecipeArgs;
use crate::console::{decimals, loss_places, note};
use crate::datasets::DataDir;
use crate::picture::{Format, draw};
use crate::plot::range_chart;
use crate::session::Session;
use crate::table::{Table, three_digits};

/// Find a learning rate: train for a few hundred steps while the rate grows, and see where the loss falls and where it explodes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp lr-find --plot rates.svg
  mlp lr-find --recipe modern-100 --optimizer adam --from 1e-6 --to 1")]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The first rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-5)]
    from: f64,
    /// The last rate
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    to: f64,
    /// Steps from the first to the last; the test ends earlier where the loss explodes
    #[arg(long, value_name = "N", default_value_t = 600)]
    steps: usize,
    /// Draw the losses to FILE, an .svg or a .png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data_dir: DataDir,
    /// Threads; 0 takes all cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

/// More than anybody waits for.
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
            "rates from {} to {}; expected two finite numbers above 0, the smaller one first",
            args.from,
            args.to
        );
    }
    if !(2..=MAX_STEPS).contains(&args.steps) {
        bail!("steps is {}; expected 2 to {MAX_STEPS}", args.steps);
    }
    if let Some(file) = &args.plot {
        Format::of(file)?;
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .context("cannot start the threads")?;
    let mut recipe = args.recipe.resolve()?;
    // The test is of the rate alone: nothing else ends it, and nothing is evaluated.
    let train = &mut recipe.train;
    (train.epochs, train.validation) = (args.steps, 0.0);
    (train.until, train.patience, train.max_seconds, train.monitor) = (None, None, None, None);
    recipe.validation_set = None;
    let session = Session::load(recipe, &args.data_dir.data_dir, args.json)?;
    let points = match session.plan.config().precision {
        Precision::F32 => test::<f32>(&session, args)?,
        Precision::F64 => test::<f64>(&session, args)?,
    };
    let report = Report {
        steepest: steepest(&points),
        tenth_of_lowest: tenth_of_lowest(&points),
        learning_rates: points.iter().map(|point| point.learning_rate).collect(),
        losses: points.iter().map(|point| point.loss).collect(),
        smoothed: points.iter().map(|point| point.smoothed).collect(),
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", text(&points, &report, loss_places(session.plan.config().loss_reduction)))?;
    }
    if let Some(file) = &args.plot {
        draw(file, range_chart(&points, report.steepest, &session.recipe.name))?;
        if !args.json {
            note(&format!("plot {}", file.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test<A: Number>(session: &Session, args: &Args) -> anyhow::Result<Vec<RangePoint>> {
    let examples = Examples::<A>::new(&session.plan, &session.data.sets.train);
    let mut trainer = Trainer::new(session.plan.clone(), &examples)?;
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
    let rate = |rate: Option<f64>| rate.map_or_else(|| "nowhere".to_owned(), three_digits);
    format!(
        "{table}\nthe loss falls fastest at            {}\na tenth of where the loss is lowest  {}\n",
        rate(report.steepest),
        rate(report.tenth_of_lowest)
    )
}
