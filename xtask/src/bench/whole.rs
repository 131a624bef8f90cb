//! 50 epochs from the start of the process to its exit, with the most memory it held: everything that the time of an epoch leaves out.

use anyhow::{Context, Result};
use serde_json::Value;

use super::contenders::Commands;
use super::measure::Spread;
use crate::process;

/// Runs of each program; they take turns.
const REPETITIONS: u32 = 3;

/// A program that is timed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// `mlp train` with all its defaults.
    Mlp,
    /// `xtask/reference/chapter.py`, which computes in f64.
    NumPy,
}

/// What was measured of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WholeRow {
    pub(super) program: Whole,
    pub(super) seconds: Spread,
    /// The largest of the runs, in 10⁶ bytes.
    pub(super) peak_megabytes: f64,
}

/// Runs both, and returns what was measured and a line if the other program is left out.
///
/// # Errors
/// When our own fails.
pub(super) fn measure(commands: &Commands) -> Result<(Vec<WholeRow>, Option<String>)> {
    measure_with(|program| run(commands, program))
}

/// `measure` with the running left open, for the tests.
fn measure_with(run: impl Fn(Whole) -> Result<(f64, f64)>) -> Result<(Vec<WholeRow>, Option<String>)> {
    let (mut ours, mut numpy) = (Vec::new(), Vec::new());
    let mut left_out = None;
    for turn in 1..=REPETITIONS {
        eprintln!("whole programs: turn {turn} of {REPETITIONS}");
        ours.push(run(Whole::Mlp)?);
        if left_out.is_none() {
            match run(Whole::NumPy) {
                Ok(measured) => numpy.push(measured),
                Err(error) => left_out = Some(format!("{}: {error:#}", Whole::NumPy.name())),
            }
        }
    }
    let mut rows = vec![WholeRow::of(Whole::Mlp, ours)];
    if left_out.is_none() {
        rows.push(WholeRow::of(Whole::NumPy, numpy));
    }
    Ok((rows, left_out))
}

/// Seconds and megabytes of one run.
fn run(commands: &Commands, program: Whole) -> Result<(f64, f64)> {
    let printed = process::stdout(&mut commands.whole(program)?)?;
    let (seconds, megabytes) = parse(&printed).context("cannot read what whole_program.py printed")?;
    eprintln!("  {}: {seconds:.2} s, {megabytes:.0} MB", program.name());
    Ok((seconds, megabytes))
}

impl Whole {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp train, f32",
            Self::NumPy => "NumPy, the chapter's program, f64",
        }
    }
}

impl WholeRow {
    fn of(program: Whole, runs: Vec<(f64, f64)>) -> Self {
        let (seconds, megabytes): (Vec<f64>, Vec<f64>) = runs.into_iter().unzip();
        let peak_megabytes = megabytes.into_iter().fold(0.0, f64::max);
        Self { program, seconds: Spread::of(seconds), peak_megabytes }
    }
}

/// Seconds and megabytes in `{"seconds": 1.5, "peak_bytes": 68000000}`.
fn parse(json: &str) -> Result<(f64, f64)> {
    let json: Value = serde_json::from_str(json)?;
    let number = |name: &str| json[name].as_f64().with_context(|| format!("no number {name:?} in {json}"));
    Ok((number("seconds")?, number("peak_bytes")? / 1e6))
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn the_chapters_program_may_fail_and_ours_may_not() {
        let (rows, left_out) = measure_with(|program| match program {
            Whole::Mlp => Ok((3.0, 70.0)),
            Whole::NumPy => bail!("killed"),
        })
        .unwrap();
        assert_eq!(rows, [WholeRow::of(Whole::Mlp, vec![(3.0, 70.0)])]);
        assert_eq!(left_out.as_deref(), Some("NumPy, the chapter's program, f64: killed"));
        assert!(measure_with(|_| bail!("why")).is_err());
    }

    #[test]
    fn the_median_of_the_times_and_the_most_of_the_memory_are_kept() {
        let row = WholeRow::of(Whole::NumPy, vec![(30.0, 400.0), (50.0, 500.0), (31.0, 450.0)]);
        assert_eq!((row.seconds.median, row.peak_megabytes), (31.0, 500.0));
    }

    #[test]
    fn what_the_measuring_program_prints_is_read() {
        assert_eq!(parse("{\"seconds\": 1.5, \"peak_bytes\": 68000000}\n").unwrap(), (1.5, 68.0));
        let error = parse("{\"seconds\": 1.5}").unwrap_err().to_string();
        assert!(error.contains("peak_bytes"), "{error}");
    }
}
