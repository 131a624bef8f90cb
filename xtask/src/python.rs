//! Virtual environments of Python in the target directory, and the packages that pip installs into them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// A virtual environment.
pub(crate) struct Environment {
    python: PathBuf,
}

impl Environment {
    /// The environment of a name in the target directory, made if it is not there.
    ///
    /// # Errors
    /// When there is no Python, or one without `venv`.
    pub(crate) fn prepare(workspace: &Workspace, name: &str) -> Result<Self> {
        let venv = workspace.target_dir()?.join(name).join("venv");
        let python = venv.join("bin/python");
        if !python.is_file() {
            let made = process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
            if made.is_err() && venv.exists() {
                // Half an environment would be taken for a whole one the next time.
                std::fs::remove_dir_all(&venv)
                    .with_context(|| format!("cannot remove {}", venv.display()))?;
            }
            made.context("Python's venv is needed (Debian: `apt-get install python3-venv`)")?;
        }
        Ok(Self { python })
    }

    /// The environment of a given Python.
    pub(crate) fn of(python: PathBuf) -> Self {
        Self { python }
    }

    /// Installs packages, unless they are there: what `pip install` takes.
    ///
    /// # Errors
    /// When pip fails; the message is the line that says why.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<()> {
        let mut pip = self.pip(&["install", "--quiet"]);
        run_quietly(pip.args(packages))
    }

    /// Runs `python ARGS`.
    ///
    /// # Errors
    /// When it fails; the message is the line that says why.
    pub(crate) fn execute(&self, args: &[&str]) -> Result<()> {
        run_quietly(Command::new(&self.python).args(args))
    }

    /// A Python program that is run. It leaves no compiled files beside itself, and what torch compiles stays in the target
    /// directory, too.
    pub(crate) fn run(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(script);
        if let Some(bench) = self.python.ancestors().nth(3) {
            command.env("TORCHINDUCTOR_CACHE_DIR", bench.join("inductor"));
        }
        command
    }

    fn pip(&self, args: &[&str]) -> Command {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "--disable-pip-version-check"]).args(args);
        pip
    }
}

/// Runs a command with its output kept; if it fails, the error is the line of its stderr that says why.
fn run_quietly(command: &mut Command) -> Result<()> {
    let output = process::capture(command)?;
    if !output.status.success() {
        let ended = || format!("`{}` ended with {}", process::line(command), output.status);
        bail!(reason(&process::text(&output.stderr)).unwrap_or_else(ended));
    }
    Ok(())
}

/// Why a Python program failed, by what it printed on stderr: the last line that speaks of an error, else the last line of all.
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
    fn the_reason_of_a_failure_is_the_last_line_that_speaks_of_an_error() {
        let traceback =
            "Traceback:\n  File \"a.py\"\nImportError: no libcudart.so\n\nSet VERBOSE=1 for more.\n";
        assert_eq!(reason(traceback).as_deref(), Some("ImportError: no libcudart.so"));
        assert_eq!(reason("a\nkilled\n\n").as_deref(), Some("killed"));
        assert_eq!(reason("\n"), None);
    }

    #[test]
    fn a_command_that_fails_says_why_or_how_it_ended() {
        let error = run_quietly(Command::new("sh").args(["-c", "echo a >&2; echo why >&2; exit 1"]));
        assert_eq!(error.unwrap_err().to_string(), "why");
        let error = run_quietly(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit 3") && error.contains("ended with"), "{error}");
        assert!(run_quietly(&mut Command::new("true")).is_ok());
    }
}
