//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! A program of its own because it has to work before anything else does: it needs neither OpenBLAS nor data, and
//! gets both. Of our crates it knows `mlp-data` alone, and drives the others as a user would, through cargo and the
//! program `mlp`. Here are only the commands and their flags; each is carried out in the module of its name.
#![forbid(unsafe_code)]

mod bench;
mod documents;
mod e2e;
mod examples;
mod features;
mod fetch;
mod mutate;
mod openblas;
mod pictures;
mod process;
mod python;
mod report;
mod semver;
mod setup;
mod suite;
mod train;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::workspace::Workspace;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find OpenBLAS, or install it through the system's package manager.
    Setup {
        /// Only look; exit code 1 if something is missing.
        #[arg(long)]
        check: bool,
    },
    /// Download datasets and verify them; those already there are only verified.
    FetchData {
        /// Datasets of the catalog, or `all`.
        #[arg(value_name = "NAME", default_value = "mnist")]
        names: Vec<String>,
        /// Where to put them [default: data/ in the workspace].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Set up, fetch the data and run `mlp train`.
    Train {
        /// Passed on to `mlp train`; for its flags see `cargo run -p mlp-cli -- train --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Set up, fetch the data and run everything that a change must pass.
    Test(SuiteArgs),
    /// `test`, then `semver` and cargo-deny.
    Ci(SuiteArgs),
    /// Compare the libraries' public API with the last release's.
    Semver(semver::Options),
    /// Check the real `mlp` on the real datasets.
    E2e(e2e::Options),
    /// Check that other tools read what `mlp` writes, and `mlp` what they write.
    Interop(e2e::ToolsOptions),
    /// Plant errors in the equations of mlp-core, one at a time, and see that its tests catch each.
    Mutate(mutate::Options),
    /// Time `mlp train` against other programs that do the same work.
    Bench(bench::Options),
    /// Make the pictures in docs/images/, and bring the output printed in the documents up to date.
    Pictures,
}

#[derive(Args)]
struct SuiteArgs {
    /// Leave out Miri, the mutants and the end-to-end checks.
    #[arg(long)]
    quick: bool,
    /// Build in pure Rust only, without looking for OpenBLAS.
    #[arg(long)]
    no_openblas: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Setup { check: true } => return Ok(setup::check()),
        Command::Setup { check: false } => {
            setup::ensure();
        }
        Command::FetchData { names, data_dir } => {
            let dir = data_dir.unwrap_or_else(|| workspace.data_dir());
            fetch::fetch(&names, &dir)?;
        }
        Command::Train { args } => return train::train(&workspace, &args),
        Command::Test(args) => suite::test(&workspace, args.quick, args.no_openblas)?,
        Command::Ci(args) => suite::ci(&workspace, args.quick, args.no_openblas)?,
        Command::Semver(options) => semver::check(&workspace, &options)?,
        Command::E2e(options) => e2e::run(&workspace, &options)?,
        Command::Interop(options) => e2e::interop(&workspace, &options)?,
        Command::Mutate(options) => mutate::run(&workspace, &options)?,
        Command::Bench(options) => bench::run(&workspace, &options)?,
        Command::Pictures => pictures::run(&workspace)?,
    }
    Ok(ExitCode::SUCCESS)
}
