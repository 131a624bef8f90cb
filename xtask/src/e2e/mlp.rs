//! The program `mlp` as a user runs it: built in the dev profile, and checked by its output, exit
//! code and files.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};

use crate::openblas::Backend;
use crate::process;
use crate::python::Environment;
use crate::workspace::Workspace;

/// A built `mlp` and its directories.
pub(super) struct Mlp {
    program: PathBuf,
    data_dir: PathBuf,
    scratch: PathBuf,
    workspace: Workspace,
    backend: Backend,
}

/// A finished training run.
pub(super) struct Run {
    /// The lines of stdout.
    pub(super) lines: Vec<String>,
    /// The run directory.
    pub(super) dir: PathBuf,
    /// Peak memory in bytes; `None` except on Linux.
    pub(super) peak_memory: Option<u64>,
}

/// A line of trace.csv.
pub(super) struct Epoch {
    pub(super) loss: f64,
    pub(super) accuracy: f64,
}

impl Mlp {
    /// Builds `mlp`, with MPI if asked, and copies it to the emptied directory `name` below the
    /// target directory, so that other builds do not replace it.
    pub(super) fn build(workspace: &Workspace, backend: Backend, mpi: bool, name: &str) -> Result<Self> {
        let built = workspace.build_mlp(backend, if mpi { &["mlp-cli/mpi"] } else { &[] })?;
        let scratch = workspace.target_dir()?.join(name);
        if scratch.exists() {
            fs::remove_dir_all(&scratch).with_context(|| format!("cannot empty {}", scratch.display()))?;
        }
        fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        let program = scratch.join(built.file_name().context("a program has a name")?);
        fs::copy(&built, &program).with_context(|| format!("cannot copy {}", built.display()))?;
        Ok(Self { program, data_dir: workspace.data_dir(), scratch, workspace: workspace.clone(), backend })
    }

    /// A Python environment with these packages, installed if missing.
    pub(super) fn python(&self, packages: &[&[&str]]) -> Result<Environment> {
        let python = Environment::prepare(&self.workspace, "tools")?;
        packages.iter().try_for_each(|packages| python.install(packages))?;
        Ok(python)
    }

    /// The matmul backend of this build.
    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    /// The accuracy of a model on the test set, computed by `mlp eval`.
    pub(super) fn evaluate(&self, model: &Path) -> Result<f64> {
        let json = self.succeed(&["eval", utf8(model)?, "--json", "--data-dir", self.data_dir()?])?;
        let json: serde_json::Value =
            serde_json::from_str(&json).context("eval --json did not print JSON")?;
        json["accuracy"].as_f64().context("eval --json has no number `accuracy`")
    }

    /// The workspace it was built from.
    pub(super) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The path of the program.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The path of a file in the scratch directory.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// The path of a file in the repository.
    pub(super) fn source(&self, path: &str) -> PathBuf {
        self.workspace.root().join(path)
    }

    /// Runs `mlp ARGS`. The exit code is not checked.
    pub(super) fn run(&self, args: &[&str]) -> Result<Output> {
        process::capture(&mut self.command(args))
    }

    /// Runs `mlp ARGS`, which must succeed, and returns its stdout.
    pub(super) fn succeed(&self, args: &[&str]) -> Result<String> {
        process::stdout(&mut self.command(args))
    }

    /// Starts `mlp ARGS` with piped output.
    pub(super) fn spawn(&self, args: &[&str]) -> Result<Child> {
        self.start(&mut self.command(args))
    }

    /// Trains with `flags` (separated by spaces) in the run directory `name`.
    pub(super) fn train(&self, name: &str, flags: &str) -> Result<Run> {
        let dir = self.scratch(name);
        let mut command = self.training(flags);
        self.finish(command.arg("--run-dir").arg(&dir), dir)
    }

    /// Like [`Mlp::train`], killed after the first epoch and resumed.
    pub(super) fn train_interrupted(&self, name: &str, flags: &str) -> Result<Run> {
        let dir = self.scratch(name);
        let mut command = self.training(flags);
        command.arg("--run-dir").arg(&dir).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.program.display()))?;
        while fs::read_to_string(dir.join("trace.csv")).map_or(0, |text| text.lines().count()) < 2 {
            ensure!(
                child.try_wait()?.is_none(),
                "`{}` ended before its first epoch",
                process::line(&command)
            );
            thread::sleep(Duration::from_millis(1));
        }
        child.kill()?;
        ensure!(!child.wait()?.success(), "`{}` finished before it was killed", process::line(&command));
        let mut command = self.training("--resume");
        self.finish(command.arg(&dir), dir)
    }

    fn training(&self, flags: &str) -> Command {
        let mut command = self.command(&["train", "--quiet", "--data-dir"]);
        command.arg(&self.data_dir).args(flags.split_whitespace());
        command
    }

    fn finish(&self, command: &mut Command, dir: PathBuf) -> Result<Run> {
        let (output, peak_memory) = wait_and_measure(self.start(command)?)?;
        if !output.status.success() {
            let stderr = process::text(&output.stderr);
            bail!("`{}` failed with {}:\n{}", process::line(command), output.status, stderr.trim_end());
        }
        let lines = process::text(&output.stdout).lines().map(str::to_owned).collect();
        Ok(Run { lines, dir, peak_memory })
    }

    fn start(&self, command: &mut Command) -> Result<Child> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        child.with_context(|| format!("cannot run {}", self.program.display()))
    }

    /// The directory of the datasets, as the value of a flag.
    pub(super) fn data_dir(&self) -> Result<&str> {
        utf8(&self.data_dir)
    }

    /// The directory of MNIST's IDX files.
    pub(super) fn mnist_dir(&self) -> PathBuf {
        self.data_dir.join("mnist")
    }

    /// `mlp ARGS`, run in the scratch directory.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.scratch);
        command
    }
}

impl Run {
    /// The model file.
    pub(super) fn model(&self) -> PathBuf {
        self.dir.join("model.mlp")
    }

    /// The accuracy in the last line of stdout.
    pub(super) fn test_accuracy(&self) -> Result<&str> {
        let line = self.lines.last().context("stdout is empty")?;
        let accuracy = line.strip_prefix("test  loss ").and_then(|rest| rest.split_once("  acc "));
        Ok(accuracy.with_context(|| format!("expected the test result, found `{line}`"))?.1)
    }

    /// The epochs in trace.csv, in full precision.
    pub(super) fn trace(&self) -> Result<Vec<Epoch>> {
        let path = self.dir.join("trace.csv");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = text.lines();
        let header = lines.next().context("trace.csv is empty")?;
        ensure!(header.starts_with("epoch,loss,accuracy"), "trace.csv begins with `{header}`");
        let epoch = |line: &str| {
            let mut fields = line.split(',').skip(1).map(str::parse);
            let mut field = || fields.next().with_context(|| format!("a field is missing in `{line}`"));
            Ok(Epoch { loss: field()??, accuracy: field()?? })
        };
        lines.map(epoch).collect()
    }
}

/// Converts a path to the value of a flag.
pub(super) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Waits for `child` and polls its peak memory.
fn wait_and_measure(child: Child) -> Result<(Output, Option<u64>)> {
    let id = child.id();
    let waiting = thread::spawn(move || child.wait_with_output());
    let mut peak = None;
    while !waiting.is_finished() {
        peak = peak_memory(id).max(peak);
        thread::sleep(Duration::from_millis(2));
    }
    let output = waiting.join().map_err(|_| anyhow::anyhow!("the waiting thread panicked"))?;
    Ok((output.context("cannot read the output of mlp")?, peak))
}

/// Peak resident set size of process `id` in bytes; `None` except on Linux.
fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
