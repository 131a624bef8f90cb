//! `mlp`: train, evaluate and visualize multilayer perceptrons. Results go to standard output,
//! everything else to standard error. Errors are one line, with exit code 2.

// Not `forbid`: `signals/bus_error.rs` allows it.
#![deny(unsafe_code)]

mod commands;
mod data;
mod dataset_name;
mod explain;
mod output;
mod parse;
mod plot;
mod predictions;
mod ranks;
mod recipe;
mod report;
mod runs;
mod serve;
mod signals;
#[cfg(test)]
mod tests;
mod together;
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
    restart_with_better_openblas();
    let result = if std::env::args_os().len() <= 1 {
        definition().print_help().map(|()| ExitCode::SUCCESS).map_err(Into::into)
    } else {
        match definition().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
            Ok(cli) => cli.command.run(definition),
            // Help and version, too.
            Err(text) => match text.use_stderr().then(ranks::leave_to_first).flatten() {
                Some(code) => Ok(code),
                None => text.print().map(|()| ExitCode::from(text.exit_code() as u8)).map_err(Into::into),
            },
        }
    };
    match result {
        Ok(code) => code,
        // The reader closed the pipe, as in `mlp … | head`. Not a failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Errors of files have a context, which names them.
            let is_of_output = error.is::<io::Error>() && error.chain().len() == 1;
            let error = if is_of_output { error.context("cannot write to standard output") } else { error };
            messages::error(&error);
            ExitCode::from(if has_diverged(&error) { DIVERGED } else { 2 })
        }
    }
}

/// Restarts the program with the environment that OpenBLAS needs, which it reads only when it is
/// loaded:
/// - `OPENBLAS_NUM_THREADS=1`, because the threads are ours. One of OpenBLAS's own looks for memory
///   forever where the address space is limited, and keeps the program from ending.
/// - `OPENBLAS_CORETYPE`, if OpenBLAS does not recognize the processor and would use kernels that
///   are several times slower.
///
/// Values set by the user are kept.
fn restart_with_better_openblas() {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;

        let settings = [
            ("OPENBLAS_NUM_THREADS", mlp_core::openblas_core().map(|_| "1")),
            ("OPENBLAS_CORETYPE", mlp_core::faster_openblas_core()),
        ];
        let missing = settings.into_iter().filter(|(key, _)| std::env::var_os(key).is_none());
        let missing: Vec<_> = missing.filter_map(|(key, value)| Some((key, value?))).collect();
        if let (false, Ok(program)) = (missing.is_empty(), std::env::current_exe()) {
            let mut arguments = std::env::args_os();
            let name = arguments.next().unwrap_or_else(|| "mlp".into());
            let mut command = std::process::Command::new(program);
            // Returns only if the program cannot be started. Then this process continues.
            let _ = command.arg0(name).args(arguments).envs(missing).exec();
        }
    }
}

/// Exit code of a training run whose loss became infinite or NaN.
const DIVERGED: u8 = 3;

fn has_diverged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(mlp_train::Error::Diverged { .. }))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
