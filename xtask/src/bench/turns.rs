//! Who is run when: all contenders in turns, so that what disturbs the machine disturbs all of them. A peer that cannot be run, or does
//! not do the same work, is left out with the reason, and the others go on.

use anyhow::{Context, Result};

use super::contenders::{Commands, Contender, Precision};
use super::measure::{Run, Spread, time_epochs};
use super::workloads::Workload;

/// How far a peer's training loss may be from ours. Measured: another seed makes up to 7%; scikit-learn, which counts a loss above
/// 16 as 16, is off by 12% in the wide network; half or twice the learning rate makes 16% at least.
const SAME_LOSS: f64 = 0.15;

/// A contender's measurements.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) contender: Contender,
    pub(super) threads: u32,
    /// Seconds of a whole epoch.
    pub(super) seconds: Spread,
    /// Of the last epoch.
    pub(super) loss: f64,
    /// Of the last epoch.
    pub(super) accuracy: f64,
}

/// Those who were measured on a workload, and a line for each who was left out.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) rows: Vec<Row>,
    pub(super) left_out: Vec<String>,
}

/// A contender while it is measured.
struct Entry {
    contender: Contender,
    threads: u32,
    runs: Vec<Run>,
}

/// Measures a workload. In the first turn a peer runs on one thread and on all `cores`, and keeps what was quicker.
///
/// # Errors
/// When our own program fails.
pub(super) fn measure(
    commands: &Commands,
    workload: &Workload,
    contenders: &[Contender],
    cores: u32,
) -> Result<Measured> {
    let run = |contender: &Contender, threads: u32| {
        let command = commands.train(contender, workload, threads, workload.epochs + 1)?;
        let mut run = time_epochs(command, workload.epochs, &commands.stderr())?;
        if !contender.is_ours() {
            run.seconds *= workload.peer_scale();
        }
        eprintln!("  {}, threads {threads}: {:.3} s", contender.name(), run.seconds);
        Ok(run)
    };
    measure_with(run, workload, contenders, cores)
}

/// `measure` with the running left open, for the tests.
fn measure_with(
    run: impl Fn(&Contender, u32) -> Result<Run>,
    workload: &Workload,
    contenders: &[Contender],
    cores: u32,
) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut entries: Vec<Entry> = Vec::new();
    for turn in 1..=workload.repetitions {
        eprintln!("{}: turn {turn} of {}", workload.name(), workload.repetitions);
        if turn == 1 {
            for contender in contenders {
                match first_turn(&run, contender, cores) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => leave_out(contender, error, &mut measured.left_out)?,
                }
            }
            continue;
        }
        for mut entry in std::mem::take(&mut entries) {
            match run(&entry.contender, entry.threads) {
                Ok(run) => {
                    entry.runs.push(run);
                    entries.push(entry);
                }
                Err(error) => leave_out(&entry.contender, error, &mut measured.left_out)?,
            }
        }
    }
    measured.rows = entries.into_iter().map(Entry::row).collect();
    if workload.peer_examples.is_none() {
        leave_out_others(&mut measured);
    }
    Ok(measured)
}

/// The quicker of the thread counts that are open to a contender; only the last failure counts, and only if there was nothing else.
fn first_turn(
    run: &impl Fn(&Contender, u32) -> Result<Run>,
    contender: &Contender,
    cores: u32,
) -> Result<Entry> {
    let open = match contender.threads {
        Some(threads) => vec![threads],
        None if cores == 1 => vec![1],
        None => vec![1, cores],
    };
    let mut best: Option<(u32, Run)> = None;
    let mut failure = None;
    for threads in open {
        match run(contender, threads) {
            Ok(run) if best.is_none_or(|(_, best)| run.seconds < best.seconds) => best = Some((threads, run)),
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    match (best, failure) {
        (Some((threads, run)), _) => Ok(Entry { contender: *contender, threads, runs: vec![run] }),
        (None, failure) => Err(failure.context("it was not run")?),
    }
}

/// Notes why a peer is not in the table; our own program must be.
fn leave_out(contender: &Contender, error: anyhow::Error, left_out: &mut Vec<String>) -> Result<()> {
    if contender.is_ours() {
        return Err(error.context(format!("{} failed", contender.name())));
    }
    let reason = format!("{}: {error:#}", contender.name());
    eprintln!("  left out: {reason}");
    left_out.push(reason);
    Ok(())
}

/// Leaves out the peers whose loss says that they did other work than ours.
fn leave_out_others(measured: &mut Measured) {
    let Some(ours) = reference(&measured.rows, Precision::F32).map(|row| row.loss) else { return };
    let (same, others): (Vec<Row>, Vec<Row>) =
        measured.rows.drain(..).partition(|row| (row.loss / ours - 1.0).abs() <= SAME_LOSS);
    measured.rows = same;
    measured.left_out.extend(others.iter().map(|row| {
        format!("{}: not the same work: its loss is {}, ours {ours}", row.contender.name(), row.loss)
    }));
}

/// The row of our program that others in this precision are compared with: the first, which uses all cores.
pub(super) fn reference(rows: &[Row], precision: Precision) -> Option<&Row> {
    rows.iter().find(|row| row.contender.is_ours() && row.contender.precision == precision)
}

impl Entry {
    fn row(self) -> Row {
        let last = self.runs[self.runs.len() - 1];
        let seconds = Spread::of(self.runs.iter().map(|run| run.seconds).collect());
        let Self { contender, threads, .. } = self;
        Row { contender, threads, seconds, loss: last.loss, accuracy: last.accuracy }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use anyhow::bail;

    use super::super::contenders::{Program, ours, peer};
    use super::super::workloads::chapter;
    use super::*;

    fn took(seconds: f64) -> Result<Run> {
        Ok(Run { seconds, loss: 20.0, accuracy: 0.9 })
    }

    #[test]
    fn all_take_turns_and_a_peer_keeps_the_thread_count_that_was_quicker() {
        let contenders = [ours(Precision::F32, 2), peer(Program::Jax, Precision::F32)];
        let calls = RefCell::new(Vec::new());
        let run = |contender: &Contender, threads: u32| {
            calls.borrow_mut().push((contender.is_ours(), threads));
            took(f64::from(threads))
        };
        let measured = measure_with(run, &chapter(2, 1), &contenders, 2).unwrap();
        assert_eq!(*calls.borrow(), [(true, 2), (false, 1), (false, 2), (true, 2), (false, 1)]);
        let shown: Vec<_> = measured.rows.iter().map(|row| (row.threads, row.seconds.median)).collect();
        assert_eq!(shown, [(2, 2.0), (1, 1.0)]);
    }

    #[test]
    fn a_peer_that_fails_is_left_out_with_the_reason_and_the_others_go_on() {
        let contenders = [
            ours(Precision::F32, 2),
            peer(Program::TorchCompiled, Precision::F32),
            peer(Program::Jax, Precision::F32),
        ];
        let run = |contender: &Contender, _: u32| match contender.program {
            Program::TorchCompiled => bail!("no C++ compiler"),
            _ => took(1.0),
        };
        let measured = measure_with(run, &chapter(2, 1), &contenders, 2).unwrap();
        assert_eq!(measured.rows.len(), 2);
        let name = contenders[1].name();
        assert_eq!(measured.left_out, [format!("{name}: no C++ compiler")]);
    }

    #[test]
    fn a_peer_that_fails_later_is_left_out_too() {
        let contenders = [ours(Precision::F32, 1), peer(Program::Jax, Precision::F32)];
        let count = RefCell::new(0);
        let run = |contender: &Contender, _: u32| {
            *count.borrow_mut() += 1;
            if *count.borrow() > 2 && !contender.is_ours() { bail!("killed") } else { took(1.0) }
        };
        let measured = measure_with(run, &chapter(3, 1), &contenders, 1).unwrap();
        assert_eq!((measured.rows.len(), measured.left_out.len()), (1, 1));
    }

    #[test]
    fn our_own_failure_is_an_error() {
        let error = measure_with(|_, _| bail!("why"), &chapter(2, 1), &[ours(Precision::F32, 2)], 2);
        assert_eq!(format!("{:#}", error.unwrap_err()), "mlp train, f32 failed: why");
    }

    #[test]
    fn a_peer_with_another_loss_did_other_work() {
        let contenders = [
            ours(Precision::F32, 2),
            peer(Program::Jax, Precision::F32),
            peer(Program::NumPy, Precision::F32),
        ];
        let run = |contender: &Contender, _: u32| {
            let loss = if contender.program == Program::Jax { 23.5 } else { 20.0 };
            Ok(Run { seconds: 1.0, loss, accuracy: 0.9 })
        };
        let measured = measure_with(run, &chapter(1, 1), &contenders, 2).unwrap();
        let left: Vec<Program> = measured.rows.iter().map(|row| row.contender.program).collect();
        assert_eq!(left, [Program::Mlp, Program::NumPy]);
        assert!(measured.left_out[0].ends_with("its loss is 23.5, ours 20"), "{:?}", measured.left_out);
    }
}
