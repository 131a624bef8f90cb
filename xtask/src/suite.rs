//! `cargo xtask test` and `cargo xtask ci`: everything that a change must pass, quick steps first. The steps are other programs
//! and the other commands of xtask.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::openblas::Backend;
use crate::process::succeeds;
use crate::report::Selection;
use crate::workspace::Workspace;
use crate::{e2e, examples, features, fetch, mutate, process, semver, setup};

/// Runs everything and stops at the first failure.
///
/// # Errors
/// The failure, with the name of its step.
pub(crate) fn test(workspace: &Workspace, quick: bool, no_openblas: bool) -> Result<()> {
    let start = Instant::now();
    let backends: &[Backend] = if no_openblas || setup::ensure() == Backend::PureRust {
        println!("OpenBLAS is left out: the pure-Rust half of the tests is run");
        &[Backend::PureRust]
    } else {
        &[Backend::OpenBlas, Backend::PureRust]
    };
    step("fmt", || {
        component("fmt", "rustfmt", workspace)?;
        process::run(workspace.cargo("fmt").args(["--all", "--check"]))?;
        process::run(downstream(workspace, "fmt")?.arg("--check"))
    })?;
    for backend in backends {
        step(&format!("clippy, {}", backend.name()), || {
            component("clippy", "clippy", workspace)?;
            for mut cargo in [whole(workspace, "clippy"), downstream(workspace, "clippy")?] {
                cargo.arg("--all-targets").args(backend.cargo_flags());
                process::run(cargo.args(["--", "-D", "warnings"]))?;
            }
            Ok(())
        })?;
    }
    step("doc", || {
        let mut cargo = whole(workspace, "doc");
        process::run(cargo.arg("--no-deps").args(backends[0].cargo_flags()).env("RUSTDOCFLAGS", "-Dwarnings"))
    })?;
    step("features", || features::check(workspace, backends[0]))?;
    if !quick {
        step("fetch-data", || fetch::fetch(&["mnist", "fashion-mnist"], &workspace.data_dir()))?;
    }
    for (place, backend) in backends.iter().enumerate() {
        step(&format!("test, {}", backend.name()), || {
            let mut cargo = whole(workspace, "test");
            cargo.args(backend.cargo_flags());
            if place > 0 {
                // Once is enough for a test of half a minute that multiplies nothing of its own.
                cargo.args(["--", "--skip", "killed_a_hundred_times"]);
            }
            process::run(&mut cargo)
        })?;
        step(&format!("examples, {}", backend.name()), || examples::run(workspace, *backend))?;
        step(&format!("downstream, {}", backend.name()), || {
            process::run(downstream(workspace, "test")?.args(backend.cargo_flags()))?;
            process::run(downstream(workspace, "run")?.args(backend.cargo_flags()))
        })?;
    }
    step("failing disks", || {
        let mut cargo = whole(workspace, "test");
        cargo.args(["--test", "disk_failures"]).args(backends[0].cargo_flags());
        process::run(cargo.args(["--", "--nocapture"]))
    })?;
    if !quick {
        miri(workspace)?;
        step("exp of every f32", || {
            let mut cargo = whole(workspace, "test");
            cargo.arg("--lib").args(backends[0].cargo_flags());
            process::run(cargo.args(["all_floats", "--", "--ignored", "--nocapture"]))
        })?;
        step("mutate", || mutate::run(workspace, &mutate::Options::default()))?;
        for (place, &backend) in backends.iter().enumerate() {
            let options = e2e::Options {
                no_openblas: backend == Backend::PureRust,
                short: place > 0,
                selection: Selection::default(),
            };
            step(&format!("e2e, {}", backend.name()), || e2e::run(workspace, &options))?;
        }
    }
    println!("\nall steps passed ({:.0} s)", start.elapsed().as_secs_f64());
    Ok(())
}

/// [`test()`], then the public API against the last release's, and licenses, advisories, bans and sources of all dependencies.
///
/// # Errors
/// As [`test()`], or when cargo-semver-checks or cargo-deny finds fault.
pub(crate) fn ci(workspace: &Workspace, quick: bool, no_openblas: bool) -> Result<()> {
    test(workspace, quick, no_openblas)?;
    step("semver", || semver::check(workspace, &semver::Options::default()))?;
    if !succeeds(workspace.cargo("deny").arg("--version")) {
        println!("cargo-deny is left out: it is not installed (`cargo install cargo-deny --locked`)");
        return Ok(());
    }
    step("deny", || process::run(workspace.cargo("deny").arg("check")))
}

/// Runs the tests of mlp-core that reach its own `unsafe` in Miri, which finds undefined behavior and data races: with the portable
/// instruction set, there being no other in Miri, and without OpenBLAS, which it cannot call. Some of these tests are smaller
/// under `cfg(miri)`: it interprets, a thousand times slower.
fn miri(workspace: &Workspace) -> Result<()> {
    let set_up = || succeeds(workspace.nightly_cargo("miri").arg("setup"));
    if !set_up() {
        let mut rustup = Command::new("rustup");
        rustup.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
        let installed = process::run(rustup.args(["--component", "miri", "--component", "rust-src"]));
        if installed.is_err() || !set_up() {
            let reason =
                installed.err().map_or("`cargo +nightly miri setup` fails".to_owned(), |e| format!("{e:#}"));
            println!("\nMiri is left out: {reason}");
            return Ok(());
        }
    }
    step("miri", || {
        let modules = [
            "--lib",
            "--",
            "kernels::",
            "parallel::pool::",
            "parallel::partition::",
            "linalg::matrix::",
            "ops::matmul::",
            "loss::",
        ];
        let steps = ["--test", "several_threads", "--test", "csr_matrix"];
        for tests in [&modules[..], &steps] {
            let mut cargo = workspace.nightly_cargo("miri");
            cargo.args(["test", "--package", "mlp-core", "--no-default-features"]).args(tests);
            // Without the second flag Miri gives exp and its like random errors in the last places.
            cargo.env("MIRIFLAGS", "-Zmiri-strict-provenance -Zmiri-deterministic-floats");
            process::run(&mut cargo)?;
        }
        Ok(())
    })
}

/// Announces the step, runs it and says how long it took.
fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n==> {name}");
    let start = Instant::now();
    run().with_context(|| format!("step `{name}` failed"))?;
    println!("==> {name}: ok ({:.1} s)", start.elapsed().as_secs_f64());
    Ok(())
}

/// `cargo SUBCOMMAND --workspace`. Also for what is in one crate: alone it would be built with the features that it asks for itself, and with
/// it all that it stands on once more.
fn whole(workspace: &Workspace, subcommand: &str) -> Command {
    let mut cargo = workspace.cargo(subcommand);
    cargo.arg("--workspace");
    cargo
}

/// `cargo SUBCOMMAND` in the crate that uses ours as a stranger's would. It has a workspace and a lock file of its own; what is
/// built goes below our target directory all the same.
fn downstream(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    let mut cargo = workspace.cargo(subcommand);
    cargo.args(["--manifest-path", "examples/downstream/Cargo.toml"]);
    if subcommand != "fmt" {
        cargo.arg("--target-dir").arg(workspace.target_dir()?.join("downstream"));
    }
    Ok(cargo)
}

/// Sees that `cargo SUBCOMMAND` works, installing the toolchain's component if it does not.
fn component(subcommand: &str, component: &str, workspace: &Workspace) -> Result<()> {
    let works = || succeeds(workspace.cargo(subcommand).arg("--version"));
    if works() {
        return Ok(());
    }
    // Whether it could be added shows in what comes next.
    let _ = process::run(Command::new("rustup").args(["component", "add", component]));
    if !works() {
        bail!("`cargo {subcommand}` is missing and `rustup component add {component}` did not bring it");
    }
    Ok(())
}
