//! Checks each feature of each crate alone with cargo-hack, so that none depends on another by accident.

use anyhow::Result;

use crate::openblas::Backend;
use crate::process;
use crate::workspace::Workspace;

/// Checks every crate with each of its features alone, and with none. cargo-hack is installed where it is missing; where that
/// cannot be, this is said and nothing is checked.
///
/// # Errors
/// When some crate cannot be built with some feature.
pub(crate) fn check(workspace: &Workspace, backend: Backend) -> Result<()> {
    if !workspace.has_or_installs("hack", "cargo-hack") {
        println!("cargo-hack is left out: it cannot be installed here");
        return Ok(());
    }
    let mut cargo = workspace.cargo("hack");
    cargo.args(["check", "--workspace", "--each-feature", "--exclude-features", left_out(backend)]);
    process::run(&mut cargo)
}

/// `openblas-static` downloads OpenBLAS's sources when it is built, and `_blas` is a part of the two OpenBLAS features.
fn left_out(backend: Backend) -> &'static str {
    match backend {
        Backend::OpenBlas => "openblas-static,_blas",
        Backend::PureRust => "openblas-static,_blas,openblas,default",
    }
}
