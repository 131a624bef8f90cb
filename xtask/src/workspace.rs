//! Where things are in the workspace, and cargo as xtask calls it: without xtask's own environment, which would make cargo build
//! the same crates again and again.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::openblas::Backend;
use crate::process;

/// The workspace that this xtask belongs to.
#[derive(Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the workspace: the directory above xtask's own.
    ///
    /// # Errors
    /// When xtask was moved away from its workspace.
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest_dir).parent().map(Path::to_path_buf);
        let root = root.filter(|root| root.join("Cargo.lock").is_file());
        let root = root.with_context(|| {
            format!("no workspace above {}; run `cargo xtask` inside the repository", manifest_dir.display())
        })?;
        Ok(Self { root })
    }

    /// The directory of the root manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the datasets are: `data/`.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Where cargo builds, whether or not the user has moved it.
    ///
    /// # Errors
    /// When `cargo metadata` fails.
    pub(crate) fn target_dir(&self) -> Result<PathBuf> {
        let metadata = self.metadata()?;
        let dir =
            metadata["target_directory"].as_str().context("`cargo metadata` names no target directory")?;
        Ok(dir.into())
    }

    /// What cargo knows of the crates of the workspace.
    ///
    /// # Errors
    /// When `cargo metadata` fails.
    pub(crate) fn metadata(&self) -> Result<serde_json::Value> {
        let metadata =
            process::stdout(self.cargo("metadata").args(["--no-deps", "--format-version=1", "--offline"]))?;
        serde_json::from_str(&metadata).context("cannot read `cargo metadata`")
    }

    /// Builds `mlp` as a user does, in the dev profile: the path of the program.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn build_mlp(&self, backend: Backend) -> Result<PathBuf> {
        let mut cargo = self.cargo("build");
        process::run(cargo.args(["--workspace", "--bin", "mlp"]).args(backend.cargo_flags()))?;
        Ok(self.target_dir()?.join("debug").join(format!("mlp{}", env::consts::EXE_SUFFIX)))
    }

    /// Whether there is a `cargo SUBCOMMAND`, which `cargo install` gets from the package if there was none.
    pub(crate) fn has_or_installs(&self, subcommand: &str, package: &str) -> bool {
        let works = || process::succeeds(self.cargo(subcommand).arg("--version"));
        works() || (process::run(self.cargo("install").args(["--locked", package])).is_ok() && works())
    }

    /// `cargo SUBCOMMAND`, to be run from the root.
    ///
    /// `cargo run` gave this process the variables `CARGO_PKG_*` and `CARGO_MANIFEST_*` of xtask. They must not reach
    /// another cargo: build scripts that watch them (ring's does) would run again for every call from here, and once
    /// more for every call from the user's shell.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg(subcommand);
        cargo
    }

    /// `cargo +nightly SUBCOMMAND`, to be run from the root. It goes through rustup, because the cargo that has started this
    /// process knows one toolchain only.
    pub(crate) fn nightly_cargo(&self, subcommand: &str) -> Command {
        let mut rustup = self.command("rustup");
        rustup.args(["run", "nightly", "cargo", subcommand]).env_remove("CARGO");
        rustup
    }

    /// A program to be run from the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os() {
            let ours = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_")
                    || name.starts_with("CARGO_MANIFEST_")
                    || name == "CARGO_BIN_NAME"
            });
            if ours {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.root);
        command
    }
}
