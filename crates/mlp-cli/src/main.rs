//! `mlp`: train, evaluate and visualize multilayer perceptrons. Results go to standard output,
//! everything else to standard error. Errors are one line, with exit code 2.

#![forbid(unsafe_code)]

mod commands;
mod data;
mod explain;
mod output;
mod parse;
mod plot;
mod predictions;
mod recipe;
mod report;
mod runs;
mod serve;
mod signals;
#[cfg(test)]
mod tests;
mod training;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use commands::Command;
use output::{messages, overview, version};
use recipe::defaults;

/// Train, evaluate and visualize multilayer perceptrons on a CPU.
#[derive(Parser)]
#[command(name = "mlp", version = version::VERSION, max_term_width = overview::MAX_COLUMNS)]
#[command(subcommand_required = true, args_override_self = true)]
#[command(after_help = "\
Examples:
  mlp train                                       Train the default network on MNIST
  mlp train --dataset synthetic                   Train on generated digits, without a download
  mlp train --recipe fast                         Start from another recipe
  mlp train --resume runs/mnist                   Resume an interrupted run
  mlp eval runs/mnist                             Show accuracy and confusion matrix
  mlp predict runs/mnist seven.png                Classify an image
  mlp serve runs/mnist                            Draw digits in the browser
  mlp compare runs/mnist runs/mnist-2             Compare two runs
  mlp data import drawings/ --to data/drawings    Create a dataset from your own images
  mlp export runs/mnist --to mnist.onnx           Export to another framework")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The definition of the whole command line.
fn definition() -> clap::Command {
    let columns = terminal_size::terminal_size().map_or(overview::MAX_COLUMNS, |(width, _)| width.0.into());
    let command = defaults::show(Cli::command(), std::env::args_os()).long_version(version::long());
    let template = overview::template(&command, columns);
    command.help_template(template)
}

fn main() -> ExitCode {
    restart_with_faster_openblas();
    let result = if std::env::args_os().len() <= 1 {
        definition().print_help().map(|()| ExitCode::SUCCESS).map_err(Into::into)
    } else {
        let cli = Cli::from_arg_matches(&definition().get_matches()).unwrap_or_else(|error| error.exit());
        cli.command.run(definition)
    };
    match result {
        Ok(code) => code,
        // The reader closed the pipe, as in `mlp … | head`. Not a failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            messages::error(&error);
            ExitCode::from(if has_diverged(&error) { DIVERGED } else { 2 })
        }
    }
}

/// Restarts the program with `OPENBLAS_CORETYPE` set if OpenBLAS does not recognize the processor
/// and would use kernels that are several times slower. OpenBLAS reads the variable only when it is
/// loaded. A value set by the user is kept.
fn restart_with_faster_openblas() {
    #[cfg(unix)]
    if let (None, Some(core)) = (std::env::var_os(OPENBLAS_CORETYPE), mlp_core::faster_openblas_core())
        && let Ok(program) = std::env::current_exe()
    {
        use std::os::unix::process::CommandExt;

        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_else(|| "mlp".into());
        let mut command = std::process::Command::new(program);
        // Returns only if the program cannot be started. Then this process continues, slower.
        let _ = command.arg0(name).args(arguments).env(OPENBLAS_CORETYPE, core).exec();
    }
}

#[cfg(unix)]
const OPENBLAS_CORETYPE: &str = "OPENBLAS_CORETYPE";

/// Exit code of a training run whose loss became infinite or NaN.
const DIVERGED: u8 = 3;

fn has_diverged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(mlp_train::Error::Diverged { .. }))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
