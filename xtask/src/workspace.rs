//! The paths of the workspace, and cargo commands without xtask's own environment variables.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::openblas::Backend;
use crate::process;

/// The workspace of this xtask.
#[derive(Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    config: &'static [&'static str],
}

impl Workspace {
    /// Finds the workspace: the parent directory of xtask.
    ///
    /// # Errors
    /// If xtask has been moved out of its workspace.
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest_dir).parent().map(Path::to_path_buf);
        let root = root.filter(|root| root.join("Cargo.lock").is_file());
        let root = root.with_context(|| {
            format!("no workspace above {}; run `cargo xtask` inside the repository", manifest_dir.display())
        })?;
        Ok(Self { root, config: &[] })
    }

    /// The same workspace, with flags for all its cargo commands.
    pub(crate) fn with_config(&self, config: &'static [&'static str]) -> Self {
        Self { config, ..self.clone() }
    }

    /// The directory of the root manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the datasets: `data/`.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Cargo's target directory, which the user may have configured.
    ///
    /// # Errors
    /// If `cargo metadata` fails.
    pub(crate) fn target_dir(&self) -> Result<PathBuf> {
        let metadata = self.metadata()?;
        let dir =
            metadata["target_directory"].as_str().context("`cargo metadata` names no target directory")?;
        Ok(dir.into())
    }

    /// The output of `cargo metadata` for the workspace members.
    ///
    /// # Errors
    /// If `cargo metadata` fails.
    pub(crate) fn metadata(&self) -> Result<serde_json::Value> {
        let metadata =
            process::stdout(self.cargo("metadata").args(["--no-deps", "--format-version=1", "--offline"]))?;
        serde_json::from_str(&metadata).context("cannot read `cargo metadata`")
    }

    /// The names of all targets of a kind (`example`, `test`) in `cargo metadata`, each with its
    /// package.
    pub(crate) fn targets<'m>(metadata: &'m serde_json::Value, kind: &str) -> Vec<(&'m str, &'m str)> {
        let name = |value: &'m serde_json::Value| value["name"].as_str().unwrap_or_default();
        let items = |value: &'m serde_json::Value| value.as_array().into_iter().flatten();
        let packages = items(&metadata["packages"]);
        let targets =
            packages.flat_map(|package| items(&package["targets"]).map(move |target| (package, target)));
        let of_kind = targets.filter(|(_, target)| target["kind"][0] == kind);
        of_kind.map(|(package, target)| (name(package), name(target))).collect()
    }

    /// Builds `mlp` in the dev profile, as a user does, with additional features, and returns its
    /// path.
    ///
    /// # Errors
    /// If the build fails.
    pub(crate) fn build_mlp(&self, backend: Backend, features: &[&str]) -> Result<PathBuf> {
        let mut cargo = self.cargo("build");
        cargo.args(["--workspace", "--bin", "mlp"]).args(backend.cargo_flags());
        process::run(cargo.args(features.iter().flat_map(|feature| ["--features", feature])))?;
        Ok(self.target_dir()?.join("debug").join(format!("mlp{}", env::consts::EXE_SUFFIX)))
    }

    /// Returns true if `cargo SUBCOMMAND` exists or can be installed from `package`. It is built
    /// without optimization, which takes half the time and is fast enough for what the tools do,
    /// and in one directory with other tools, which share dependencies.
    pub(crate) fn has_or_installs(&self, subcommand: &str, package: &str) -> bool {
        let works = || process::succeeds(self.cargo(subcommand).arg("--version"));
        let install = || {
            let mut cargo = self.cargo("install");
            cargo.args(["--locked", "--debug", package]).env("CARGO_PROFILE_DEV_DEBUG", "0");
            process::run(cargo.arg("--target-dir").arg(self.target_dir()?.join("tools/build")))
        };
        works() || (install().is_ok() && works())
    }

    /// `cargo SUBCOMMAND`, run from the root.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg(subcommand).args(self.config);
        cargo
    }

    /// `cargo +nightly SUBCOMMAND`, run from the root. rustup runs it, because the cargo that
    /// started this process is bound to one toolchain.
    pub(crate) fn nightly_cargo(&self, subcommand: &str) -> Command {
        let mut rustup = self.command("rustup");
        rustup.args(["run", "nightly", "cargo", subcommand]).env_remove("CARGO");
        rustup
    }

    /// A program run from the root, without the variables `CARGO_PKG_*` and `CARGO_MANIFEST_*` that
    /// `cargo run` set for xtask. Build scripts that watch them (ring's does) would run again for
    /// each call from here, and again for each call from the user's shell.
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
