//! Timing one run of a program from outside, by the lines that it prints. Who is run, and how often, is decided in `turns`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::python::reason;

/// What one run showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// The mean time of an epoch, the first left out.
    pub(super) seconds: f64,
    /// Of the last epoch: the loss of a mean batch.
    pub(super) loss: f64,
    /// Of the last epoch, of its training examples.
    pub(super) accuracy: f64,
}

/// Runs a program that trains for `epochs + 1` epochs and prints a line at the end of each. What comes before the first line, all
/// start-up and compilation, is not timed.
///
/// # Errors
/// When the program fails (the message is then what its standard error, which goes to the file `stderr`, gives as the reason), when it
/// prints other lines than expected, or when it does not learn.
pub(super) fn time_epochs(mut command: Command, epochs: u32, stderr: &Path) -> Result<Run> {
    let file = File::create(stderr).with_context(|| format!("cannot write {}", stderr.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot run `{}`", process::line(&command)))?;
    let stdout = child.stdout.take().context("no stdout")?;
    let mut ends = Vec::new();
    for line in BufReader::new(stdout).lines() {
        if let Some((loss, accuracy)) = parse(&line?, epochs + 1) {
            ends.push((Instant::now(), loss, accuracy));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        let printed = std::fs::read_to_string(stderr).unwrap_or_default();
        bail!("{}", reason(&printed).unwrap_or_else(|| format!("it ended with {status}")));
    }
    let expected = epochs + 1;
    ensure!(
        ends.len() as u32 == expected,
        "`{}` printed {} lines `k/{expected}  loss ...  acc ...` instead of {expected}",
        process::line(&command),
        ends.len()
    );
    let (first, last) = (ends[0], ends[ends.len() - 1]);
    ensure!(
        last.1 <= first.1 && last.2 > first.2,
        "it does not learn: loss {} and accuracy {} after the first epoch, {} and {} after the last",
        first.1,
        first.2,
        last.1,
        last.2
    );
    let seconds = (last.0 - first.0).as_secs_f64() / f64::from(epochs);
    Ok(Run { seconds, loss: last.1, accuracy: last.2 })
}

/// Loss and accuracy in `k/epochs  loss L  acc A`.
fn parse(line: &str, epochs: u32) -> Option<(f64, f64)> {
    let mut words = line.split_whitespace();
    let (count, loss, acc) = (words.next()?, words.next()?, words.nth(1)?);
    let (_, of) = count.split_once('/')?;
    let ours = of == epochs.to_string() && loss == "loss" && acc == "acc";
    let number = |index| line.split_whitespace().nth(index)?.parse().ok();
    ours.then_some((number(2)?, number(4)?))
}

/// The middle and the ends of some measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of an even number of measurements the median is the mean of the two in the middle.
    ///
    /// # Panics
    /// When there are no measurements.
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (last, middle) = (values.len() - 1, values.len() / 2);
        let median = (values[middle] + values[last - middle]) / 2.0;
        Self { median, min: values[0], max: values[last] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_even_and_odd_numbers_of_values() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
    }

    /// What `time_epochs` makes of a shell script; `name` keeps the tests' files apart.
    fn timed(name: &str, script: &str, epochs: u32) -> Result<Run> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let stderr = std::env::temp_dir().join(format!("xtask-bench-{}-{name}.txt", std::process::id()));
        let run = time_epochs(command, epochs, &stderr);
        std::fs::remove_file(stderr).unwrap();
        run
    }

    #[test]
    fn the_time_between_lines_is_measured_and_the_first_epoch_is_not() {
        let script = "sleep 0.6; echo '1/3  loss 70.8  acc 0.8'; sleep 0.1; echo '2/3  loss 34.1  acc 0.85'; \
                      sleep 0.1; echo '3/3  loss 30.5  acc 0.9'; sleep 0.6; echo 'test  loss 20.0  acc 0.9'";
        let run = timed("between", script, 2).unwrap();
        assert_eq!((run.loss, run.accuracy), (30.5, 0.9));
        assert!(run.seconds >= 0.1, "{}", run.seconds);
        // With the first epoch or what follows the last it would be 0.4 at least.
        assert!(run.seconds < 0.4, "{}", run.seconds);
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_last_words() {
        let error = timed("fails", "echo '1/3  loss 2  acc 0'; echo a >&2; echo why >&2; exit 3", 2);
        assert_eq!(error.unwrap_err().to_string(), "why");
    }

    #[test]
    fn a_program_that_stops_early_is_an_error() {
        let error = timed("early", "echo '1/3  loss 2  acc 0.1'; echo '2/3  loss 1  acc 0.2'", 2);
        let error = error.unwrap_err().to_string();
        assert!(error.ends_with("printed 2 lines `k/3  loss ...  acc ...` instead of 3"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_learn_is_an_error() {
        for (name, last) in
            [("nan", "loss nan  acc 0.2"), ("worse", "loss 2.1  acc 0.2"), ("same", "loss 1  acc 0.1")]
        {
            let script = format!("echo '1/2  loss 2  acc 0.1'; echo '2/2  {last}'");
            let error = timed(name, &script, 1).unwrap_err().to_string();
            assert!(error.starts_with("it does not learn"), "{error}");
        }
    }
}
