//! Python virtual environments in the target directory, and packages installed with pip.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// A Python interpreter, usually of a virtual environment.
pub(crate) struct Environment {
    python: PathBuf,
}

impl Environment {
    /// Returns the virtual environment called `name`, created if missing.
    ///
    /// # Errors
    /// If Python or its `venv` module is missing.
    pub(crate) fn prepare(workspace: &Workspace, name: &str) -> Result<Self> {
        let venv = workspace.target_dir()?.join(name).join("venv");
        let python = venv.join("bin/python");
        if !python.is_file() {
            let made = process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
            if made.is_err() && venv.exists() {
                // The next run would mistake a partial environment for a complete one.
                std::fs::remove_dir_all(&venv)
                    .with_context(|| format!("cannot remove {}", venv.display()))?;
            }
            made.context(
                "cannot create a Python virtual environment (Debian: `apt-get install python3-venv`)",
            )?;
        }
        Ok(Self { python })
    }

    /// Uses an existing Python.
    pub(crate) fn of(python: PathBuf) -> Self {
        Self { python }
    }

    /// Installs missing packages; `packages` are arguments of `pip install`.
    ///
    /// # Errors
    /// If pip fails, with the reason that pip gives.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<()> {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]);
        run_quietly(pip.args(packages))
    }

    /// Runs `python ARGS`.
    ///
    /// # Errors
    /// If it fails, with the reason that it prints.
    pub(crate) fn execute(&self, args: &[&str]) -> Result<()> {
        run_quietly(Command::new(&self.python).args(args))
    }

    /// A command that runs a script without writing `__pycache__`. torch's compile cache goes to
    /// the target directory.
    pub(crate) fn run(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(script);
        if let Some(bench) = self.python.ancestors().nth(3) {
            command.env("TORCHINDUCTOR_CACHE_DIR", bench.join("inductor"));
        }
        command
    }
}

/// Runs a command with captured output. On failure, the error is the reason that it prints.
fn run_quietly(command: &mut Command) -> Result<()> {
    let output = process::capture(command)?;
    if !output.status.success() {
        let failed = || format!("`{}` failed with {}", process::line(command), output.status);
        bail!(reason(&process::text(&output.stderr)).unwrap_or_else(failed));
    }
    Ok(())
}

/// Extracts the reason for a failure from stderr: the last line that contains `error:`, else the
/// last line.
pub(crate) fn reason(stderr: &str) -> Option<String> {
    let mut lines = stderr.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.clone().next();
    let error = lines.find(|line| line.to_lowercase().contains("error:"));
    error.or(last).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_line_with_an_error() {
        let traceback =
            "Traceback:\n  File \"a.py\"\nImportError: no libcudart.so\n\nSet VERBOSE=1 for more.\n";
        assert_eq!(reason(traceback).as_deref(), Some("ImportError: no libcudart.so"));
        assert_eq!(reason("a\nkilled\n\n").as_deref(), Some("killed"));
        assert_eq!(reason("\n"), None);
    }

    #[test]
    fn a_failed_command_reports_its_reason_or_exit_code() {
        let error = run_quietly(Command::new("sh").args(["-c", "echo a >&2; echo why >&2; exit 1"]));
        assert_eq!(error.unwrap_err().to_string(), "why");
        let error = run_quietly(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit 3") && error.contains("failed with"), "{error}");
        assert!(run_quietly(&mut Command::new("true")).is_ok());
    }
}
