//! The programs that `bench` times: how each is got and how it is called. All train the chapter's network on MNIST and print a
//! line `k/n  loss ...` at the end of epoch k.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::openblas::Backend;
use crate::process;
use crate::workspace::Workspace;

/// The command line for a number of epochs.
type CommandFor = dyn Fn(u32) -> Result<Command>;

/// A program in one precision.
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) precision: &'static str,
    /// Whether it is our program, with which the others are compared.
    pub(super) ours: bool,
    command: Box<CommandFor>,
}

impl Contender {
    /// `command` is called once for every run.
    pub(super) fn new(
        program: &str,
        precision: &'static str,
        ours: bool,
        command: impl Fn(u32) -> Result<Command> + 'static,
    ) -> Self {
        Self { name: format!("{program}, {precision}"), precision, ours, command: Box::new(command) }
    }

    /// The command that trains for `epochs`.
    pub(super) fn command(&self, epochs: u32) -> Result<Command> {
        (self.command)(epochs)
    }
}

/// `mlp train`, built as a user builds it.
pub(super) fn ours(workspace: &Workspace, backend: Backend) -> Result<Vec<Contender>> {
    process::run(workspace.cargo("build").args(["--package", "mlp-cli"]).args(backend.cargo_flags()))?;
    let target = workspace.target_dir()?;
    let program = target.join("debug").join(format!("mlp{}", std::env::consts::EXE_SUFFIX));
    let contender = |precision| {
        let (program, data_dir) = (program.clone(), workspace.data_dir());
        let run_dir = target.join("bench/runs").join(precision);
        Contender::new("mlp train", precision, true, move |epochs| {
            remove(&run_dir)?;
            let mut command = Command::new(&program);
            command.args(["train", "--dataset", "mnist", "--quiet", "--precision", precision, "--epochs"]);
            command.arg(epochs.to_string()).arg("--data-dir").arg(&data_dir).arg("--run-dir").arg(&run_dir);
            Ok(command)
        })
    };
    Ok(vec![contender("f32"), contender("f64")])
}

/// The chapter's program.
pub(super) fn numpy(workspace: &Workspace) -> Result<Vec<Contender>> {
    let python = python_with(workspace, &["numpy"])?;
    let contender = |precision| {
        let python = python.clone();
        let chapter = workspace.root().join("xtask/reference/chapter.py");
        let data = workspace.data_dir().join("mnist");
        Contender::new("the chapter's NumPy program", precision, false, move |epochs| {
            let mut command = Command::new(&python);
            command.arg(&chapter).arg(&data).arg("0").arg(epochs.to_string());
            // Without a word about it the program computes in f64.
            command.args((precision == "f32").then_some("f32"));
            Ok(command)
        })
    };
    Ok(vec![contender("f32"), contender("f64")])
}

/// The Python of a virtual environment that has `packages`; pip does nothing when they are there.
fn python_with(workspace: &Workspace, packages: &[&str]) -> Result<PathBuf> {
    let venv = workspace.target_dir()?.join("bench/venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        let made = process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        if made.is_err() {
            // Half an environment would be taken for a whole one the next time.
            remove(&venv)?;
        }
        made.context("Python's venv is needed (Debian: `apt-get install python3-venv`)")?;
    }
    let mut pip = Command::new(&python);
    process::run(
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages),
    )?;
    Ok(python)
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    Ok(())
}
