//! Selects checks and reports them in the form of `cargo test`, for the commands with checks of their own (`e2e`, `mutate`).

use std::io;
use std::io::Write;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

/// Which of the checks to run.
#[derive(Args, Default)]
pub(crate) struct Selection {
    /// Only the checks whose names contain this.
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Print the names of the checks and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

impl Selection {
    /// Whether the check of this name is to be run.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|part| name.contains(part))
    }
}

/// How a step ended that did not fail.
pub(crate) enum Outcome {
    Passed,
    /// It was not run; the reason.
    LeftOut(String),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

/// Counts checks as they pass and fail.
#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Runs one check and prints `name ... ok (1.2 s)`, with the note it returned, or `FAILED` and why.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Result<String>) {
        print!("{name} ... ");
        // Not to be able to print is no reason to stop checking.
        let _ = io::stdout().flush();
        let start = Instant::now();
        let result = check();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(note) => {
                self.passed += 1;
                let separator = if note.is_empty() { "" } else { ": " };
                println!("ok ({seconds:.1} s){separator}{note}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED ({seconds:.1} s)");
                for line in format!("{error:#}").lines() {
                    println!("    {line}");
                }
            }
        }
    }

    /// Prints `N passed, N failed` on a line of its own.
    ///
    /// # Errors
    /// When a check failed, or when there was none.
    pub(crate) fn close(self) -> Result<()> {
        let Self { passed, failed } = self;
        println!("\n{passed} passed, {failed} failed");
        match (passed, failed) {
            (0, 0) => bail!("there was nothing to check"),
            (_, 0) => Ok(()),
            _ => bail!("{failed} of {} failed", passed + failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn one_failure_fails_the_whole() {
        let mut report = Report::default();
        report.check("good", || Ok(String::new()));
        report.check("bad", || Err(anyhow!("on purpose")));
        assert_eq!(report.close().unwrap_err().to_string(), "1 of 2 failed");
    }

    #[test]
    fn nothing_checked_is_not_a_success() {
        assert!(Report::default().close().is_err());
    }

    #[test]
    fn a_selection_goes_by_parts_of_names() {
        assert!(Selection::default().includes("anything"));
        let selection = Selection { only: Some("f64".to_owned()), list: false };
        assert!(selection.includes("seed_0_in_f64"));
        assert!(!selection.includes("seed_0_in_f32"));
    }

    #[test]
    fn all_passed_is_a_success() {
        let mut report = Report::default();
        report.check("good", || Ok("a note".to_owned()));
        assert!(report.close().is_ok());
    }
}
