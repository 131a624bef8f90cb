//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! It must work before anything else does, so it depends on none of our crates: it drives them as
//! a user would, through cargo and the program `mlp`. This file has only the commands and their
//! flags; each command is in the module of its name.
#![forbid(unsafe_code)]

mod bench;
mod deny;
mod documents;
mod e2e;
mod examples;
mod features;
mod fetch;
mod fuzz;
mod miri;
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
use clap::{Parser, Subcommand};

use crate::report::Outcome;
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
    /// Find OpenBLAS, or install it with the system's package manager.
    Setup {
        /// Install nothing; exit with code 1 if something is missing
        #[arg(long)]
        check: bool,
        /// Find or install Open MPI instead, for builds with `--features mpi`
        #[arg(long)]
        mpi: bool,
    },
    /// Download datasets and verify them.
    FetchData {
        /// Names of datasets, or `all`
        #[arg(value_name = "NAME", default_value = "mnist")]
        names: Vec<String>,
        /// Directory for the datasets [default: data/ in the workspace]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Set up the machine and run `mlp train`.
    Train {
        /// Arguments for `mlp train` (`cargo run -p mlp-cli -- train --help` lists them)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run the checks that every change must pass.
    Test {
        /// Also run the slow checks: mutants, Miri, fuzzing, dependencies, every feature alone,
        /// other tools, a browser
        #[arg(long)]
        thorough: bool,
        /// Build only without OpenBLAS
        #[arg(long)]
        no_openblas: bool,
    },
    /// `test --thorough`, then `semver`.
    Ci {
        /// Build only without OpenBLAS
        #[arg(long)]
        no_openblas: bool,
    },
    /// Compare the public API of the libraries with the last release.
    Semver(semver::Options),
    /// Run the end-to-end checks: the real `mlp` on the real datasets.
    E2e(e2e::Options),
    /// Check that `mlp` and other tools read each other's files, and test its page in a browser.
    Interop(e2e::ToolsOptions),
    /// Plant errors in the equations of mlp-core and check that its tests catch them.
    Mutate(mutate::Options),
    /// Fuzz the file readers with libFuzzer.
    Fuzz(fuzz::Options),
    /// Compare the speed of `mlp train` with other programs.
    Bench(bench::Options),
    /// Regenerate the pictures in docs/images/ and the output printed in the documents.
    Pictures,
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
        Command::Setup { check, mpi: true } => return Ok(setup::mpi(check)),
        Command::Setup { check: true, mpi: false } => return Ok(setup::check()),
        Command::Setup { check: false, mpi: false } => {
            setup::ensure();
        }
        Command::FetchData { names, data_dir } => {
            let dir = data_dir.map_or_else(|| Ok(workspace.data_dir()), std::path::absolute)?;
            fetch::fetch(&workspace, openblas::available(), &names, &dir)?;
        }
        Command::Train { args } => return train::train(&workspace, &args),
        Command::Test { thorough, no_openblas } => suite::test(&workspace, thorough, no_openblas)?,
        Command::Ci { no_openblas } => suite::ci(&workspace, no_openblas)?,
        Command::Semver(options) => {
            if let Outcome::Skipped(reason) = semver::check(&workspace, &options)? {
                println!("nothing was compared: {reason}");
            }
        }
        Command::E2e(options) => e2e::run(&workspace, &options)?,
        Command::Interop(options) => e2e::interop(&workspace, &options)?,
        Command::Mutate(options) => mutate::run(&workspace, &options)?,
        Command::Fuzz(options) => {
            if let Outcome::Skipped(reason) = fuzz::run(&workspace, &options)? {
                anyhow::bail!("cannot fuzz: {reason}");
            }
        }
        Command::Bench(options) => bench::run(&workspace, &options)?,
        Command::Pictures => pictures::run(&workspace)?,
    }
    Ok(ExitCode::SUCCESS)
}
