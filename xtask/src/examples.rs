//! Runs every example of the libraries, as listed by cargo.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::openblas::Backend;
use crate::process;
use crate::workspace::Workspace;

/// Builds all examples, and runs each from the root without arguments.
///
/// # Errors
/// If there are no examples, or one is missing or fails.
pub(crate) fn run(workspace: &Workspace, backend: Backend) -> Result<()> {
    let mut cargo = workspace.cargo("build");
    process::run(cargo.args(["--workspace", "--examples"]).args(backend.cargo_flags()))?;
    let metadata = workspace.metadata()?;
    let examples = Workspace::targets(&metadata, "example");
    ensure!(!examples.is_empty(), "no crate has an example");
    let directory = workspace.target_dir()?.join("debug/examples");
    for (_, name) in examples {
        let program = directory.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        process::run(Command::new(program).current_dir(workspace.root()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn every_file_in_examples_is_found() -> Result<()> {
        let workspace = Workspace::locate()?;
        let metadata = workspace.metadata()?;
        let mut found: Vec<&str> =
            Workspace::targets(&metadata, "example").into_iter().map(|(_, name)| name).collect();
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
