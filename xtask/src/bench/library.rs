//! The libraries that peers are written with: which packages each needs, and which versions came.

use anyhow::Result;
use clap::ValueEnum;

use super::contenders::{Contender, Precision, Program, peer};
use crate::python::Environment;

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

    /// Installs it, unless it is there, and imports it.
    ///
    /// # Errors
    /// When pip or the import fails; the message is the line that says why.
    pub(super) fn install(self, environment: &Environment) -> Result<()> {
        eprintln!("bench: installing {} if it is not there", self.name());
        for &packages in self.packages() {
            environment.install(packages)?;
        }
        environment.execute(&["-c", &format!("import {}", self.module())])
    }
}

/// The versions of Python and of those packages that the peers are written with, such as `Python 3.11.7, numpy 2.4.6`.
///
/// # Errors
/// When pip fails.
pub(super) fn versions(environment: &Environment) -> Result<String> {
    Ok(named(&environment.version()?, &environment.packages()?))
}

/// The versions in what `python --version` and `pip list --format=freeze` print.
fn named(python: &str, packages: &str) -> String {
    let peers = ["numpy", "jax", "torch", "scikit-learn"];
    let versions =
        packages.lines().filter_map(|line| line.split_once("==")).filter(|(name, _)| peers.contains(name));
    let mut all = vec![python.trim().to_owned()];
    all.extend(versions.map(|(name, version)| format!("{name} {version}")));
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_peers_versions_are_named() {
        let packages = "jax==0.10.2\njaxlib==0.10.2\nnumpy==2.4.6\npip==23.2.1\n";
        assert_eq!(named("Python 3.11.7\n", packages), "Python 3.11.7, jax 0.10.2, numpy 2.4.6");
    }

    #[test]
    fn every_library_brings_numpy_to_read_the_data_with() {
        for library in Library::value_variants() {
            assert!(library.packages().concat().contains(&"numpy"), "{}", library.name());
        }
    }
}
