//! `cargo xtask e2e`: runs the real program on the real datasets. Not a `cargo test`, because it takes downloads and minutes, but a
//! list of named functions (`checks`). Each runs `mlp` as a user does; most compare with what the chapter's program printed.

mod browser;
mod chapter;
mod checks;
mod exchange;
mod gemm;
mod mlp;
mod pictures;

use anyhow::{Context, Result};
use clap::Args;

use self::checks::{CHECKS, Check, Kind};
use self::mlp::Mlp;
use crate::openblas::Backend;
use crate::report::{Report, Selection};
use crate::workspace::Workspace;
use crate::{fetch, setup};

/// What to check, and with which build.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Build `mlp` in pure Rust.
    #[arg(long)]
    pub(crate) no_openblas: bool,
    /// Leave out the checks that take long.
    #[arg(long)]
    pub(crate) short: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// Builds `mlp`, fetches the data and runs the checks.
///
/// # Errors
/// When the build or the data fails, or a check does.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let is_of_these = |kind| match kind {
        Kind::Quick => true,
        Kind::Long => !options.short,
        Kind::Tools | Kind::PyTorch => false,
    };
    check(workspace, options.no_openblas, &options.selection, is_of_these)
}

/// Which other tools to ask.
#[derive(Args, Default)]
pub(crate) struct ToolsOptions {
    /// Build `mlp` in pure Rust.
    #[arg(long)]
    pub(crate) no_openblas: bool,
    /// PyTorch too, which pip gets first: gigabytes.
    #[arg(long)]
    pytorch: bool,
    #[command(flatten)]
    selection: Selection,
}

/// As [`run`], the checks with other tools only: do they read what `mlp` writes, and it what they write?
///
/// # Errors
/// As [`run`].
pub(crate) fn interop(workspace: &Workspace, options: &ToolsOptions) -> Result<()> {
    let is_of_these = |kind| kind == Kind::Tools || options.pytorch && kind == Kind::PyTorch;
    check(workspace, options.no_openblas, &options.selection, is_of_these)
}

fn check(
    workspace: &Workspace,
    no_openblas: bool,
    selection: &Selection,
    is_of_these: impl Fn(Kind) -> bool,
) -> Result<()> {
    let is_chosen = |check: &&Check| is_of_these(check.kind) && selection.includes(check.name);
    let chosen = CHECKS.iter().filter(is_chosen);
    if selection.list {
        chosen.for_each(|check| println!("{}", check.name));
        return Ok(());
    }
    let backend = if no_openblas { Backend::PureRust } else { setup::ensure() };
    fetch::fetch(workspace, backend, &fetch::CHECKED, &workspace.data_dir())?;
    let mlp = Mlp::build(workspace, backend).context("cannot build mlp")?;

    println!("\nend-to-end checks, {}", backend.name());
    let mut report = Report::default();
    for check in chosen {
        report.check(check.name, || (check.run)(&mlp));
    }
    report.close()
}
