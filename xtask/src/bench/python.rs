//! The virtual environment in which the peers run: which packages each library needs, how they are installed, which versions came.
//! Everything goes by pip and by name, into the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::contenders::{Contender, Precision, Program, peer};
use crate::process;
use crate::workspace::Workspace;

/// A library that peers are written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub(super) enum Library {
    Numpy,
    Jax,
    Pytorch,
    ScikitLearn,
}

/// On Linux the PyTorch that pip knows is built for CUDA, and `import torch` loads CUDA's libraries wherever it runs. These are torch
/// and what its metadata asks for, without what a CPU never loads: cuSOLVER, NVTX, cuda-bindings, Triton. The versions belong
/// together, which is why they stand here; `--no-deps` holds for torch alone (2.5 GB to download instead of 2.9).
const TORCH_FOR_LINUX: [&[&str]; 2] = [
    &["--no-deps", "torch==2.15.0"],
    &[
        "numpy",
        "filelock",
        "typing-extensions>=4.13.0",
        "setuptools>=77.0.3",
        "sympy>=1.13.3",
        "networkx>=2.5.1",
        "jinja2",
        "fsspec>=0.8.5",
        "cuda-toolkit[cublas,cudart,cufft,cufile,cupti,cusparse,nvjitlink,nvrtc]==13.2.2",
        "nvidia-cudnn-cu13==9.26.0.51",
        "nvidia-cusparselt-cu13==0.8.1",
        "nvidia-nccl-cu13==2.30.7",
        "nvidia-nvshmem-cu13==3.7.2",
    ],
];

impl Library {
    /// The peers written with it; only the chapter's program is timed in f64, too, its own precision.
    pub(super) fn peers(self) -> Vec<Contender> {
        use Precision::{F32, F64};
        match self {
            Self::Numpy => vec![peer(Program::NumPy, F64), peer(Program::NumPy, F32)],
            Self::Jax => vec![peer(Program::Jax, F32)],
            Self::Pytorch => {
                let programs = [Program::TorchAutograd, Program::TorchByHand, Program::TorchCompiled];
                programs.map(|program| peer(program, F32)).to_vec()
            }
            Self::ScikitLearn => vec![peer(Program::ScikitLearn, F32)],
        }
    }

    /// As its users call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Numpy => "NumPy",
            Self::Jax => "JAX",
            Self::Pytorch => "PyTorch",
            Self::ScikitLearn => "scikit-learn",
        }
    }

    fn module(self) -> &'static str {
        match self {
            Self::Numpy => "numpy",
            Self::Jax => "jax",
            Self::Pytorch => "torch",
            Self::ScikitLearn => "sklearn",
        }
    }

    /// What pip is asked for, call by call. All peers read the data with NumPy.
    fn packages(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Numpy => &[&["numpy"]],
            Self::Jax => &[&["numpy", "jax"]],
            Self::Pytorch if cfg!(target_os = "linux") => &TORCH_FOR_LINUX,
            Self::Pytorch => &[&["numpy", "torch"]],
            Self::ScikitLearn => &[&["numpy", "scikit-learn"]],
        }
    }
}

/// A virtual environment.
pub(super) struct Environment {
    python: PathBuf,
}

impl Environment {
    /// The environment in the target directory, made if it is not there.
    ///
    /// # Errors
    /// When there is no Python, or one without `venv`.
    pub(super) fn prepare(workspace: &Workspace) -> Result<Self> {
        let venv = workspace.target_dir()?.join("bench/venv");
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
    #[cfg(test)]
    pub(super) fn of(python: PathBuf) -> Self {
        Self { python }
    }

    /// Installs a library, unless it is there, and imports it.
    ///
    /// # Errors
    /// When pip or the import fails; the message is the line that says why.
    pub(super) fn install(&self, library: Library) -> Result<()> {
        eprintln!("bench: installing {} if it is not there", library.name());
        for &packages in library.packages() {
            let mut pip = self.pip(&["install", "--quiet"]);
            run_quietly(pip.args(packages))?;
        }
        let import = format!("import {}", library.module());
        run_quietly(Command::new(&self.python).args(["-c", &import]))
    }

    /// The versions of Python and of those packages that the peers are written with, such as `Python 3.11.7, numpy 2.4.6`.
    ///
    /// # Errors
    /// When pip fails.
    pub(super) fn versions(&self) -> Result<String> {
        let python = process::stdout(Command::new(&self.python).arg("--version"))?;
        let packages = process::stdout(&mut self.pip(&["list", "--format=freeze"]))?;
        Ok(versions(&python, &packages))
    }

    /// A Python program that is run. It leaves no compiled files beside itself, and what torch compiles stays in the target
    /// directory, too.
    pub(super) fn run(&self, script: &Path) -> Command {
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

/// The versions in what `python --version` and `pip list --format=freeze` print.
fn versions(python: &str, packages: &str) -> String {
    let peers = ["numpy", "jax", "torch", "scikit-learn"];
    let versions =
        packages.lines().filter_map(|line| line.split_once("==")).filter(|(name, _)| peers.contains(name));
    let mut all = vec![python.trim().to_owned()];
    all.extend(versions.map(|(name, version)| format!("{name} {version}")));
    all.join(", ")
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
pub(super) fn reason(stderr: &str) -> Option<String> {
    let mut lines = stderr.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.clone().next();
    let error = lines.find(|line| line.to_lowercase().contains("error:"));
    error.or(last).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_peers_versions_are_named() {
        let packages = "jax==0.10.2\njaxlib==0.10.2\nnumpy==2.4.6\npip==23.2.1\n";
        assert_eq!(versions("Python 3.11.7\n", packages), "Python 3.11.7, jax 0.10.2, numpy 2.4.6");
    }

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

    #[test]
    fn every_library_brings_numpy_to_read_the_data_with() {
        for library in Library::value_variants() {
            assert!(library.packages().concat().contains(&"numpy"), "{}", library.name());
        }
    }
}
