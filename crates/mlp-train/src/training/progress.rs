//! The state of a training apart from its network. It is part of checkpoints and decides when
//! training ends.

use std::time::Duration;

use mlp_data::text::counted;
use serde::{Deserialize, Serialize};

use crate::{Ending, EpochRecord, Metric, Plan, ScheduleName, TrainConfig};

/// The state of a training apart from its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) epochs: usize,        // completed
    pub(crate) batches: usize,       // completed in this epoch
    pub(crate) losses: Vec<f64>,     // of these batches
    pub(crate) accuracies: Vec<f64>, // of these batches
    pub(crate) trace: Vec<EpochRecord>,
    pub(crate) best: Option<(usize, f64)>, // epoch and value of the monitored metric
    pub(crate) bad_epochs: usize,          // since the best value
    pub(crate) plateaus: u32,
    pub(crate) time: Duration,       // of the completed epochs
    pub(crate) epoch_time: Duration, // of this epoch, before it was interrupted
}

/// The next action of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Never written. Kept so that the other variants keep their numbers in checkpoints.
    Start(Never),
    Steps,
    EpochEnd,
    End(Ending),
}

/// A type without values, which no checkpoint can hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Never {}

/// More than any training takes; sums of such times do not overflow.
const MAX_TIME: Duration = Duration::from_secs(1 << 40);

impl Progress {
    /// The start of a training with `batches` steps per epoch.
    pub(crate) fn new(batches: usize) -> Self {
        Self {
            epochs: 0,
            batches: 0,
            losses: Vec::with_capacity(batches),
            accuracies: Vec::with_capacity(batches),
            trace: Vec::new(),
            best: None,
            bad_epochs: 0,
            plateaus: 0,
            time: Duration::ZERO,
            epoch_time: Duration::ZERO,
        }
    }

    /// Updates the best epoch and the plateaus after an epoch.
    pub(crate) fn update(&mut self, config: &TrainConfig, metric: Metric, record: &EpochRecord) {
        let Some(value) = metric.of(record).filter(|value| !value.is_nan()) else { return };
        if self.best.is_none_or(|(_, best)| metric.is_better(value, best)) {
            self.best = Some((record.epoch, value));
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
            let is_plateau = self.bad_epochs.is_multiple_of(config.plateau_patience);
            self.plateaus += u32::from(is_plateau && config.schedule == ScheduleName::Plateau);
        }
    }

    /// Returns why training ends with this epoch, if it does.
    pub(crate) fn ending(&self, config: &TrainConfig, record: &EpochRecord) -> Option<Ending> {
        if config.until.is_some_and(|target| target.is_reached(record)) {
            Some(Ending::TargetReached)
        } else if self.epochs >= config.epochs {
            Some(Ending::Complete)
        } else if config.patience.is_some_and(|patience| self.bad_epochs >= patience) {
            Some(Ending::OutOfPatience)
        } else {
            self.is_out_of_time(config, Duration::ZERO).then_some(Ending::OutOfTime)
        }
    }

    /// Returns whether the time limit is reached after `spent` in this epoch.
    pub(crate) fn is_out_of_time(&self, config: &TrainConfig, spent: Duration) -> bool {
        config.max_seconds.is_some_and(|limit| (self.time + spent).as_secs_f64() >= limit)
    }

    /// Returns the next stage in a plan whose number of epochs may have changed.
    pub(crate) fn stage_in(&self, plan: &Plan, next: Stage) -> Result<Stage, String> {
        let epochs = plan.config().epochs;
        if epochs < self.epochs || (epochs == self.epochs && self.batches > 0) {
            let least = self.epochs + usize::from(self.batches > 0);
            return Err(format!(
                "epochs is {epochs}, and the run has completed {}; expected at least {least}",
                counted(self.epochs, "epoch")
            ));
        }
        Ok(match next {
            Stage::End(Ending::Complete) if self.epochs < epochs => Stage::Steps,
            Stage::Steps if self.epochs == epochs => Stage::End(Ending::Complete),
            next => next,
        })
    }

    /// Returns whether a training of this plan can be in this state before `next`.
    pub(crate) fn fits(&self, plan: &Plan, next: Stage) -> bool {
        self.epochs <= plan.config().epochs
            && self.batches <= plan.batches()
            && (self.batches < plan.batches()) != (next == Stage::EpochEnd)
            && self.trace.len() == self.epochs
            && self.bad_epochs <= self.epochs
            && self.plateaus as usize <= self.epochs
            && self.best.is_none_or(|(epoch, _)| (1..=self.epochs).contains(&epoch))
            && self.time.max(self.epoch_time) <= MAX_TIME
            && [self.losses.len(), self.accuracies.len()].iter().all(|&len| len >= self.batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_no_training_has_does_not_fit() {
        let data = mlp_data::synthetic::digits(100, 10, 0).train;
        let plan = TrainConfig { batch_size: 50, ..TrainConfig::default() }.validate(&data).unwrap();
        let start = Progress::new(2);
        assert!(start.fits(&plan, Stage::Steps) && !start.fits(&plan, Stage::EpochEnd));
        let long = Progress { time: Duration::MAX, ..start.clone() };
        assert!(!long.fits(&plan, Stage::Steps));
        assert!(!Progress { epochs: 51, ..start.clone() }.fits(&plan, Stage::Steps));
        assert_eq!(start.stage_in(&plan, Stage::End(Ending::Complete)), Ok(Stage::Steps));
        let end = Progress { epochs: 50, ..start };
        assert_eq!(end.stage_in(&plan, Stage::Steps), Ok(Stage::End(Ending::Complete)));
    }

    #[test]
    fn a_better_epoch_resets_patience_and_plateau_patience_bad_epochs_are_a_plateau() {
        let schedule = ScheduleName::Plateau;
        let config =
            TrainConfig { schedule, plateau_patience: 2, patience: Some(4), ..TrainConfig::default() };
        let mut progress = Progress::new(1);
        let mut found = Vec::new();
        for loss in [5.0, 6.0, 4.0, 4.0, f64::NAN, 4.5, 3.0, 3.5, 3.5, 3.5, 3.5] {
            progress.epochs += 1;
            let record = EpochRecord { epoch: progress.epochs, loss, ..EpochRecord::default() };
            progress.update(&config, Metric::TrainLoss, &record);
            found.push((progress.plateaus, progress.ending(&config, &record).is_some()));
        }
        let plateaus = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3];
        let expected: Vec<_> = plateaus.into_iter().zip((1..=11).map(|epoch| epoch == 11)).collect();
        assert_eq!(found, expected);
        assert_eq!(progress.best, Some((7, 3.0)));
    }
}
