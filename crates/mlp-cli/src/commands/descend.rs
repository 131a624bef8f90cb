//! `mlp descend`: the chapter's illustration of gradient descent, as a table and figures.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use mlp_core::descent::{Function, Outcome, Path as DescentPath};

use crate::output::table::Table;
use crate::parse;
use crate::plot::{check_format, descent_chart, loss_chart, save};

/// Show gradient descent on a function of one variable.
///
/// The default is the chapter's example: L(x) = x² from x = 5, 20 steps, learning rate 0.1.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp descend --plot descent.svg                     Plot the chapter's example
  mlp descend --learning-rate 1.1                    Diverge
  mlp descend --function double-well --start -0.1    Find another minimum")]
pub(crate) struct Args {
    /// Function
    #[arg(long, value_parser = parse::function(), default_value_t)]
    function: Function,
    /// Learning rate [default: depends on the function]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Initial x [default: depends on the function]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    start: Option<f64>,
    /// Number of steps
    #[arg(long, value_name = "N", default_value_t = 20)]
    steps: usize,
    /// Plot the path to FILE (.svg or .png)
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Plot the loss by step to FILE (.svg or .png)
    #[arg(long, value_name = "FILE")]
    plot_loss: Option<PathBuf>,
}

/// Maximum of `--steps`.
const MAX_STEPS: usize = 1_000_000;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let function = args.function;
    let learning_rate = args.learning_rate.unwrap_or(function.learning_rate());
    let start = args.start.unwrap_or(function.start());
    if !learning_rate.is_finite() {
        bail!("learning rate is {learning_rate}; expected a finite number");
    }
    if !start.is_finite() {
        bail!("start is {start}; expected a finite number");
    }
    if args.steps > MAX_STEPS {
        bail!("steps is {}; expected at most {MAX_STEPS}", args.steps);
    }
    for file in args.plot.iter().chain(&args.plot_loss) {
        check_format(file)?;
    }
    let path = function.descend(start, learning_rate, args.steps);
    write!(io::stdout().lock(), "{}", text(function, learning_rate, args.steps, &path))?;
    let (formula, points) = (function.formula(), &path.points);
    if let Some(file) = &args.plot {
        save(file, descent_chart(formula, |x| function.value(x), points, learning_rate))?;
    }
    if let Some(file) = &args.plot_loss {
        save(file, loss_chart(formula, points, learning_rate))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(function: Function, learning_rate: f64, steps: usize, path: &DescentPath) -> String {
    let mut table = Table::new(["step", "x", "L(x)"]);
    for (step, &(x, loss)) in path.points.iter().enumerate() {
        table.row([step.to_string(), number(x), number(loss)]);
    }
    let last = path.points.len() - 1;
    let (first_loss, last_loss) = (number(path.points[0].1), number(path.points[last].1));
    let outcome = match path.outcome {
        Outcome::Descended => format!("descended from {first_loss} to {last_loss}"),
        Outcome::DidNotDescend if steps == 0 => "no step taken".to_owned(),
        Outcome::DidNotDescend => format!("did not descend: {last_loss} after {first_loss}"),
        Outcome::Diverged => format!("diverged: step {} is not finite", last + 1),
    };
    format!("L(x) = {}, learning rate {learning_rate}\n\n{table}\n{outcome}\n", function.formula())
}

/// Six decimals, or scientific notation for very small and very large values.
fn number(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || (1e-4..1e9).contains(&size) => format!("{value:.6}"),
        _ => format!("{value:.6e}"),
    }
}
