//! Successive halving (Jamieson and Talwalkar 2016): all runs are trained for a few epochs, the
//! best of them for more, and so on. What to train next depends only on the files of the runs, so a
//! sweep can be resumed at any point, and its outcome does not depend on the order in which they
//! end.

use std::path::Path;

use anyhow::bail;
use mlp_train::{EpochRecord, Metric, RunDir, Status, TrainConfig};
use serde::{Deserialize, Serialize};

/// The settings of successive halving, as in `sweep.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Halving {
    /// At each rung, one of this many runs is kept.
    pub(super) reduction_factor: usize,
    /// Epochs of the first rung; by default, as many as end with a single run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_epochs: Option<usize>,
}

/// Training until all runs of a rung have as many epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rung {
    pub(super) runs: usize,
    /// Epochs after which the runs stop; `None` for the last rung, where they are completed.
    pub(super) epochs: Option<usize>,
}

/// Runs to train at the same time.
#[derive(Debug, PartialEq)]
pub(super) struct Wave {
    /// Index of the rung.
    pub(super) rung: usize,
    /// Indices of the runs.
    pub(super) members: Vec<usize>,
    /// See [`Rung::epochs`].
    pub(super) epochs: Option<usize>,
}

/// The rungs of a sweep; a sweep without halving has one.
///
/// # Errors
/// If the outcome would depend on something other than the metric after equally many epochs.
pub(super) fn rungs(halving: Option<&Halving>, runs: &[&TrainConfig]) -> anyhow::Result<Vec<Rung>> {
    let Some(halving) = halving else { return Ok(vec![Rung { runs: runs.len(), epochs: None }]) };
    let first = runs[0];
    if runs.iter().any(|run| run.epochs != first.epochs) {
        bail!(
            "--halving compares runs after equally many epochs; expected runs of the same number of epochs"
        );
    }
    if runs.iter().any(|run| run.monitored(true) != first.monitored(true)) {
        bail!("--halving compares runs by one metric; expected the same monitor in all runs");
    }
    if runs.iter().any(|run| run.max_seconds.is_some()) {
        bail!(
            "with --max-time, the outcome of --halving would depend on the speed of the machine; unset it with \
             --set max_seconds=none"
        );
    }
    let epochs = first.epochs;
    let factor = halving.reduction_factor;
    if factor < 2 {
        bail!("the reduction factor is {factor}; expected at least 2");
    }
    if let Some(found) = halving.min_epochs.filter(|min| !(1..=epochs).contains(min)) {
        bail!("--min-epochs is {found}; expected 1 to {epochs}, the epochs of a run");
    }
    Ok(rungs_of(runs.len(), epochs, factor, halving.min_epochs))
}

fn rungs_of(runs: usize, epochs: usize, factor: usize, min_epochs: Option<usize>) -> Vec<Rung> {
    let halved = |runs: &usize| (*runs > 1).then(|| runs.div_ceil(factor));
    let halvings = std::iter::successors(Some(runs), halved).skip(1);
    let first = || halvings.fold(epochs, |epochs, _| epochs / factor).max(1);
    let (mut runs, mut budget) = (runs, min_epochs.unwrap_or_else(first));
    let mut rungs = Vec::new();
    while runs > 1 && budget < epochs {
        rungs.push(Rung { runs, epochs: Some(budget) });
        (runs, budget) = (runs.div_ceil(factor), budget.saturating_mul(factor));
    }
    rungs.push(Rung { runs, epochs: None });
    rungs
}

/// How far a run is, from its files.
#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    /// Status and completed epochs, once training has ended or stopped.
    ended: Option<(Status, usize)>,
    records: Vec<EpochRecord>,
}

impl Trial {
    /// Reads the files of a run that may not exist yet.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        if !RunDir::is_run(path) {
            return Ok(Self::default());
        }
        let ended = RunDir::result(path)?.map(|result| (result.status, result.epochs));
        Ok(Self { ended, records: RunDir::records(path)? })
    }

    fn has_diverged(&self) -> bool {
        matches!(self.ended, Some((Status::Diverged, _)))
    }

    /// Returns whether nothing is left to train on a rung.
    pub(super) fn has_reached(&self, epochs: Option<usize>) -> bool {
        match (self.ended, epochs) {
            (Some((Status::Complete | Status::Diverged, _)), _) => true,
            (Some((_, done)), Some(epochs)) => done.min(self.records.len()) >= epochs,
            _ => false,
        }
    }

    /// The best value of a metric in the first epochs, smaller if better; infinite without any.
    fn cost(&self, metric: Metric, epochs: Option<usize>) -> f64 {
        let records = self.records.iter().take(epochs.unwrap_or(usize::MAX));
        let values = records.filter_map(|record| metric.of(record)).filter(|value| !value.is_nan());
        values.map(|value| if metric.rises() { -value } else { value }).fold(f64::INFINITY, f64::min)
    }
}

/// Returns what to train next, or `None` if the sweep is complete. Ties are decided by the numbers
/// of the runs. A run that diverges gives its place to the next one.
pub(super) fn next_wave(rungs: &[Rung], trials: &[Trial], metric: Metric) -> Option<Wave> {
    let mut field: Vec<usize> = (0..trials.len()).collect();
    for (number, rung) in rungs.iter().enumerate() {
        field.retain(|&member| !trials[member].has_diverged());
        field.truncate(rung.runs);
        let mut members: Vec<usize> =
            field.iter().copied().filter(|&member| !trials[member].has_reached(rung.epochs)).collect();
        if !members.is_empty() {
            members.sort_unstable();
            return Some(Wave { rung: number, members, epochs: rung.epochs });
        }
        let cost = |member: usize| trials[member].cost(metric, rung.epochs);
        field.sort_by(|&a, &b| cost(a).total_cmp(&cost(b)).then(a.cmp(&b)));
    }
    None
}

#[cfg(test)]
mod tests {
    use mlp_train::Outcome;

    use super::*;

    /// A run whose validation loss after each epoch is known in advance; NaN where it diverges.
    fn trained(losses: &[f64], epochs: usize) -> Trial {
        let record = |(epoch, &loss): (usize, &f64)| EpochRecord {
            epoch,
            validation: Some(Outcome { loss, accuracy: -loss }),
            ..EpochRecord::default()
        };
        let diverges = losses.iter().take(epochs).position(|loss| loss.is_nan());
        let done = diverges.unwrap_or(epochs);
        let status = match diverges {
            Some(_) => Status::Diverged,
            None if done == losses.len() => Status::Complete,
            None => Status::Interrupted,
        };
        let records = (1..).zip(losses).take(done).map(record).collect();
        Trial { ended: Some((status, done)), records }
    }

    /// Runs a sweep, and returns the numbers of the runs in each wave and the epochs of each run.
    fn swept(rungs: &[Rung], losses: &[&[f64]], metric: Metric) -> (Vec<Vec<usize>>, Vec<usize>) {
        let mut trials = vec![Trial::default(); losses.len()];
        let mut waves = Vec::new();
        while let Some(wave) = next_wave(rungs, &trials, metric) {
            for &member in &wave.members {
                let all = losses[member].len();
                trials[member] = trained(losses[member], wave.epochs.unwrap_or(all));
            }
            waves.push(wave.members);
        }
        (waves, trials.iter().map(|trial| trial.records.len()).collect())
    }

    #[test]
    fn rungs_multiply_the_epochs_and_divide_the_runs() {
        let shown = |runs, epochs, factor, min| {
            let rungs = rungs_of(runs, epochs, factor, min);
            rungs.iter().map(|rung| (rung.runs, rung.epochs.unwrap_or(epochs))).collect::<Vec<_>>()
        };
        assert_eq!(shown(27, 27, 3, None), [(27, 1), (9, 3), (3, 9), (1, 27)]);
        assert_eq!(shown(9, 50, 3, None), [(9, 5), (3, 15), (1, 50)]);
        assert_eq!(shown(10, 20, 2, Some(4)), [(10, 4), (5, 8), (3, 16), (2, 20)]);
        // As soon as one run is left, it is completed.
        assert_eq!(shown(4, 81, 4, Some(1)), [(4, 1), (1, 81)]);
        assert_eq!(shown(5, 3, 3, Some(3)), [(5, 3)]);
        assert_eq!(shown(1, 10, 3, None), [(1, 10)]);
    }

    #[test]
    fn the_best_runs_so_far_are_kept_and_ties_go_to_the_first() {
        let rungs = rungs_of(5, 4, 2, Some(1));
        // Run 2 is the best of all in the end, but not after one epoch.
        let losses: [&[f64]; 5] =
            [&[3.0, 3.0, 3.0, 3.0], &[2.0, 9.0, 2.5, 1.0], &[5.0, 0.0, 0.0, 0.0], &[2.0; 4], &[2.0; 4]];
        let (waves, epochs) = swept(&rungs, &losses, Metric::ValidationLoss);
        // After two epochs, the best value of run 1 is still that of the first.
        assert_eq!(waves, [vec![0, 1, 2, 3, 4], vec![1, 3, 4], vec![1, 3]]);
        assert_eq!(epochs, [1, 4, 1, 4, 2]);
        // The accuracies are the negative losses.
        assert_eq!(swept(&rungs, &losses, Metric::ValidationAccuracy), (waves, epochs));
    }

    #[test]
    fn a_stopped_run_that_is_completed_later_changes_nothing() {
        let rungs = rungs_of(3, 2, 3, Some(1));
        let losses: [&[f64]; 3] = [&[2.0, 2.0], &[1.0, 1.0], &[3.0, 0.0]];
        let mut trials: Vec<Trial> = losses.iter().map(|losses| trained(losses, 1)).collect();
        trials[1] = trained(losses[1], 2);
        assert_eq!(next_wave(&rungs, &trials, Metric::ValidationLoss), None);
        // It is the best in the end, but was not after the first rung.
        trials[2] = trained(losses[2], 2);
        trials[1] = trained(losses[1], 1);
        let wave = next_wave(&rungs, &trials, Metric::ValidationLoss).unwrap();
        assert_eq!(wave.members, [1]);
    }

    #[test]
    fn a_run_that_diverges_gives_its_place_to_the_next() {
        let rungs = rungs_of(4, 4, 2, Some(1));
        let nan = f64::NAN;
        let losses: [&[f64]; 4] = [&[4.0; 4], &[1.0, 1.0, nan, nan], &[2.0; 4], &[3.0; 4]];
        let (waves, epochs) = swept(&rungs, &losses, Metric::ValidationLoss);
        assert_eq!(waves, [vec![0, 1, 2, 3], vec![1, 2], vec![1], vec![3], vec![2]]);
        assert_eq!(epochs, [1, 2, 4, 2]);
        let all: [&[f64]; 2] = [&[nan; 4], &[nan; 4]];
        assert_eq!(swept(&rungs, &all, Metric::ValidationLoss).1, [0, 0]);
    }

    #[test]
    fn a_sweep_that_was_interrupted_anywhere_has_the_same_outcome() {
        let losses: Vec<Vec<f64>> = (0..9_u64)
            .map(|run| {
                let loss = |epoch: u64| match (run * 7919 + epoch * 104_729) % 97 {
                    0..10 if epoch > 3 => f64::NAN,
                    loss => loss as f64,
                };
                (0..9).map(loss).collect()
            })
            .collect();
        let losses: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
        let rungs = rungs_of(9, 9, 3, None);
        let (_, expected) = swept(&rungs, &losses, Metric::ValidationLoss);
        for stride in 1..9 {
            // Only some runs of a wave are trained before the sweep is resumed.
            let mut trials = vec![Trial::default(); losses.len()];
            while let Some(wave) = next_wave(&rungs, &trials, Metric::ValidationLoss) {
                let first = stride % wave.members.len();
                for &member in wave.members.iter().skip(first).step_by(stride) {
                    trials[member] = trained(losses[member], wave.epochs.unwrap_or(9));
                }
            }
            let found: Vec<usize> = trials.iter().map(|trial| trial.records.len()).collect();
            assert_eq!(found, expected, "{stride}");
        }
    }
}
