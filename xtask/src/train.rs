//! `cargo xtask train`: from a bare machine to a trained model. Sets up, then becomes `mlp train`,
//! which downloads a dataset that is missing.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{process, setup};

/// Sets up and runs `mlp train` with `args`.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn train(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let backend = setup::ensure();
    let mut cargo = workspace.cargo("run");
    cargo.args(["--package", "mlp-cli"]).args(backend.cargo_flags()).args(["--", "train"]).args(args);
    eprintln!("$ {}", process::line(&cargo));
    replace_process(cargo)
}

/// Runs `command` in place of this process, so that it gets Ctrl-C and signals, and its exit code
/// is ours.
#[cfg(unix)]
fn replace_process(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

/// Runs `command` and returns its exit code. The console sends Ctrl-C to both processes.
#[cfg(not(unix))]
fn replace_process(mut command: Command) -> Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
