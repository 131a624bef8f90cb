//! `cargo xtask fetch-data`: builds `mlp` and downloads datasets with `mlp data fetch`.

use std::path::Path;

use anyhow::Result;

use crate::openblas::Backend;
use crate::process;
use crate::workspace::Workspace;

/// The datasets that the end-to-end checks train on.
pub(crate) const CHECKED: [&str; 2] = ["mnist", "fashion-mnist"];

/// Downloads datasets of the catalog (or `all`) into `data_dir` and verifies them. Existing files
/// are only verified.
///
/// # Errors
/// If `mlp` cannot be built, a name is unknown, or a download fails.
pub(crate) fn fetch(
    workspace: &Workspace,
    backend: Backend,
    names: &[impl AsRef<str>],
    data_dir: &Path,
) -> Result<()> {
    let mut mlp = workspace.command(workspace.build_mlp(backend, &[])?);
    mlp.args(["data", "fetch"]).args(names.iter().map(|name| name.as_ref()));
    process::run(mlp.arg("--data-dir").arg(data_dir))
}
