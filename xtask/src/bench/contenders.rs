//! The programs that `bench` times and how each is called. All train the same network on MNIST and print a line
//! `k/n  loss ...  acc ...` at the end of epoch k. Where the peers' libraries come from is written in `python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::whole::Whole;
use super::workloads::Workload;
use crate::openblas::Backend;
use crate::process;
use crate::python::Environment;
use crate::workspace::Workspace;

/// A program that trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Mlp,
    NumPy,
    Jax,
    TorchAutograd,
    TorchByHand,
    TorchCompiled,
    ScikitLearn,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp train",
            Self::NumPy => "NumPy, the chapter's program",
            Self::Jax => "JAX, jit and scan",
            Self::TorchAutograd => "PyTorch, eager with autograd",
            Self::TorchByHand => "PyTorch, eager, gradients by hand",
            Self::TorchCompiled => "PyTorch, compiled, gradients by hand",
            Self::ScikitLearn => "scikit-learn, MLPClassifier",
        }
    }

    /// The file in `xtask/peers/`, and its own flag.
    fn script(self) -> Option<(&'static str, Option<&'static str>)> {
        match self {
            Self::Mlp => None,
            Self::NumPy => Some(("numpy_chapter.py", None)),
            Self::Jax => Some(("jax_scan.py", None)),
            Self::TorchAutograd => Some(("torch_autograd.py", None)),
            Self::TorchByHand => Some(("torch_by_hand.py", None)),
            Self::TorchCompiled => Some(("torch_by_hand.py", Some("--compile"))),
            Self::ScikitLearn => Some(("scikit_learn.py", None)),
        }
    }
}

/// A floating-point type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    F32,
    F64,
}

impl Precision {
    /// As flags spell it, ours and the peers'.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// A program in one precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contender {
    pub(super) program: Program,
    pub(super) precision: Precision,
    /// On how many threads; none: on as many as suit it best.
    pub(super) threads: Option<u32>,
}

impl Contender {
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.program.name(), self.precision.name())
    }

    /// Whether it is our program, with which the others are compared.
    pub(super) fn is_ours(&self) -> bool {
        self.program == Program::Mlp
    }
}

/// `mlp train`.
pub(super) fn ours(precision: Precision, threads: u32) -> Contender {
    Contender { program: Program::Mlp, precision, threads: Some(threads) }
}

/// A peer in one precision.
pub(super) fn peer(program: Program, precision: Precision) -> Contender {
    Contender { program, precision, threads: None }
}

/// Where everything is that the commands speak of.
pub(super) struct Commands {
    /// The program `mlp`.
    mlp: PathBuf,
    /// What has the peers' libraries, if any are asked for.
    python: Option<Environment>,
    data_dir: PathBuf,
    /// The workspace's directory `xtask/`.
    xtask: PathBuf,
    /// For what the runs leave behind.
    scratch: PathBuf,
}

impl Commands {
    /// Builds `mlp` as a user builds it.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(super) fn new(workspace: &Workspace, backend: Backend, python: Option<Environment>) -> Result<Self> {
        process::run(workspace.cargo("build").args(["--package", "mlp-cli"]).args(backend.cargo_flags()))?;
        let target = workspace.target_dir()?;
        let scratch = target.join("bench");
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(Self {
            mlp: target.join("debug").join(format!("mlp{}", std::env::consts::EXE_SUFFIX)),
            python,
            data_dir: workspace.data_dir(),
            xtask: workspace.root().join("xtask"),
            scratch,
        })
    }

    /// Where a run's standard error goes.
    pub(super) fn stderr(&self) -> PathBuf {
        self.scratch.join("stderr.txt")
    }

    /// The command by which a contender trains for `epochs`.
    ///
    /// # Errors
    /// When the last run's directory cannot be removed, or there is no Python.
    pub(super) fn train(
        &self,
        contender: &Contender,
        workload: &Workload,
        threads: u32,
        epochs: u32,
    ) -> Result<Command> {
        let (mut command, batch) = match contender.program.script() {
            None => (self.mlp_train(contender.precision)?, "--batch-size"),
            Some((script, flag)) => {
                let mut command = self.python()?.run(&self.xtask.join("peers").join(script));
                command.arg(self.mnist()).args(flag).args(["--precision", contender.precision.name()]);
                if let Some(examples) = workload.peer_examples {
                    command.args(["--examples", &examples.to_string()]);
                }
                (command, "--batch")
            }
        };
        let flags = [
            ("--hidden", workload.hidden),
            (batch, workload.batch),
            ("--epochs", epochs),
            ("--threads", threads),
        ];
        for (flag, value) in flags {
            command.arg(flag).arg(value.to_string());
        }
        command.arg("--learning-rate").arg(workload.learning_rate.to_string());
        Ok(command)
    }

    /// 50 epochs of the chapter's network, as a user asks for them, by our program and by the chapter's own, each inside the
    /// Python program that measures them.
    ///
    /// # Errors
    /// When the last run's directory cannot be removed, or there is no Python.
    pub(super) fn whole(&self, program: Whole) -> Result<Command> {
        let mut command = self.python()?.run(&self.xtask.join("peers/whole_program.py"));
        match program {
            Whole::Mlp => {
                let train = self.mlp_train(Precision::F32)?;
                command.arg(train.get_program()).args(train.get_args());
            }
            Whole::NumPy => {
                let train = self.python()?.run(&self.xtask.join("reference/chapter.py"));
                command.arg(train.get_program()).args(train.get_args()).arg(self.mnist()).args(["0", "50"]);
            }
        }
        Ok(command)
    }

    /// What this machine can do, as JSON.
    pub(super) fn mlp_bench(&self) -> Command {
        let mut command = Command::new(&self.mlp);
        command.args(["bench", "--json", "--data-dir"]).arg(&self.data_dir);
        command
    }

    /// What it makes of dense inputs, as JSON.
    pub(super) fn mlp_bench_dense(&self, workload: &Workload, threads: u32) -> Command {
        let mut command = self.mlp_bench();
        command.arg("--standardize");
        let flags = [
            ("--hidden", workload.hidden),
            ("--batch-size", workload.batch),
            ("--epochs", workload.epochs),
            ("--threads", threads),
        ];
        for (flag, value) in flags {
            command.arg(flag).arg(value.to_string());
        }
        command
    }

    fn mlp_train(&self, precision: Precision) -> Result<Command> {
        let run_dir = self.scratch.join("runs").join(precision.name());
        remove(&run_dir)?;
        let mut command = Command::new(&self.mlp);
        command.args(["train", "--dataset", "mnist", "--quiet", "--precision", precision.name()]);
        command.arg("--data-dir").arg(&self.data_dir).arg("--run-dir").arg(&run_dir);
        Ok(command)
    }

    fn mnist(&self) -> PathBuf {
        self.data_dir.join("mnist")
    }

    fn python(&self) -> Result<&Environment> {
        self.python.as_ref().context("no Python was set up for the peers")
    }
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::workloads;
    use super::*;

    fn commands() -> Commands {
        Commands {
            mlp: "mlp".into(),
            python: Some(Environment::of("python3".into())),
            data_dir: "data".into(),
            xtask: "xtask".into(),
            scratch: "no-such-directory".into(),
        }
    }

    #[test]
    fn dense_inputs_are_asked_for_by_layer_and_batch() {
        assert_eq!(
            process::line(&commands().mlp_bench_dense(&workloads::DENSE[0], 2)),
            "mlp bench --json --data-dir data --standardize --hidden 512 --batch-size 100 --epochs 3 --threads 2"
        );
    }

    #[test]
    fn peers_and_ours_are_asked_for_the_same_work() {
        let commands = commands();
        let workload = workloads::OTHERS[2];
        let line = |contender: &Contender| {
            process::line(&commands.train(contender, &workload, 2, 4).unwrap()).replace('\\', "/")
        };
        let work =
            |batch: &str| format!("--hidden 100 {batch} 1 --epochs 4 --threads 2 --learning-rate 0.01");
        let ours = line(&ours(Precision::F64, 2));
        assert!(ours.starts_with("mlp train --dataset mnist --quiet --precision f64 "), "{ours}");
        assert!(ours.ends_with(&work("--batch-size")), "{ours}");
        let peer = line(&peer(Program::TorchCompiled, Precision::F32));
        assert!(
            peer.contains(
                "xtask/peers/torch_by_hand.py data/mnist --compile --precision f32 --examples 12000 "
            ),
            "{peer}"
        );
        assert!(peer.ends_with(&work("--batch")), "{peer}");
    }
}
