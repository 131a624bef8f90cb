//! `cargo xtask fuzz`: runs libFuzzer on each reader of foreign bytes. `fuzz/` has the readers and
//! their seeds.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::process;
use crate::report::Outcome;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Readers to fuzz [default: all]
    #[arg(value_name = "READER")]
    readers: Vec<String>,
    /// Seconds for each reader
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

impl Options {
    /// A short run of each reader.
    pub(crate) fn smoke() -> Self {
        Self { readers: Vec::new(), seconds: 2 }
    }
}

/// Memory in MB and seconds that reading one input may take.
const LIMITS: [&str; 2] = ["-rss_limit_mb=3000", "-timeout=20"];

/// Writes the corpus and runs the fuzzer, if it can be installed.
///
/// # Errors
/// If a reader fails on an input, which is then in the directory that libFuzzer names; or there is
/// no reader of a name.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    if !process::succeeds(workspace.nightly_cargo("--version").arg("--quiet")) {
        return Ok(Outcome::Skipped("there is no nightly toolchain".to_owned()));
    }
    if !process::succeeds(workspace.command("c++").arg("--version")) {
        return Ok(Outcome::Skipped("there is no C++ compiler".to_owned()));
    }
    if !workspace.has_or_installs("fuzz", "cargo-fuzz") {
        return Ok(Outcome::Skipped("cannot install cargo-fuzz".to_owned()));
    }
    let target = workspace.target_dir()?.join("fuzz");
    let corpus = target.join("corpus");
    // Built like the fuzzer, so that the dependencies of both are compiled once.
    let names = process::stdout(built(workspace, &target).arg("corpus").arg(&corpus))?;
    let known: Vec<&str> = names.lines().collect();
    if let Some(unknown) = options.readers.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("no reader `{unknown}`; expected {}", known.join(", "));
    }
    let is_chosen =
        |reader: &&str| options.readers.is_empty() || options.readers.iter().any(|name| name == reader);
    for reader in known.into_iter().filter(is_chosen) {
        let mut cargo = built(workspace, &target);
        cargo.arg("reader").arg(corpus.join(reader)).arg("--").args(LIMITS);
        cargo.arg(format!("-max_total_time={}", options.seconds));
        cargo.arg(format!("-artifact_prefix={}/{reader}-", target.display()));
        process::run(cargo.arg("-verbosity=0").env("READER", reader))?;
    }
    Ok(Outcome::Passed)
}

/// Builds and runs a program of `fuzz/`, whose name and arguments follow.
fn built(workspace: &Workspace, target: &Path) -> Command {
    let mut cargo = workspace.nightly_cargo("fuzz");
    cargo.args(["run", "--features", "libfuzzer", "--target-dir"]).arg(target.join("target"));
    cargo
}
