//! `mlp`: train, judge and look at multilayer perceptrons. Results go to standard output, everything else to standard
//! error; what is wrong is said in one line, with exit code 2.

#![forbid(unsafe_code)]

mod choices;
mod commands;
mod console;
mod data_sets;
mod epoch_table;
mod explanation;
mod page;
mod parse;
mod picture;
mod plot;
mod recipe;
mod run_list;
mod session;
mod signals;
mod table;
mod variations;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{
    bench, compare, data, descend, eval, explain, gradcheck, lr_find, runs, summary, sweep, train, verify_resume,
};

/// Train, judge and look at multilayer perceptrons on a CPU.
#[derive(Parser)]
#[command(name = "mlp", version = console::VERSION, max_term_width = 100, arg_required_else_help = true, args_override_self = true)]
#[command(after_help = "\
Begin with:
  mlp train                        the chapter's network on MNIST, downloaded if need be
  mlp train --dataset synthetic    the same without any data
  mlp gradcheck                    every derivative against central differences")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Eval(eval::Args),
    Explain(explain::Args),
    Summary(summary::Args),
    Runs(runs::Args),
    Compare(compare::Args),
    LrFind(Box<lr_find::Args>),
    Sweep(Box<sweep::Args>),
    VerifyResume(Box<verify_resume::Args>),
    Gradcheck(gradcheck::Args),
    Descend(descend::Args),
    Bench(bench::Args),
    #[command(subcommand)]
    Data(data::Command),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::LrFind(args) => lr_find::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::VerifyResume(args) => verify_resume::run(&args),
        Command::Gradcheck(args) => gradcheck::run(&args),
        Command::Descend(args) => descend::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Data(command) => data::run(&command),
    };
    match result {
        Ok(code) => code,
        // Whoever read our output has had enough (`mlp … | head`): that is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console::error(&error);
            ExitCode::from(if has_diverged(&error) { DIVERGED } else { 2 })
        }
    }
}

/// The exit code of a training whose loss is no longer finite.
const DIVERGED: u8 = 3;

fn has_diverged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(mlp_train::Error::Diverged { .. }))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
