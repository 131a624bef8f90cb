//! `cargo xtask e2e`: runs the real program on the real datasets. The checks are a list of named
//! functions and not `cargo test` tests, because they download data and take minutes.

mod browser;
mod chapter;
mod checks;
mod exchange;
mod gemm;
mod mlp;
mod pictures;
mod ranks;

use anyhow::{Context, Result};
use clap::Args;

use self::checks::{CHECKS, Check, Kind};
use self::mlp::Mlp;
use crate::openblas::Backend;
use crate::report::{Report, Selection};
use crate::workspace::Workspace;
use crate::{fetch, process, setup};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Build `mlp` without OpenBLAS
    #[arg(long)]
    pub(crate) no_openblas: bool,
    /// Skip the slow checks
    #[arg(long)]
    pub(crate) short: bool,
    /// Run only the checks of several ranks, with a build that has MPI (`cargo xtask setup --mpi`)
    #[arg(long)]
    pub(crate) mpi: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// Builds `mlp`, fetches the data and runs the checks.
///
/// # Errors
/// If the build, the download or a check fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let is_wanted = |kind| match kind {
        Kind::Ranks => options.mpi,
        Kind::Quick => !options.mpi,
        Kind::Long => !options.mpi && !options.short,
        Kind::Tools | Kind::PyTorch => false,
    };
    check(workspace, options.no_openblas, options.mpi, &options.selection, is_wanted)
}

#[derive(Args, Default)]
pub(crate) struct ToolsOptions {
    /// Build `mlp` without OpenBLAS
    #[arg(long)]
    pub(crate) no_openblas: bool,
    /// Also check PyTorch, which pip installs first (gigabytes)
    #[arg(long)]
    pytorch: bool,
    #[command(flatten)]
    selection: Selection,
}

/// Like [`run`], for the interoperability checks only.
///
/// # Errors
/// As for [`run`].
pub(crate) fn interop(workspace: &Workspace, options: &ToolsOptions) -> Result<()> {
    let is_wanted = |kind| kind == Kind::Tools || options.pytorch && kind == Kind::PyTorch;
    check(workspace, options.no_openblas, false, &options.selection, is_wanted)
}

/// Builds `mlp` for the interoperability checks, which then run beside other builds.
///
/// # Errors
/// If the build or a download fails.
pub(crate) fn prepare_interop(workspace: &Workspace, backend: Backend) -> Result<Prepared> {
    let chosen = CHECKS.iter().filter(|check| check.kind == Kind::Tools);
    prepare(workspace, backend, false, "interop", chosen.collect())
}

fn check(
    workspace: &Workspace,
    no_openblas: bool,
    mpi: bool,
    selection: &Selection,
    is_wanted: impl Fn(Kind) -> bool,
) -> Result<()> {
    let chosen = CHECKS.iter().filter(|check| is_wanted(check.kind) && selection.includes(check.name));
    if selection.list {
        chosen.for_each(|check| println!("{}", check.name));
        return Ok(());
    }
    let backend = if no_openblas { Backend::PureRust } else { setup::ensure() };
    prepare(workspace, backend, mpi, "e2e", chosen.collect())?.run()
}

fn prepare(
    workspace: &Workspace,
    backend: Backend,
    mpi: bool,
    name: &str,
    chosen: Vec<&'static Check>,
) -> Result<Prepared> {
    // The checks of several ranks generate their data.
    if !mpi {
        fetch::fetch(workspace, backend, &fetch::CHECKED, &workspace.data_dir())?;
    }
    let mlp = Mlp::build(workspace, backend, mpi, name).context("cannot build mlp")?;
    Ok(Prepared { mlp, chosen })
}

/// Checks that can run.
pub(crate) struct Prepared {
    mlp: Mlp,
    chosen: Vec<&'static Check>,
}

impl Prepared {
    /// Runs the checks.
    ///
    /// # Errors
    /// If a check fails.
    pub(crate) fn run(self) -> Result<()> {
        process::show(&format!("\nend-to-end checks, {}\n", self.mlp.backend().name()));
        let mut report = Report::default();
        for check in self.chosen {
            report.check(check.name, || (check.run)(&self.mlp));
        }
        report.close()
    }
}
