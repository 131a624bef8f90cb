//! The crates depend on each other as ARCHITECTURE.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::tree;

/// Each workspace member with the members it depends on, including dev-dependencies.
const GRAPH: [(&str, &[&str]); 5] = [
    ("mlp-cli", &["mlp-core", "mlp-data", "mlp-train"]),
    ("mlp-core", &[]),
    ("mlp-data", &[]),
    ("mlp-train", &["mlp-core", "mlp-data"]),
    ("xtask", &[]),
];

#[test]
fn the_crate_graph_matches_the_architecture() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");

    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let found: BTreeMap<String, BTreeSet<String>> = packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
            (name(package), dependencies.iter().map(name).filter(|name| ours.contains(name)).collect())
        })
        .collect();

    let expected: BTreeMap<String, BTreeSet<String>> = GRAPH
        .iter()
        .map(|(name, dependencies)| {
            ((*name).to_owned(), dependencies.iter().map(|&name| name.to_owned()).collect())
        })
        .collect();
    assert_eq!(found, expected);
}
