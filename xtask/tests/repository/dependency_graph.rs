//! The crates depend on each other as ARCHITECTURE.md says: mlp-core knows no dataset, mlp-data no model, and xtask can be built
//! where nothing else can.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::tree;

/// Each member with those of our crates that it depends on, be it for its tests only.
const GRAPH: [(&str, &[&str]); 5] = [
    ("mlp-cli", &["mlp-core", "mlp-data", "mlp-train"]),
    ("mlp-core", &[]),
    ("mlp-data", &[]),
    ("mlp-train", &["mlp-core", "mlp-data"]),
    ("xtask", &[]),
];

#[test]
fn the_crates_depend_on_each_other_as_the_architecture_says() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(tree::root())
        .output()
        .expect("cargo can be run");
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
