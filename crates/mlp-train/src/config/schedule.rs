//! The learning rate as a function of the step; [`ScheduleName`] has the formulas and sources.
//! Cosines and powers come from the Rust `libm`, so a configuration gives the same bits everywhere.

use std::f64::consts::PI;

use crate::{ScheduleName, TrainConfig};

/// The learning rate of every step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    config: TrainConfig,
    steps_per_epoch: usize,
}

/// [`ScheduleName::OneCycle`] starts at η / `CYCLE_START` and ends at η / `CYCLE_END`.
const CYCLE_START: f64 = 25.0;
const CYCLE_END: f64 = 25.0 * 1e4;

impl Schedule {
    /// Creates the schedule of a configuration.
    pub fn new(config: &TrainConfig, steps_per_epoch: usize) -> Self {
        Self { config: config.clone(), steps_per_epoch }
    }

    /// Returns the learning rate of a step, counted from 0, after `plateaus` plateaus. The warm-up
    /// is linear (Goyal et al. 2017): step t of w has (t+1)/w of the schedule's first rate.
    ///
    /// ```
    /// use mlp_train::{Schedule, ScheduleName, TrainConfig};
    ///
    /// let config = TrainConfig {
    ///     schedule: ScheduleName::Cosine,
    ///     learning_rate: 0.1,
    ///     epochs: 11,
    ///     warmup_epochs: 1.0,
    ///     ..TrainConfig::default()
    /// };
    /// let schedule = Schedule::new(&config, 10); // 10 steps per epoch
    /// let percent = |step| (1000.0 * schedule.rate(step, 0)).round() / 10.0;
    /// assert_eq!([0, 9, 10, 60].map(percent), [1.0, 10.0, 10.0, 5.0]);
    /// ```
    pub fn rate(&self, step: usize, plateaus: u32) -> f64 {
        let (step, warmup) = (step as f64, self.warmup_steps());
        if step < warmup {
            return self.after_warmup(0.0, plateaus) * ((step + 1.0) / warmup).min(1.0);
        }
        self.after_warmup(step - warmup, plateaus)
    }

    fn warmup_steps(&self) -> f64 {
        self.config.warmup_epochs * self.steps_per_epoch as f64
    }

    fn after_warmup(&self, step: f64, plateaus: u32) -> f64 {
        let TrainConfig { learning_rate: rate, gamma, step_size, pct_start, .. } = self.config;
        let epoch = (step / self.steps_per_epoch as f64).floor();
        let steps = self.steps_per_epoch.saturating_mul(self.config.epochs) as f64;
        let between = |from: f64, to: f64, share: f64| to + (from - to) * (1.0 + libm::cos(PI * share)) / 2.0;
        match self.config.schedule {
            ScheduleName::Constant => rate,
            ScheduleName::Step => rate * libm::pow(gamma, (epoch / step_size as f64).floor()),
            ScheduleName::Exponential => rate * libm::pow(gamma, epoch),
            ScheduleName::Cosine => {
                let share = step / (steps - self.warmup_steps()).max(1.0);
                between(rate, self.config.min_learning_rate, share)
            }
            ScheduleName::OneCycle => {
                // As in PyTorch, the last step has the final rate.
                let (peak, end) = (pct_start * steps - 1.0, steps - 1.0);
                if step < peak {
                    between(rate / CYCLE_START, rate, step / peak)
                } else {
                    between(rate, rate / CYCLE_END, ((step - peak) / (end - peak).max(1.0)).min(1.0))
                }
            }
            ScheduleName::Plateau => rate * libm::pow(gamma, f64::from(plateaus)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six epochs of ten steps.
    fn config(schedule: ScheduleName) -> TrainConfig {
        TrainConfig {
            schedule,
            learning_rate: 0.1,
            gamma: 0.3,
            step_size: 2,
            min_learning_rate: 0.01,
            epochs: 6,
            ..TrainConfig::default()
        }
    }

    fn schedule(name: ScheduleName) -> Schedule {
        Schedule::new(&config(name), 10)
    }

    /// The fixture was written by PyTorch's schedulers (`tests/fixtures/schedules.py`).
    #[test]
    fn learning_rates_match_pytorch() {
        for line in include_str!("../../tests/fixtures/schedules.txt").lines() {
            let mut words = line.split_whitespace();
            let schedule = schedule(words.next().unwrap().parse().unwrap());
            let expected: Vec<f64> = words.map(|word| word.parse().unwrap()).collect();
            assert_eq!(expected.len(), 60);
            for (step, expected) in expected.into_iter().enumerate() {
                let found = schedule.rate(step, 0);
                // PyTorch multiplies step by step, which rounds more often.
                assert!((found - expected).abs() < 1e-14, "{line:.12} {step}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn warm_up_rises_linearly_to_the_first_rate() {
        let warm = |warmup_epochs, name| Schedule::new(&TrainConfig { warmup_epochs, ..config(name) }, 10);
        let fraction = warm(0.25, ScheduleName::Constant);
        let warm = warm(0.4, ScheduleName::Cosine);
        let rates = [0, 1, 2, 3, 4].map(|step| warm.rate(step, 0));
        assert_eq!(rates, [0.025, 0.05, 0.1 * 0.75, 0.1, 0.1]);
        assert!((warm.rate(59, 0) - 0.01).abs() < 2e-4, "the cosine ends with the training");
        assert_eq!([0, 2, 3].map(|step| fraction.rate(step, 0)), [0.1 * (1.0 / 2.5), 0.1, 0.1]);
    }

    #[test]
    fn each_plateau_multiplies_the_rate_by_gamma() {
        let schedule = schedule(ScheduleName::Plateau);
        assert_eq!([0, 1, 2].map(|plateaus| schedule.rate(5, plateaus)), [0.1, 0.1 * 0.3, 0.1 * 0.3 * 0.3]);
    }

    #[test]
    fn one_cycle_rates_stay_in_range_for_any_length() {
        for steps in 1..20 {
            for pct_start in [0.0, 0.3, 1.0] {
                let config = TrainConfig { epochs: 1, pct_start, ..config(ScheduleName::OneCycle) };
                let schedule = Schedule::new(&config, steps);
                let mut rates = (0..steps).map(|step| schedule.rate(step, 0));
                assert!(rates.all(|rate| (0.0..=0.1).contains(&rate)), "{steps} steps, {pct_start}");
            }
        }
    }
}
