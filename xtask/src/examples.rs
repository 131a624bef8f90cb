//! Runs every example of the libraries, as listed by cargo.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// Runs each example from the root without arguments, as `cargo test` has built it.
///
/// # Errors
/// If there are no examples, or one is missing or fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = workspace.metadata()?;
    let examples = examples(&metadata);
    ensure!(!examples.is_empty(), "no crate has an example");
    let directory = workspace.target_dir()?.join("debug/examples");
    for name in examples {
        let program = directory.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        process::run(Command::new(program).current_dir(workspace.root()))?;
    }
    Ok(())
}

/// The names of the examples in `cargo metadata`.
fn examples(metadata: &Value) -> Vec<&str> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let is_example = |target: &&Value| target["kind"][0] == "example";
    targets.filter(is_example).filter_map(|target| target["name"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn every_file_in_examples_is_found() -> Result<()> {
        let workspace = Workspace::locate()?;
        let metadata = workspace.metadata()?;
        let mut found = examples(&metadata);
        let mut expected = Vec::new();
        for library in ["mlp-core", "mlp-data", "mlp-train"] {
            let directory = workspace.root().join("crates").join(library).join("examples");
            for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
                let path = entry?.path();
                expected.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
            }
        }
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        Ok(())
    }
}
