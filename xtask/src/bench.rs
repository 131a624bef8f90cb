//! `cargo xtask bench`: the time of an epoch, ours and other programs', measured in one run. This file measures and prints;
//! who takes part and how each is called is written in `contenders`.

mod contenders;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::contenders::Contender;
use crate::workspace::Workspace;
use crate::{fetch, process, setup};

/// Who takes part, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The chapter's program, on a NumPy that pip installs into a virtual environment under target/.
    #[arg(long)]
    numpy: bool,
    /// Runs of each program; they take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Epochs that are timed in each run; the one before them, with all start-up in it, is not.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
}

/// Measures and prints a table, in Markdown.
///
/// # Errors
/// When a program cannot be had or fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let backend = setup::ensure();
    fetch::fetch(&["mnist"], &workspace.data_dir())?;
    let mut contenders = contenders::ours(workspace, backend)?;
    if options.numpy {
        contenders.extend(contenders::numpy(workspace)?);
    }
    let mut seconds = vec![Vec::new(); contenders.len()];
    for repetition in 1..=options.repetitions {
        eprintln!("repetition {repetition} of {}", options.repetitions);
        for (contender, seconds) in contenders.iter().zip(&mut seconds) {
            let epoch = time_an_epoch(contender.command(options.epochs + 1)?, options.epochs)
                .with_context(|| format!("{} failed", contender.name))?;
            eprintln!("  {}: {epoch:.3} s", contender.name);
            seconds.push(epoch);
        }
    }
    let spreads: Vec<Spread> = seconds.into_iter().map(Spread::of).collect();
    println!(
        "784-100-10 on MNIST, batches of 100, {}: seconds per epoch, {} runs of {} epochs each\n",
        backend.name(),
        options.repetitions,
        options.epochs
    );
    print!("{}", table(&contenders, &spreads));
    Ok(())
}

/// Runs a program that prints a line when an epoch ends, and returns the mean time between these lines, in seconds.
fn time_an_epoch(mut command: Command, epochs: u32) -> Result<f64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stdout = child.stdout.take().context("no stdout")?;
    let mut ends = Vec::new();
    for line in BufReader::new(stdout).lines() {
        if line?.contains(&format!("/{}  loss", epochs + 1)) {
            ends.push(Instant::now());
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` ended with {status}", process::line(&command));
    }
    ensure!(ends.len() as u32 == epochs + 1, "{} lines instead of {}", ends.len(), epochs + 1);
    Ok(mean_after_the_first(&ends))
}

/// The mean time between the ends of epochs: what came before the first end does not count.
fn mean_after_the_first(ends: &[Instant]) -> f64 {
    (ends[ends.len() - 1] - ends[0]).as_secs_f64() / (ends.len() - 1) as f64
}

/// The middle and the ends of some measurements.
#[derive(Debug, PartialEq)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// Of an even number of measurements the median is the mean of the two in the middle.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (last, middle) = (values.len() - 1, values.len() / 2);
        let median = (values[middle] + values[last - middle]) / 2.0;
        Self { median, min: values[0], max: values[last] }
    }
}

/// A row for each; the last column is the median over that of our program in the same precision.
fn table(contenders: &[Contender], spreads: &[Spread]) -> String {
    let mut table = String::from("| program | median | min | max | times mlp's |\n|---|---|---|---|---|\n");
    for (contender, spread) in contenders.iter().zip(spreads) {
        let ours = contenders.iter().position(|other| other.ours && other.precision == contender.precision);
        let ratio = match ours {
            Some(ours) if !contender.ours => format!("{:.2}", spread.median / spreads[ours].median),
            _ => String::new(),
        };
        let Spread { median, min, max } = spread;
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {} | {median:.3} | {min:.3} | {max:.3} | {ratio} |", contender.name);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_median_of_even_and_odd_numbers_of_values() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_first_epoch_is_not_timed() {
        let start = Instant::now();
        let ends = [8.0, 9.0, 9.5].map(|seconds| start + Duration::from_secs_f64(seconds));
        assert_eq!(mean_after_the_first(&ends), 0.75);
    }

    #[test]
    fn the_time_between_lines_is_measured() {
        let seconds =
            time_an_epoch(shell("echo '1/2  loss 1'; sleep 0.1; echo '2/2  loss 1'; echo test"), 1).unwrap();
        assert!(seconds >= 0.1, "{seconds}");
    }

    #[test]
    fn a_program_that_fails_or_stops_early_is_an_error() {
        assert!(time_an_epoch(shell("echo '1/3  loss 1'; exit 3"), 2).is_err());
        assert!(time_an_epoch(shell("echo '1/3  loss 1'; echo '2/3  loss 1'"), 2).is_err());
    }

    #[test]
    fn others_are_compared_with_ours_in_their_own_precision() {
        let contender = |name, precision, ours| Contender::new(name, precision, ours, |_| Ok(shell("true")));
        let contenders =
            [contender("mlp", "f32", true), contender("mlp", "f64", true), contender("peer", "f64", false)];
        let spreads = [1.0, 2.0, 5.0].map(|seconds| Spread::of(vec![seconds]));
        let table = table(&contenders, &spreads);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows[0], "| mlp, f32 | 1.000 | 1.000 | 1.000 |  |");
        assert_eq!(rows[2], "| peer, f64 | 5.000 | 5.000 | 5.000 | 2.50 |");
    }
}
