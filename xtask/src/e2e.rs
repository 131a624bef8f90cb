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

impl Options {
    fn includes(&self, check: &Check) -> bool {
        let is_wanted = match check.kind {
            Kind::Ranks => self.mpi,
            Kind::Quick => !self.mpi,
            Kind::Long => !self.mpi && !self.short,
            Kind::Tools | Kind::PyTorch => false,
        };
        is_wanted && self.selection.includes(check.name)
    }
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

impl ToolsOptions {
    fn includes(&self, check: &Check) -> bool {
        let is_wanted = check.kind == Kind::Tools || self.pytorch && check.kind == Kind::PyTorch;
        is_wanted && self.selection.includes(check.name)
    }
}

/// Builds `mlp`, fetches the data and runs the checks.
///
/// # Errors
/// If the build, the download or a check fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let checks = select(|check| options.includes(check));
    if options.selection.list {
        list(&checks);
        return Ok(());
    }
    prepare(workspace, backend(options.no_openblas), options.mpi, "e2e", checks)?.run()
}

/// Like [`run`], for the interoperability checks only.
///
/// # Errors
/// As for [`run`].
pub(crate) fn interop(workspace: &Workspace, options: &ToolsOptions) -> Result<()> {
    if options.selection.list {
        list(&select(|check| options.includes(check)));
        return Ok(());
    }
    prepare_interop(workspace, backend(options.no_openblas), options)?.run()
}

/// Builds `mlp` for the interoperability checks and fetches the data. The checks have their own
/// copy of the program, so they can run beside other builds.
///
/// # Errors
/// If the build or the download fails.
pub(crate) fn prepare_interop(
    workspace: &Workspace,
    backend: Backend,
    options: &ToolsOptions,
) -> Result<Prepared> {
    prepare(workspace, backend, false, "interop", select(|check| options.includes(check)))
}

fn select(includes: impl Fn(&Check) -> bool) -> Vec<&'static Check> {
    CHECKS.iter().filter(|check| includes(check)).collect()
}

fn list(checks: &[&Check]) {
    checks.iter().for_each(|check| println!("{}", check.name));
}

fn backend(no_openblas: bool) -> Backend {
    if no_openblas { Backend::PureRust } else { setup::ensure() }
}

fn prepare(
    workspace: &Workspace,
    backend: Backend,
    mpi: bool,
    name: &str,
    checks: Vec<&'static Check>,
) -> Result<Prepared> {
    // The checks of several ranks generate their data.
    if !mpi {
        fetch::fetch(workspace, backend, &fetch::CHECKED, &workspace.data_dir())?;
    }
    let mlp = Mlp::build(workspace, backend, mpi, name).context("cannot build mlp")?;
    Ok(Prepared { mlp, checks })
}

/// Checks that are ready to run.
pub(crate) struct Prepared {
    mlp: Mlp,
    checks: Vec<&'static Check>,
}

impl Prepared {
    /// Runs the checks.
    ///
    /// # Errors
    /// If a check fails.
    pub(crate) fn run(self) -> Result<()> {
        process::show(&format!("\nend-to-end checks, {}\n", self.mlp.backend().name()));
        let mut report = Report::default();
        for check in self.checks {
            report.check(check.name, || (check.run)(&self.mlp));
        }
        report.close()
    }
}
