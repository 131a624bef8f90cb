//! `cargo xtask mutate`: checks that the tests catch a wrong equation. Each mutant of the [`table`]
//! is one error planted in a copy of the sources, which must make the gradient tests of mlp-core
//! fail. The copy contains all mutants and is compiled once; a variable selects the active one.

mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, iter};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use self::table::{STATEMENTS, mutants, plant};
use crate::process;
use crate::report::{Report, Selection};
use crate::workspace::Workspace;

#[derive(Args, Default)]
pub(crate) struct Options {
    #[command(flatten)]
    selection: Selection,
}

/// The files and directories that a build needs, relative to the root.
const COPIED: &[&str] = &["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "crates", "xtask"];

/// The variable with the number of the active mutant.
const ACTIVE: &str = "MLP_ACTIVE_MUTANT";

/// Tests the unchanged sources, then each mutant.
///
/// # Errors
/// If the unchanged sources fail the tests, or a mutant passes them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut chosen = mutants();
    chosen.retain(|mutant| options.selection.includes(&mutant.name()));
    if options.selection.list {
        chosen.iter().for_each(|mutant| println!("{}", mutant.name()));
        return Ok(());
    }
    let tests = Tests::build(workspace).context("cannot build the mutants; fix the table")?;
    let failed = tests.failing(None)?;
    ensure!(failed.is_empty(), "the unchanged sources fail {}", failed.join(", "));

    process::show("\nplanted errors that the tests of mlp-core must catch\n");
    let mut report = Report::default();
    for mutant in chosen {
        report.check(&mutant.name(), || {
            let failing = tests.failing(Some(mutant.number))?;
            ensure!(!failing.is_empty(), "no test caught `{}`", mutant.replacement);
            let tests = if failing.len() == 1 { "test" } else { "tests" };
            Ok(format!("caught by {} {tests}", failing.len()))
        });
    }
    report.close()
}

/// The gradient tests of mlp-core, with all mutants planted.
struct Tests {
    program: PathBuf,
    tree: PathBuf,
}

impl Tests {
    fn build(workspace: &Workspace) -> Result<Self> {
        let target = workspace.target_dir()?;
        let tree = target.join("mutants");
        if tree.exists() {
            fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
        }
        for name in COPIED {
            copy(&workspace.root().join(name), &tree.join(name))?;
        }
        let edit = |path: &str, edit: &dyn Fn(&str) -> Result<String>| {
            let path = tree.join(path);
            let source =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            fs::write(&path, edit(&source)?).with_context(|| format!("cannot write {}", path.display()))
        };
        let mut files: Vec<&str> = STATEMENTS.iter().map(|statement| statement.file).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            edit(file, &|source| plant(file, source))?;
        }
        edit("crates/mlp-core/src/lib.rs", &|source| Ok(format!("{source}{}", active_mutant())))?;

        let mut cargo = workspace.cargo("test");
        // With the features and in the directory of the other builds, which share dependencies.
        cargo.args(["--workspace", "--no-default-features", "--test", "gradients"]);
        cargo.args(["--no-run", "--message-format", "json-render-diagnostics"]);
        cargo.current_dir(&tree).env("CARGO_TARGET_DIR", &target);
        // Level 3 compiles longer, level 0 runs longer.
        cargo.args(["--config", "profile.test.package.mlp-core.opt-level=1"]);
        let messages = process::stdout(&mut cargo)?;
        let program = messages.lines().find_map(program).context("cargo built no tests")?;
        Ok(Self { program, tree })
    }

    /// The names of the tests that fail with a mutant, or without one.
    fn failing(&self, mutant: Option<usize>) -> Result<Vec<String>> {
        let mut tests = Command::new(&self.program);
        tests.current_dir(self.tree.join("crates/mlp-core"));
        tests.envs(iter::zip([ACTIVE], mutant.map(|number| number.to_string())));
        let output = process::capture(&mut tests)?;
        let text = process::text(&output.stdout);
        let failing: Vec<String> = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned()))
            .collect();
        if failing.is_empty() && !output.status.success() {
            bail!("the tests ended with {} and named no failure:\n{text}", output.status);
        }
        Ok(failing)
    }
}

/// The program that a message of cargo names.
fn program(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    message["executable"].as_str().map(PathBuf::from)
}

/// The function that planted code calls, for the root of mlp-core.
fn active_mutant() -> String {
    format!(
        "
/// The number of the active mutant, from a variable.
pub(crate) fn active_mutant() -> Option<usize> {{
    static ACTIVE: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    *ACTIVE.get_or_init(|| std::env::var(\"{ACTIVE}\").ok()?.parse().ok())
}}
"
    )
}

/// Copies a file or directory.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    if from.is_dir() {
        fs::create_dir_all(to).with_context(context)?;
        for entry in fs::read_dir(from).with_context(context)? {
            let name = entry.with_context(context)?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(context)?;
        }
        fs::copy(from, to).with_context(context)?;
    }
    Ok(())
}
