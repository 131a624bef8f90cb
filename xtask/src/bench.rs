//! `cargo xtask bench`: builds `mlp`, sets up Python and runs `xtask/peers/bench.py`.

use std::fs;

use anyhow::{Context, Result};
use clap::Args;

use crate::openblas::{self, Backend, ThisMachine};
use crate::python::Environment;
use crate::workspace::Workspace;
use crate::{fetch, process, setup};

#[derive(Args)]
pub(crate) struct Options {
    /// Also measure other libraries (default: all), network sizes and batch sizes, and compare with
    /// the project's targets. pip installs the libraries into a virtual environment in target/
    #[arg(
        long,
        value_name = "LIBRARIES",
        num_args = 0..,
        value_delimiter = ',',
        value_parser = ["numpy", "jax", "pytorch", "scikit-learn"],
        default_missing_values = ["numpy", "jax", "pytorch", "scikit-learn"]
    )]
    peers: Option<Vec<String>>,
    /// Also time 50 epochs from start to exit, with peak memory, against the chapter's NumPy
    /// program
    #[arg(long, requires = "peers")]
    whole: bool,
    /// Number of runs of each program on the chapter's network
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Timed epochs per run, after one untimed epoch that includes startup
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
}

/// Runs the benchmark, which prints Markdown. A peer that fails is left out.
///
/// # Errors
/// If `mlp` cannot be built or fails, or Python is missing.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let backend = setup::ensure();
    fetch::fetch(workspace, backend, &["mnist"], &workspace.data_dir())?;
    let mlp = workspace.build_mlp(backend, &[])?;
    let blas = match backend {
        Backend::OpenBlas => openblas::look(&ThisMachine).describe(),
        Backend::PureRust => backend.name().to_owned(),
    };
    let runs = workspace.target_dir()?.join("bench/runs");
    if runs.exists() {
        fs::remove_dir_all(&runs).with_context(|| format!("cannot empty {}", runs.display()))?;
    }
    let python = match options.peers {
        Some(_) => environment(workspace)?,
        None => Environment::of("python3".into()),
    };
    let mut bench = python.run(&workspace.root().join("xtask/peers/bench.py"));
    bench.arg("--mlp").arg(mlp).args(["--blas", &blas]);
    bench.arg("--data-dir").arg(workspace.data_dir()).arg("--scratch").arg(runs);
    bench.args(["--repetitions", &options.repetitions.to_string(), "--epochs", &options.epochs.to_string()]);
    if let Some(libraries) = &options.peers {
        bench.arg("--peers").args(libraries);
    }
    bench.args(options.whole.then_some("--whole"));
    process::run(&mut bench)
}

/// The peers' Python environment with PyTorch, shared because PyTorch takes gigabytes.
///
/// # Errors
/// If PyTorch cannot be installed.
pub(crate) fn pytorch(workspace: &Workspace) -> Result<Environment> {
    let python = environment(workspace)?;
    process::run(python.run(&workspace.root().join("xtask/peers/libraries.py")).arg("pytorch"))?;
    Ok(python)
}

/// The peers' Python environment.
fn environment(workspace: &Workspace) -> Result<Environment> {
    Environment::prepare(workspace, "bench")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn peers_without_names_means_all_peers() {
        let peers = |arguments: &[&str]| {
            let arguments = ["bench"].iter().chain(arguments);
            Cli::parse_from(arguments).options.peers.map(|libraries| libraries.join(" "))
        };
        assert_eq!(peers(&["--peers", "--whole"]).as_deref(), Some("numpy jax pytorch scikit-learn"));
        assert_eq!(peers(&["--peers", "numpy,jax", "--epochs", "1"]).as_deref(), Some("numpy jax"));
        assert_eq!(peers(&[]), None);
    }

    #[test]
    fn the_python_tests_pass() -> Result<()> {
        let workspace = Workspace::locate()?;
        if !process::succeeds(workspace.command("python3").arg("--version")) {
            println!("skipped: python3 not found");
            return Ok(());
        }
        let mut tests = workspace.command("python3");
        tests.args(["-B", "-m", "unittest", "--quiet"]).current_dir(workspace.root().join("xtask/peers"));
        process::stdout(&mut tests).map(drop)
    }
}
