//! `cargo xtask test` and `cargo xtask ci`: the checks that a change must pass, quick ones first.
//! The steps are other programs and other commands of xtask; the first failure ends the run.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::openblas::Backend;
use crate::process::succeeds;
use crate::report::Outcome;
use crate::workspace::Workspace;
use crate::{deny, e2e, examples, features, fetch, fuzz, miri, mutate, process, semver, setup};

/// Crates whose tests are the same with every backend.
const SAME: &[&str] = &["mlp-data", "xtask"];

/// Crates whose code is the same with every backend, apart from one line of mlp-cli.
const SAME_CODE: &[&str] = &["mlp-cli", "mlp-data", "mlp-train", "xtask"];

/// Test programs of mlp-cli whose subject is the same with every backend.
const SAME_PROGRAMS: [&str; 2] = ["io", "mutated_files"];

/// Parts of the names of other tests that take long and are the same with every backend. mlp-train
/// tests resuming with each.
const SAME_TESTS: [&str; 2] = ["survival::", "verify_resume"];

/// The debug assertions and overflow checks that the dev profile turns off for mlp-core. The builds
/// in pure Rust have them; those with OpenBLAS are as for users.
const CHECKED: [&str; 3] = [
    "--config=profile.dev.package.mlp-core.debug-assertions=true",
    "--config=profile.dev.package.mlp-core.overflow-checks=true",
    UNOPTIMIZED,
];

/// Compiles mlp-train in a fifth of the time. Training takes a tenth longer.
const UNOPTIMIZED: &str = "--config=profile.dev.package.mlp-train.opt-level=0";

/// The arguments of clippy that make its warnings errors.
const LINTS: [&str; 4] = ["--all-targets", "--", "-D", "warnings"];

/// Runs the quick steps, and with `thorough` the slow ones.
///
/// # Errors
/// The failure, with the name of its step.
pub(crate) fn test(workspace: &Workspace, thorough: bool, no_openblas: bool) -> Result<()> {
    let mut suite = Suite::new(workspace, no_openblas);
    suite.run(thorough)?;
    suite.close();
    Ok(())
}

/// Runs all steps of [`test()`], then compares the public API with the last release's.
///
/// # Errors
/// As [`test()`].
pub(crate) fn ci(workspace: &Workspace, no_openblas: bool) -> Result<()> {
    let mut suite = Suite::new(workspace, no_openblas);
    suite.run(true)?;
    suite.step("semver", || semver::check(workspace, &semver::Options::default()))?;
    suite.close();
    Ok(())
}

/// The steps that have run, with their times in seconds, and what was skipped.
struct Suite<'a> {
    workspace: &'a Workspace,
    backends: &'static [Backend],
    start: Instant,
    steps: Vec<(String, f64)>,
    skipped: Vec<String>,
}

impl<'a> Suite<'a> {
    fn new(workspace: &'a Workspace, no_openblas: bool) -> Self {
        let start = Instant::now();
        let mut skipped = Vec::new();
        let backends: &[Backend] = if no_openblas || setup::ensure() == Backend::PureRust {
            let reason = if no_openblas { "--no-openblas" } else { "it cannot be installed" };
            skipped.push(format!("the build with OpenBLAS: {reason}"));
            &[Backend::PureRust]
        } else {
            &[Backend::OpenBlas, Backend::PureRust]
        };
        #[cfg(target_arch = "x86_64")]
        for (name, present) in
            [("AVX2", is_x86_feature_detected!("avx2")), ("AVX-512", is_x86_feature_detected!("avx512f"))]
        {
            if !present {
                skipped.push(format!("the kernels for {name}: this CPU has no {name}"));
            }
        }
        Self { workspace, backends, start, steps: Vec::new(), skipped }
    }

    /// Runs the quick steps, and with `thorough` the slow ones. Tests rarely keep two cores busy,
    /// so slow steps that do not need the workspace's directory all the time run beside the others.
    fn run(&mut self, thorough: bool) -> Result<()> {
        let (workspace, backends, ends) = (self.workspace, self.backends, AtomicBool::new(false));
        thread::scope(|scope| {
            let mut running = Vec::new();
            if thorough {
                running.push(scope.spawn(|| beside(workspace, backends, &ends)));
            }
            let result = self.format().and_then(|()| {
                let (&first, others) = backends.split_first().expect("there is a backend");
                self.main(first)?;
                if thorough {
                    let options = e2e::ToolsOptions::default();
                    let tools = e2e::prepare_interop(workspace, first, &options)?;
                    let run = move || vec![finish("other tools", || tools.run().map(Outcome::from))];
                    running.push(scope.spawn(run));
                }
                others.iter().try_for_each(|&backend| self.main(backend))?;
                if thorough { self.slow(first) } else { Ok(()) }
            });
            if let Err(error) = result {
                ends.store(true, Ordering::Relaxed);
                eprintln!("{error:#}\nwaiting for the steps that run beside this one");
                return Err(error);
            }
            for steps in running {
                for finished in steps.join().map_err(|_| anyhow!("a step panicked"))? {
                    self.report(finished)?;
                }
            }
            Ok(())
        })
    }

    fn format(&mut self) -> Result<()> {
        let (workspace, first) = (self.workspace, self.backends[0]);
        self.step("format", || {
            component("fmt", "rustfmt", workspace)?;
            process::run(workspace.cargo("fmt").args(["--all", "--check"]))?;
            process::run(downstream(workspace, "fmt", first)?.arg("--check"))
        })
    }

    /// The quick steps that build in the workspace's directory.
    fn main(&mut self, backend: Backend) -> Result<()> {
        let is_first = backend == self.backends[0];
        let workspace = &match backend {
            Backend::OpenBlas => self.workspace.clone(),
            Backend::PureRust => self.workspace.with_config(&CHECKED),
        };
        let name = |step: &str| format!("{step}, {}", backend.name());
        self.step(&name("clippy"), || {
            component("clippy", "clippy", workspace)?;
            let mut clippy = whole(workspace, "clippy", backend);
            if !is_first {
                exclude(&mut clippy, SAME_CODE);
            }
            process::run(clippy.args(LINTS))
        })?;
        self.step(&name("test"), || match is_first {
            true => process::run(&mut whole(workspace, "test", backend)),
            false => test_affected(workspace, backend),
        })?;
        self.step(&name("examples"), || examples::run(workspace, backend))?;
        if is_first {
            self.step("docs", || {
                let mut cargo = whole(workspace, "doc", backend);
                process::run(cargo.arg("--no-deps").env("RUSTDOCFLAGS", "-Dwarnings"))
            })?;
            self.step("fetch-data", || {
                fetch::fetch(workspace, backend, &fetch::CHECKED, &workspace.data_dir())
            })?;
        }
        let no_openblas = backend == Backend::PureRust;
        let options = e2e::Options { no_openblas, short: !is_first, ..e2e::Options::default() };
        self.step(&name("end to end"), || e2e::run(workspace, &options))
    }

    /// The slow steps that build in the workspace's directory.
    fn slow(&mut self, backend: Backend) -> Result<()> {
        let workspace = self.workspace;
        self.step("mutated files", || {
            let mut cargo = whole(workspace, "test", backend);
            cargo.args(["--test", "mutated_files", "--", "--ignored", "--nocapture"]);
            process::run(&mut cargo)
        })?;
        let workspace = workspace.with_config(&[UNOPTIMIZED]);
        self.step("several ranks", || several_ranks(&workspace, backend))
    }

    /// Announces a step, runs it and says how long it took.
    fn step<T: Into<Outcome>>(&mut self, name: &str, run: impl FnOnce() -> Result<T>) -> Result<()> {
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = run().map(Into::into);
        let seconds = start.elapsed().as_secs_f64();
        self.close_step(name, outcome, seconds)
    }

    /// Announces a step that ran beside others, and prints its output.
    fn report(&mut self, Finished { name, outcome, seconds, printed }: Finished) -> Result<()> {
        print!("\n==> {name}, beside other steps\n{printed}");
        self.close_step(&name, outcome, seconds)
    }

    fn close_step(&mut self, name: &str, outcome: Result<Outcome>, seconds: f64) -> Result<()> {
        match outcome.with_context(|| format!("step `{name}` failed"))? {
            Outcome::Passed => {
                println!("==> {name}: ok ({seconds:.1} s)");
                self.steps.push((name.to_owned(), seconds));
            }
            Outcome::Skipped(reason) => {
                println!("==> {name}: skipped ({reason})");
                self.skipped.push(format!("{name}: {reason}"));
            }
        }
        Ok(())
    }

    /// Prints the time of each step and what was skipped.
    fn close(self) {
        println!();
        for (name, seconds) in &self.steps {
            println!("{name:<24} {seconds:7.1} s");
        }
        for what in &self.skipped {
            println!("skipped: {what}");
        }
        println!("\nall steps passed ({:.0} s)", self.start.elapsed().as_secs_f64());
    }
}

/// A step that ran beside others.
struct Finished {
    name: String,
    outcome: Result<Outcome>,
    seconds: f64,
    printed: String,
}

/// Runs a step beside others.
fn finish(name: &str, run: impl FnOnce() -> Result<Outcome>) -> Finished {
    let start = Instant::now();
    let (outcome, printed) = process::collect(run);
    Finished { name: name.to_owned(), outcome, seconds: start.elapsed().as_secs_f64(), printed }
}

/// Runs the slow steps that build elsewhere or hardly build, until `ends`: cargo lets only one
/// process build in a directory.
fn beside(workspace: &Workspace, backends: &[Backend], ends: &AtomicBool) -> Vec<Finished> {
    let mut finished = Vec::new();
    let mut step = |name: &str, run: &dyn Fn() -> Result<Outcome>| {
        if !ends.load(Ordering::Relaxed) {
            finished.push(finish(name, run));
        }
    };
    step("Miri", &|| miri::run(workspace));
    step("fuzzing", &|| fuzz::run(workspace, &fuzz::Options::smoke()));
    step("dependencies", &|| deny::check(workspace));
    for &backend in backends {
        step(&format!("downstream, {}", backend.name()), &|| {
            check_downstream(workspace, backend).map(Outcome::from)
        });
    }
    step("features", &|| features::check(workspace, backends[0]).map(Outcome::from));
    step("mutants", &|| mutate::run(workspace, &mutate::Options::default()).map(Outcome::from));
    step("exp of every f32", &|| {
        let mut cargo = whole(workspace, "test", backends[0]);
        cargo.args(["--lib", "all_floats", "--", "--ignored", "--nocapture"]);
        process::run(&mut cargo).map(Outcome::from)
    });
    finished
}

/// Lints, tests and runs the crate that uses ours.
fn check_downstream(workspace: &Workspace, backend: Backend) -> Result<()> {
    process::run(downstream(workspace, "clippy", backend)?.args(LINTS))?;
    process::run(&mut downstream(workspace, "test", backend)?)?;
    process::run(&mut downstream(workspace, "run", backend)?)
}

/// Lints the code behind the feature `mpi`, and runs the end-to-end checks that need MPI.
fn several_ranks(workspace: &Workspace, backend: Backend) -> Result<Outcome> {
    if let Err(missing) = setup::available_mpi() {
        return Ok(Outcome::Skipped(format!("{missing} (`cargo xtask setup --mpi` installs it)")));
    }
    let mut clippy = whole(workspace, "clippy", backend);
    process::run(clippy.args(["--features", "mlp-cli/mpi", "--", "-D", "warnings"]))?;
    let mut tests = whole(workspace, "test", backend);
    process::run(tests.args(["--features", "mlp-cli/mpi", "--test", "processes"]))?;
    let no_openblas = backend == Backend::PureRust;
    e2e::run(workspace, &e2e::Options { no_openblas, mpi: true, ..e2e::Options::default() })?;
    Ok(Outcome::Passed)
}

/// `cargo SUBCOMMAND --workspace`. Used for single crates, too: selected alone, a crate has its
/// own feature set, and its dependencies are compiled again.
fn whole(workspace: &Workspace, subcommand: &str, backend: Backend) -> Command {
    let mut cargo = workspace.cargo(subcommand);
    cargo.arg("--workspace").args(backend.cargo_flags());
    cargo
}

/// Leaves out crates.
fn exclude(cargo: &mut Command, packages: &[&str]) {
    cargo.args(packages.iter().flat_map(|package| ["--exclude", package]));
}

/// Runs the tests that depend on the backend: those of mlp-core and mlp-train, and those that run
/// the program `mlp`.
fn test_affected(workspace: &Workspace, backend: Backend) -> Result<()> {
    let metadata = workspace.metadata()?;
    let mut programs = Workspace::targets(&metadata, "test");
    programs.retain(|(package, _)| !SAME.contains(package));
    for name in SAME_PROGRAMS {
        let place = programs.iter().position(|&program| program == ("mlp-cli", name));
        programs.remove(place.with_context(|| format!("mlp-cli has no test program `{name}`"))?);
    }
    let mut tests = whole(workspace, "test", backend);
    exclude(&mut tests, SAME);
    tests.arg("--lib").args(programs.iter().flat_map(|(_, program)| ["--test", program]));
    process::run(tests.arg("--").args(SAME_TESTS.iter().flat_map(|name| ["--skip", name])))?;
    let mut doc_tests = whole(workspace, "test", backend);
    exclude(&mut doc_tests, SAME);
    process::run(doc_tests.arg("--doc"))
}

/// `cargo SUBCOMMAND` in the crate that uses ours as somebody else's would. It has its own
/// workspace and lock file, but is built below our target directory.
fn downstream(workspace: &Workspace, subcommand: &str, backend: Backend) -> Result<Command> {
    let mut cargo = workspace.cargo(subcommand);
    cargo.args(["--manifest-path", "examples/downstream/Cargo.toml"]);
    if subcommand != "fmt" {
        cargo.arg("--target-dir").arg(workspace.target_dir()?.join("downstream"));
        // Debug information doubles the time to compile and changes nothing that is checked.
        cargo.args(backend.cargo_flags()).env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    Ok(cargo)
}

/// Installs a component of the toolchain if `cargo SUBCOMMAND` does not work.
fn component(subcommand: &str, component: &str, workspace: &Workspace) -> Result<()> {
    let works = || succeeds(workspace.cargo(subcommand).arg("--version"));
    if !works() {
        // If this fails, the next line says so.
        let _ = process::run(Command::new("rustup").args(["component", "add", component]));
        if !works() {
            bail!("no `cargo {subcommand}`, and `rustup component add {component}` did not help");
        }
    }
    Ok(())
}
