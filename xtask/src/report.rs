//! Selects and reports checks in the style of `cargo test`, for `e2e` and `mutate`.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::process;

#[derive(Args, Default)]
pub(crate) struct Selection {
    /// Run only checks whose names contain this
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// List the checks and exit
    #[arg(long)]
    pub(crate) list: bool,
}

impl Selection {
    /// Returns true if the check of this name is selected.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|part| name.contains(part))
    }
}

/// The outcome of a step that did not fail.
pub(crate) enum Outcome {
    Passed,
    /// Not run, with the reason.
    Skipped(String),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

/// Counts passed and failed checks.
#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Runs one check and prints `name ... ok (1.2 s)` with its note, or `FAILED` with the error.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Result<String>) {
        process::show(&format!("{name} ... "));
        let start = Instant::now();
        let result = check();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(note) => {
                self.passed += 1;
                let separator = if note.is_empty() { "" } else { ": " };
                process::show(&format!("ok ({seconds:.1} s){separator}{note}\n"));
            }
            Err(error) => {
                self.failed += 1;
                process::show(&format!("FAILED ({seconds:.1} s)\n"));
                for line in format!("{error:#}").lines() {
                    process::show(&format!("    {line}\n"));
                }
            }
        }
    }

    /// Prints `N passed, N failed`.
    ///
    /// # Errors
    /// If a check failed, or none ran.
    pub(crate) fn close(self) -> Result<()> {
        let Self { passed, failed } = self;
        process::show(&format!("\n{passed} passed, {failed} failed\n"));
        match (passed, failed) {
            (0, 0) => bail!("no checks ran"),
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
    fn one_failure_fails_the_report() {
        let mut report = Report::default();
        report.check("good", || Ok(String::new()));
        report.check("bad", || Err(anyhow!("on purpose")));
        assert_eq!(report.close().unwrap_err().to_string(), "1 of 2 failed");
    }

    #[test]
    fn an_empty_report_is_an_error() {
        assert!(Report::default().close().is_err());
    }

    #[test]
    fn a_selection_matches_parts_of_names() {
        assert!(Selection::default().includes("anything"));
        let selection = Selection { only: Some("f64".to_owned()), list: false };
        assert!(selection.includes("seed_0_in_f64"));
        assert!(!selection.includes("seed_0_in_f32"));
    }

    #[test]
    fn passed_checks_are_a_success() {
        let mut report = Report::default();
        report.check("good", || Ok("a note".to_owned()));
        assert!(report.close().is_ok());
    }
}
