//! Checks each feature of each crate alone, so that none depends on another by accident.

use anyhow::Result;
use serde_json::Value;

use crate::openblas::Backend;
use crate::process;
use crate::workspace::Workspace;

/// Checks every crate without features, then with each of its features alone.
///
/// # Errors
/// If a crate does not compile.
pub(crate) fn check(workspace: &Workspace, backend: Backend) -> Result<()> {
    for (package, feature) in combinations(&workspace.metadata()?, backend) {
        let mut cargo = workspace.cargo("check");
        cargo.args(["--package", package, "--no-default-features"]);
        process::run(cargo.args(feature.map(|feature| format!("--features={feature}"))))?;
    }
    Ok(())
}

/// Package and feature, `None` for a build without features.
fn combinations(metadata: &Value, backend: Backend) -> Vec<(&str, Option<&str>)> {
    let mut combinations = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let features = package["features"].as_object().into_iter().flatten();
        let features = features.map(|(feature, _)| feature.as_str()).filter(|feature| match *feature {
            // `openblas-static` downloads and compiles OpenBLAS; `_blas` and `_lapack` are parts.
            // `mpi` needs Open MPI; the checks with several ranks build it.
            "openblas-static" | "_blas" | "_lapack" | "mpi" => false,
            "default" if is_one_feature(&package["features"]["default"]) => false,
            "default" | "openblas" => backend == Backend::OpenBlas,
            _ => true,
        });
        combinations.push((name, None));
        combinations.extend(features.map(|feature| (name, Some(feature))));
    }
    combinations
}

/// Returns true if a feature only enables another one, which is checked anyway.
fn is_one_feature(enabled: &Value) -> bool {
    enabled.as_array().is_some_and(|enabled| enabled.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_checked_alone_and_so_is_a_crate_without_any() {
        let metadata = serde_json::json!({"packages": [
            {"name": "a", "features": {"default": [], "openblas": [], "openblas-static": [], "_blas": []}},
            {"name": "b", "features": {"default": ["fetch"], "fetch": [], "mpi": []}},
        ]});
        let (a, b) = ([("a", Some("default")), ("a", Some("openblas"))], ("b", Some("fetch")));
        let with = combinations(&metadata, Backend::OpenBlas);
        assert_eq!(with, [("a", None), a[0], a[1], ("b", None), b]);
        let without = combinations(&metadata, Backend::PureRust);
        assert_eq!(without, [("a", None), ("b", None), b]);
    }
}
