//! `mlp`: train, judge and look at multilayer perceptrons. Results go to standard output, everything else to standard
//! error; what is wrong is said in one line, with exit code 2.

#![forbid(unsafe_code)]

mod choices;
mod commands;
mod console;
mod datasets;
mod epoch_table;
mod explain;
mod figures;
#[cfg(test)]
mod help_examples;
mod hints;
mod judgement;
mod overview;
mod page;
mod parse;
mod picture;
mod plot;
mod recipe;
mod report;
mod run_list;
mod serve;
mod session;
mod signals;
mod table;
mod variations;
mod version;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use commands::{
    bench, compare, completions, data, descend, eval, explain as explain_command, export, gradcheck, import,
    lr_find, man, plot as plot_command, predict, report as report_command, runs, serve as serve_command,
    summary, sweep, train, verify_resume,
};

/// Train, judge and look at multilayer perceptrons on a CPU.
#[derive(Parser)]
#[command(name = "mlp", version = version::VERSION, max_term_width = overview::WIDEST, subcommand_required = true, args_override_self = true)]
#[command(after_help = "\
Examples, to begin with:
  mlp train                        the chapter's network, on MNIST
  mlp train --dataset synthetic    the same without any data
  mlp gradcheck                    every derivative against central differences

`mlp COMMAND --help` says more of each, with examples.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Eval(eval::Args),
    Predict(predict::Args),
    Serve(serve_command::Args),
    Summary(summary::Args),
    Plot(Box<plot_command::Args>),
    Report(report_command::Args),
    Explain(explain_command::Args),
    Export(export::Args),
    Import(import::Args),
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
    Completions(completions::Args),
    Man(man::Args),
}

/// The whole command line, as clap knows it.
fn definition() -> clap::Command {
    let columns = terminal_size::terminal_size().map_or(overview::WIDEST, |(width, _)| width.0.into());
    let command = Cli::command().long_version(version::long());
    let template = overview::template(&command, columns);
    command.help_template(template)
}

fn main() -> ExitCode {
    if std::env::args_os().len() <= 1 {
        return finish(overview::show(&mut definition()));
    }
    let matches = definition().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Serve(args) => serve_command::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Plot(args) => plot_command::run(&args),
        Command::Report(args) => report_command::run(&args),
        Command::Explain(args) => explain_command::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::LrFind(args) => lr_find::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::VerifyResume(args) => verify_resume::run(&args),
        Command::Gradcheck(args) => gradcheck::run(&args),
        Command::Descend(args) => descend::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Data(command) => data::run(&command),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    finish(result)
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
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
