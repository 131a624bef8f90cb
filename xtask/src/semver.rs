//! `cargo xtask semver`: compares the libraries' public API with a release, using
//! cargo-semver-checks.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::process;
use crate::report::Outcome;
use crate::workspace::Workspace;

/// The crates with a public API.
const LIBRARIES: [&str; 3] = ["mlp-core", "mlp-data", "mlp-train"];

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Revision to compare with [default: the last tag v*]
    #[arg(long, value_name = "REV")]
    baseline: Option<String>,
}

/// Compares the public API with the baseline, if there is one and cargo-semver-checks can be
/// installed.
///
/// # Errors
/// If the API change does not fit the version, or the baseline is not a revision.
pub(crate) fn check(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let Some(baseline) = options.baseline.clone().or_else(|| last_release(workspace)) else {
        let reason = "there is no release tag yet (use --baseline REV)";
        return Ok(Outcome::Skipped(reason.to_owned()));
    };
    let revision = git(workspace, &["rev-parse", "--verify", "--quiet", &format!("{baseline}^{{commit}}")])
        .with_context(|| format!("`{baseline}` is not a revision of this repository"))?;
    if !workspace.has_or_installs("semver-checks", "cargo-semver-checks") {
        return Ok(Outcome::Skipped("cannot install cargo-semver-checks".to_owned()));
    }
    let metadata = workspace.metadata()?;
    for library in LIBRARIES {
        let manifest =
            git(workspace, &["show", &format!("{}:crates/{library}/Cargo.toml", revision.trim())])?;
        let mut cargo = workspace.cargo("semver-checks");
        cargo.args(["--package", library, "--baseline-rev", revision.trim(), "--only-explicit-features"]);
        for feature in features(&metadata, library) {
            // A feature that the baseline does not have cannot be enabled there.
            let in_baseline = manifest.lines().any(|line| line.starts_with(&format!("{feature} = [")));
            cargo.args([if in_baseline { "--features" } else { "--current-features" }, feature]);
        }
        process::run(&mut cargo)?;
    }
    Ok(Outcome::Passed)
}

/// The tag of the last release before this commit.
fn last_release(workspace: &Workspace) -> Option<String> {
    let tag = git(workspace, &["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]).ok()?;
    Some(tag.trim().to_owned())
}

fn git(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    process::stdout(workspace.command("git").args(arguments))
}

/// The features of a crate that add to its API. OpenBLAS adds nothing, and neither OpenBLAS nor
/// Open MPI may be installed.
fn features<'m>(metadata: &'m Value, library: &str) -> Vec<&'m str> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let of_library = packages.filter(|package| package["name"] == library);
    let features = of_library.filter_map(|package| package["features"].as_object()).flatten();
    let names = features.map(|(name, _)| name.as_str());
    let is_left_out =
        |name: &str| matches!(name, "default" | "mpi") || name.contains("openblas") || name.starts_with('_');
    names.filter(|name| !is_left_out(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_features_that_add_to_the_api_are_compared() {
        let metadata = serde_json::json!({"packages": [
            {"name": "mlp-core", "features": {"default": [], "openblas-static": [], "_blas": [], "serde": []}},
            {"name": "mlp-data", "features": {"fetch": [], "mpi": []}},
        ]});
        assert_eq!(features(&metadata, "mlp-core"), ["serde"]);
        assert_eq!(features(&metadata, "mlp-data"), ["fetch"]);
        assert!(features(&metadata, "mlp-train").is_empty());
    }
}
