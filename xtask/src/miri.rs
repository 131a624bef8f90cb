//! Runs the tests of mlp-core that reach its `unsafe` code in Miri, which finds undefined behavior
//! and data races.

use std::process::Command;

use anyhow::Result;

use crate::process::{self, succeeds};
use crate::report::Outcome;
use crate::workspace::Workspace;

/// Runs the tests, if Miri can be installed. It knows only the portable instruction set and cannot
/// call OpenBLAS. It is a thousand times slower than the processor, so some of these tests are
/// smaller under `cfg(miri)`.
///
/// # Errors
/// If a test fails.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    let is_set_up = || succeeds(workspace.nightly_cargo("miri").arg("setup"));
    if !is_set_up() {
        let mut rustup = Command::new("rustup");
        rustup.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
        let installed = process::stdout(rustup.args(["--component", "miri", "--component", "rust-src"]));
        if installed.is_err() || !is_set_up() {
            let failed = || "`cargo +nightly miri setup` fails".to_owned();
            return Ok(Outcome::Skipped(installed.err().map_or_else(failed, |e| format!("{e:#}"))));
        }
    }
    let modules = [
        "--lib",
        "--",
        "kernels::",
        "parallel::pool::",
        "parallel::partition::",
        "linalg::matrix::",
        "ops::matmul::",
        "loss::",
    ];
    let steps = ["--test", "several_threads", "--test", "csr_matrix"];
    for tests in [&modules[..], &steps] {
        let mut cargo = workspace.nightly_cargo("miri");
        cargo.args(["test", "--package", "mlp-core", "--no-default-features"]).args(tests);
        // Without the second flag, Miri adds random errors to exp and the like.
        cargo.env("MIRIFLAGS", "-Zmiri-strict-provenance -Zmiri-deterministic-floats");
        process::run(&mut cargo)?;
    }
    Ok(Outcome::Passed)
}
