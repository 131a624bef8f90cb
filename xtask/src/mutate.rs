//! `cargo xtask mutate`: checks that the tests catch a wrong equation. Each mutant of the [`table`]
//! is one error planted in a copy of the sources, which must make the gradient tests of mlp-core
//! fail.

mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::table::{Mutant, mutants};
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
    let sandbox = Sandbox::create(workspace, 0)?;
    sandbox.build().context("the copied sources do not build")?;
    let failed = sandbox.failing_tests().context("cannot test the unchanged sources")?;
    ensure!(failed.is_empty(), "the unchanged sources fail {}", failed.join(", "));

    println!("\nplanted errors that the tests of mlp-core must catch");
    // Half of the compile time of one crate uses a single core, so use one sandbox per core.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let others = (1..cores.min(chosen.len())).map(|number| Sandbox::create(workspace, number));
    let sandboxes: Vec<Sandbox<'_>> = std::iter::once(Ok(sandbox)).chain(others).collect::<Result<_>>()?;
    let (next, mut report) = (AtomicUsize::new(0), Report::default());
    let (senders, receivers): (Vec<_>, Vec<_>) = chosen.iter().map(|_| mpsc::sync_channel(1)).unzip();
    thread::scope(|scope| {
        for sandbox in &sandboxes {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mutant) = chosen.get(number) else { break };
                    // Fails only if the main thread is already gone.
                    let _ = senders[number].send(sandbox.catch(mutant));
                }
            });
        }
        for (mutant, receiver) in chosen.iter().zip(&receivers) {
            report.check(&mutant.name(), || receiver.recv()?);
        }
    });
    report.close()
}

/// A copy of the sources with its own target directory, so that a mutant recompiles only mlp-core.
struct Sandbox<'a> {
    workspace: &'a Workspace,
    tree: PathBuf,
    target: PathBuf,
}

impl<'a> Sandbox<'a> {
    fn create(workspace: &'a Workspace, number: usize) -> Result<Self> {
        let dir = workspace.target_dir()?.join("mutants").join(number.to_string());
        let tree = dir.join("tree");
        if tree.exists() {
            fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
        }
        for name in COPIED {
            copy(&workspace.root().join(name), &tree.join(name))?;
        }
        Ok(Self { workspace, tree, target: dir.join("target") })
    }

    /// Plants the error, runs the tests and restores the source.
    fn catch(&self, mutant: &Mutant) -> Result<String> {
        let path = self.tree.join(mutant.file);
        let original =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let write =
            |text: &str| fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()));
        write(&mutant.plant(&original)?)?;
        let result = self
            .build()
            .context("the mutant does not compile; fix the table")
            .and_then(|()| self.failing_tests());
        write(&original)?;
        let failing = result?;
        ensure!(!failing.is_empty(), "no test caught `{}`", mutant.replace);
        let tests = if failing.len() == 1 { "test" } else { "tests" };
        Ok(format!("caught by {} {tests}", failing.len()))
    }

    fn build(&self) -> Result<()> {
        process::stdout(self.cargo_test().arg("--no-run")).map(drop)
    }

    /// The names of the tests that fail.
    fn failing_tests(&self) -> Result<Vec<String>> {
        let output = process::capture(self.cargo_test().arg("--no-fail-fast"))?;
        let text = process::text(&output.stdout);
        let failing: Vec<String> = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned()))
            .collect();
        if failing.is_empty() && !output.status.success() {
            bail!("the tests failed with {} without naming a test:\n{text}", output.status);
        }
        Ok(failing)
    }

    fn cargo_test(&self) -> Command {
        let mut cargo = self.workspace.cargo("test");
        cargo.args(["--package", "mlp-core", "--no-default-features", "--test", "gradients"]);
        cargo.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
        // Compiling takes longer than running.
        cargo.env("CARGO_PROFILE_TEST_OPT_LEVEL", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
        cargo
    }
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
