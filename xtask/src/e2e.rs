//! `cargo xtask e2e`: the real program on the real data sets. Not a `cargo test`, because it needs the downloads and minutes;
//! an ordinary list of named functions (`checks`) instead, each of which runs `mlp` as a user would (`mlp`) and most of which
//! compare with what the chapter's program printed (`chapter`).

mod browser;
mod chapter;
mod checks;
mod exchange;
mod mlp;
mod pictures;

use anyhow::{Context, Result};
use clap::Args;

use self::checks::CHECKS;
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
    let chosen = CHECKS
        .iter()
        .filter(|check| (check.quick || !options.short) && options.selection.includes(check.name));
    if options.selection.list {
        chosen.for_each(|check| println!("{}", check.name));
        return Ok(());
    }
    let backend = if options.no_openblas { Backend::PureRust } else { setup::ensure() };
    fetch::fetch(&["mnist", "fashion-mnist"], &workspace.data_dir())?;
    let mlp = Mlp::build(workspace, backend).context("cannot build mlp")?;

    println!("\nend-to-end checks, {}", backend.name());
    let mut report = Report::default();
    for check in chosen {
        report.check(check.name, || (check.run)(&mlp));
    }
    report.close()
}
