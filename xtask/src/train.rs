//! `cargo xtask train`: sets up the machine, fetches the data and runs `mlp train`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{fetch, process, setup};

/// Sets up, fetches the dataset in `args` and runs `mlp train` with `args`.
///
/// # Errors
/// If the data cannot be fetched or cargo cannot be started.
pub(crate) fn train(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let backend = setup::ensure();
    let dataset = value_of(args, "--dataset").unwrap_or_else(|| "mnist".into());
    if let Some(name) = dataset.to_str().filter(|name| fetch::is_known(name)) {
        let data_dir = value_of(args, "--data-dir").map_or_else(|| workspace.data_dir(), PathBuf::from);
        fetch::fetch(&[name], &workspace.root().join(data_dir))?;
    }
    let mut cargo = workspace.cargo("run");
    cargo.args(["--package", "mlp-cli"]).args(backend.cargo_flags()).args(["--", "train"]).args(args);
    eprintln!("$ {}", process::line(&cargo));
    replace_process(cargo)
}

/// Replaces this process with `command`, which then receives Ctrl-C and signals directly.
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

/// The value of `--flag VALUE` or `--flag=VALUE` in `args`. The last one wins, as in `mlp`.
fn value_of(args: &[OsString], flag: &str) -> Option<OsString> {
    let prefix = format!("{flag}=");
    let mut found = None;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == OsStr::new(flag) {
            found = rest.next().cloned();
        } else if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix(&prefix)) {
            found = Some(value.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(args: &[&str]) -> Option<OsString> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        value_of(&args, "--dataset")
    }

    #[test]
    fn both_flag_syntaxes_are_found() {
        assert_eq!(value(&["--epochs", "3", "--dataset", "kmnist"]), Some("kmnist".into()));
        assert_eq!(value(&["--dataset=synthetic", "--quiet"]), Some("synthetic".into()));
    }

    #[test]
    fn the_last_value_wins_and_a_missing_value_is_none() {
        assert_eq!(value(&["--dataset=mnist", "--dataset", "qmnist"]), Some("qmnist".into()));
        assert_eq!(value(&["--epochs", "3"]), None);
        assert_eq!(value(&["--dataset"]), None);
    }
}
