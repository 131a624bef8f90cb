//! The program `mlp` as a user runs it: built in the dev profile, controlled by flags, checked by its output, its exit code and
//! the files that it writes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};

use crate::openblas::Backend;
use crate::process;
use crate::python::Environment;
use crate::workspace::Workspace;

/// A built `mlp` and the directories it works in.
pub(super) struct Mlp {
    program: PathBuf,
    data_dir: PathBuf,
    scratch: PathBuf,
    workspace: Workspace,
    backend: Backend,
}

/// What a training run left.
pub(super) struct Run {
    /// The lines on stdout.
    pub(super) lines: Vec<String>,
    /// The run directory.
    pub(super) dir: PathBuf,
    /// The most memory it held, in bytes, where the system tells.
    pub(super) peak_memory: Option<u64>,
}

/// One line of trace.csv.
pub(super) struct Epoch {
    pub(super) loss: f64,
    pub(super) accuracy: f64,
}

impl Mlp {
    /// Builds `mlp` and empties the directory for its runs.
    pub(super) fn build(workspace: &Workspace, backend: Backend) -> Result<Self> {
        let program = workspace.build_mlp(backend)?;
        let scratch = workspace.target_dir()?.join("e2e");
        if scratch.exists() {
            fs::remove_dir_all(&scratch).with_context(|| format!("cannot empty {}", scratch.display()))?;
        }
        fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        Ok(Self { program, data_dir: workspace.data_dir(), scratch, workspace: workspace.clone(), backend })
    }

    /// A Python with these packages, which are installed if need be.
    pub(super) fn python(&self, packages: &[&[&str]]) -> Result<Environment> {
        let python = Environment::prepare(&self.workspace, "tools")?;
        packages.iter().try_for_each(|packages| python.install(packages))?;
        Ok(python)
    }

    /// What it was built for.
    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    /// The accuracy of a model on the test set, as `mlp eval` computes it.
    pub(super) fn evaluate(&self, model: &Path) -> Result<f64> {
        let json = self.succeed(&["eval", utf8(model)?, "--json", "--data-dir", self.data_dir()?])?;
        let json: serde_json::Value =
            serde_json::from_str(&json).context("eval --json did not print JSON")?;
        json["accuracy"].as_f64().context("eval --json has no number `accuracy`")
    }

    /// The workspace that it was built from.
    pub(super) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The program itself.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// A path for a file of a check's own.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// A file of the repository.
    pub(super) fn source(&self, path: &str) -> PathBuf {
        self.workspace.root().join(path)
    }

    /// Runs `mlp ARGS` to its end, whatever its exit code.
    pub(super) fn run(&self, args: &[&str]) -> Result<Output> {
        process::capture(&mut self.command(args))
    }

    /// Runs `mlp ARGS`, which must succeed, and returns its stdout.
    pub(super) fn succeed(&self, args: &[&str]) -> Result<String> {
        process::stdout(&mut self.command(args))
    }

    /// Starts `mlp ARGS` with its output in pipes.
    pub(super) fn spawn(&self, args: &[&str]) -> Result<Child> {
        self.start(&mut self.command(args))
    }

    /// Trains with `flags` (separated by spaces) in a run directory called `name`.
    pub(super) fn train(&self, name: &str, flags: &str) -> Result<Run> {
        let dir = self.scratch(name);
        let mut command = self.training(flags);
        self.finish(command.arg("--run-dir").arg(&dir), dir)
    }

    /// [`Mlp::train`], killed after the first epoch and gone on with.
    pub(super) fn interrupted(&self, name: &str, flags: &str) -> Result<Run> {
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
        ensure!(!child.wait()?.success(), "`{}` was too quick to be killed", process::line(&command));
        let mut command = self.training("--resume");
        self.finish(command.arg(&dir), dir)
    }

    fn training(&self, flags: &str) -> Command {
        let mut command = self.command(&["train", "--quiet", "--data-dir"]);
        command.arg(&self.data_dir).args(flags.split_whitespace());
        command
    }

    fn finish(&self, command: &mut Command, dir: PathBuf) -> Result<Run> {
        let (output, peak_memory) = wait_and_watch(self.start(command)?)?;
        if !output.status.success() {
            let stderr = process::text(&output.stderr);
            bail!("`{}` ended with {}:\n{}", process::line(command), output.status, stderr.trim_end());
        }
        let lines = process::text(&output.stdout).lines().map(str::to_owned).collect();
        Ok(Run { lines, dir, peak_memory })
    }

    fn start(&self, command: &mut Command) -> Result<Child> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        child.with_context(|| format!("cannot run {}", self.program.display()))
    }

    /// Where the datasets are, as a flag's value.
    pub(super) fn data_dir(&self) -> Result<&str> {
        utf8(&self.data_dir)
    }

    /// MNIST's own files.
    pub(super) fn mnist_dir(&self) -> PathBuf {
        self.data_dir.join("mnist")
    }

    /// `mlp ARGS`, to be run in the scratch directory.
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

    /// The accuracy that the last line of stdout states.
    pub(super) fn test_accuracy(&self) -> Result<&str> {
        let line = self.lines.last().context("nothing on stdout")?;
        let accuracy = line.strip_prefix("test  loss ").and_then(|rest| rest.split_once("  acc "));
        Ok(accuracy.with_context(|| format!("the last line is `{line}`, not the test result"))?.1)
    }

    /// The epochs in full precision, from trace.csv.
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

/// A path as a flag's value.
pub(super) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Waits for `child` and looks, many times, at the most memory it has held so far.
fn wait_and_watch(child: Child) -> Result<(Output, Option<u64>)> {
    let id = child.id();
    let waiting = thread::spawn(move || child.wait_with_output());
    let mut peak = None;
    while !waiting.is_finished() {
        peak = peak_memory(id).max(peak);
        thread::sleep(Duration::from_millis(2));
    }
    let output = waiting.join().map_err(|_| anyhow::anyhow!("waiting for mlp panicked"))?;
    Ok((output.context("cannot read what mlp printed")?, peak))
}

/// The resident set of process `id` at its largest, in bytes. Only Linux tells.
fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
