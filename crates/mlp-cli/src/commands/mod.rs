//! The commands, each in its own module. To add one, add a module, a variant and a line in `run`.

mod bench;
mod compare;
mod completions;
mod data;
mod descend;
mod eval;
mod explain;
mod export;
mod gradcheck;
mod import;
mod lr_find;
mod man;
mod plot;
mod predict;
mod report;
mod runs;
mod serve;
mod summary;
mod sweep;
mod train;
mod train_ranks;
mod verify_resume;

use std::process::ExitCode;

use crate::ranks;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Train(Box<train::Args>),
    Eval(eval::Args),
    Predict(predict::Args),
    Serve(serve::Args),
    Summary(summary::Args),
    Plot(Box<plot::Args>),
    Report(report::Args),
    Explain(explain::Args),
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

impl Command {
    /// Runs the command and returns its exit code. `definition` returns the definition of the whole
    /// command line.
    pub(crate) fn run(&self, definition: fn() -> clap::Command) -> anyhow::Result<ExitCode> {
        let shares_work = matches!(self, Self::Sweep(_) | Self::Train(_));
        if let Some(code) = ranks::refused(shares_work)? {
            return Ok(code);
        }
        match self {
            Self::Train(args) => train::run(args),
            Self::Eval(args) => eval::run(args),
            Self::Predict(args) => predict::run(args),
            Self::Serve(args) => serve::run(args),
            Self::Summary(args) => summary::run(args),
            Self::Plot(args) => plot::run(args),
            Self::Report(args) => report::run(args),
            Self::Explain(args) => explain::run(args),
            Self::Export(args) => export::run(args),
            Self::Import(args) => import::run(args),
            Self::Runs(args) => runs::run(args),
            Self::Compare(args) => compare::run(args),
            Self::LrFind(args) => lr_find::run(args),
            Self::Sweep(args) => sweep::run(args),
            Self::VerifyResume(args) => verify_resume::run(args),
            Self::Gradcheck(args) => gradcheck::run(args),
            Self::Descend(args) => descend::run(args),
            Self::Bench(args) => bench::run(args),
            Self::Data(command) => data::run(command),
            Self::Completions(args) => completions::run(args, definition()),
            Self::Man(args) => man::run(args, definition()),
        }
    }
}
