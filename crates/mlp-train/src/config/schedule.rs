//! The learning rate as a function of the step. Each schedule stands with its formula and its source. Cosines and powers are `libm`'s, in
//! Rust, so that a configuration gives the same bits on every machine.

use std::f64::consts::PI;

use mlp_core::named;
use serde::{Deserialize, Serialize};

/// How the learning rate changes in the course of a training. η is the configured rate, e the whole epochs done since the warm-up, p the share of
/// the steps after the warm-up that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleName {
    /// η.
    #[default]
    Constant,
    /// η·γ^⌊e/s⌋, for a factor γ every s epochs.
    Step,
    /// η·γ^e.
    Exponential,
    /// η_min + (η-η_min)·(1 + cos πp)/2: Loshchilov and Hutter 2017, without restarts.
    Cosine,
    /// From η/25 along half a cosine up to η, for 30% of the steps or another share, and down to η/250,000: Smith and Topin 2019, in the form
    /// of PyTorch's `OneCycleLR`, momentum staying as it is.
    OneCycle,
    /// η·γ^k after k plateaus: epochs in which the monitored metric has not become better for so many epochs.
    Plateau,
}

named!(
    ScheduleName,
    "schedule",
    Constant => "constant",
    Step => "step",
    Exponential => "exponential",
    Cosine => "cosine",
    OneCycle => "one-cycle",
    Plateau => "plateau",
);

/// A schedule with its numbers, for a training of a known length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Which.
    pub name: ScheduleName,
    /// η.
    pub learning_rate: f64,
    /// Steps of linear warm-up before it (Goyal and others 2017): step t, counted from 0, has (t+1)/w of the schedule's first rate.
    pub warmup_steps: f64,
    /// γ of [`ScheduleName::Step`], [`ScheduleName::Exponential`] and [`ScheduleName::Plateau`].
    pub factor: f64,
    /// s of [`ScheduleName::Step`].
    pub every_epochs: usize,
    /// η_min of [`ScheduleName::Cosine`].
    pub least: f64,
    /// The share of the steps that [`ScheduleName::OneCycle`] rises for.
    pub pct_start: f64,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Steps of the whole training.
    pub steps: usize,
}

/// [`ScheduleName::OneCycle`] begins with η over the first and ends with η over the second.
const CYCLE_START: f64 = 25.0;
const CYCLE_END: f64 = 25.0 * 1e4;

impl Schedule {
    /// The rate of step `step`, counted from 0, after `plateaus`.
    ///
    /// ```
    /// use mlp_train::{Schedule, ScheduleName};
    ///
    /// let schedule = Schedule {
    ///     name: ScheduleName::Cosine,
    ///     learning_rate: 0.1,
    ///     warmup_steps: 10.0,
    ///     factor: 0.1,
    ///     every_epochs: 10,
    ///     least: 0.0,
    ///     pct_start: 0.3,
    ///     steps_per_epoch: 100,
    ///     steps: 110,
    /// };
    /// assert_eq!([0, 9, 10, 60].map(|step| (1e6 * schedule.rate(step, 0)).round() / 1e6), [0.01, 0.1, 0.1, 0.05]);
    /// ```
    pub fn rate(&self, step: usize, plateaus: u32) -> f64 {
        let step = step as f64;
        if step < self.warmup_steps {
            return self.after_warmup(0.0, plateaus) * ((step + 1.0) / self.warmup_steps).min(1.0);
        }
        self.after_warmup(step - self.warmup_steps, plateaus)
    }

    fn after_warmup(&self, step: f64, plateaus: u32) -> f64 {
        let rate = self.learning_rate;
        let epoch = (step / self.steps_per_epoch as f64).floor();
        let between = |from: f64, to: f64, share: f64| to + (from - to) * (1.0 + libm::cos(PI * share)) / 2.0;
        match self.name {
            ScheduleName::Constant => rate,
            ScheduleName::Step => rate * libm::pow(self.factor, (epoch / self.every_epochs as f64).floor()),
            ScheduleName::Exponential => rate * libm::pow(self.factor, epoch),
            ScheduleName::Cosine => {
                between(rate, self.least, step / (self.steps as f64 - self.warmup_steps).max(1.0))
            }
            ScheduleName::OneCycle => {
                // As PyTorch counts: the last step has the last rate.
                let steps = self.steps as f64;
                let (peak, end) = (self.pct_start * steps - 1.0, steps - 1.0);
                if step < peak {
                    between(rate / CYCLE_START, rate, step / peak)
                } else {
                    between(rate, rate / CYCLE_END, ((step - peak) / (end - peak).max(1.0)).min(1.0))
                }
            }
            ScheduleName::Plateau => rate * libm::pow(self.factor, f64::from(plateaus)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(name: ScheduleName) -> Schedule {
        Schedule {
            name,
            learning_rate: 0.1,
            warmup_steps: 0.0,
            factor: 0.3,
            every_epochs: 2,
            least: 0.01,
            pct_start: 0.3,
            steps_per_epoch: 10,
            steps: 60,
        }
    }

    /// What PyTorch's schedulers give (`tests/fixtures/schedules.py`).
    #[test]
    fn the_rates_are_those_of_pytorch() {
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
    fn warm_up_rises_in_a_straight_line_to_where_the_schedule_begins() {
        let warm = Schedule { warmup_steps: 4.0, ..schedule(ScheduleName::Cosine) };
        let rates = [0, 1, 2, 3, 4].map(|step| warm.rate(step, 0));
        assert_eq!(rates, [0.025, 0.05, 0.1 * 0.75, 0.1, 0.1]);
        assert!((warm.rate(59, 0) - 0.01).abs() < 2e-4, "the cosine ends with the training");
        let fraction = Schedule { warmup_steps: 2.5, ..schedule(ScheduleName::Constant) };
        assert_eq!([0, 2, 3].map(|step| fraction.rate(step, 0)), [0.1 * (1.0 / 2.5), 0.1, 0.1]);
    }

    #[test]
    fn plateaus_multiply() {
        let schedule = schedule(ScheduleName::Plateau);
        assert_eq!([0, 1, 2].map(|plateaus| schedule.rate(5, plateaus)), [0.1, 0.1 * 0.3, 0.1 * 0.3 * 0.3]);
    }

    #[test]
    fn a_cycle_of_any_length_has_finite_rates() {
        for steps in 1..20 {
            for pct_start in [0.0, 0.3, 1.0] {
                let schedule = Schedule { steps, pct_start, ..schedule(ScheduleName::OneCycle) };
                let mut rates = (0..steps).map(|step| schedule.rate(step, 0));
                assert!(rates.all(|rate| (0.0..=0.1).contains(&rate)), "{steps} steps, {pct_start}");
            }
        }
    }
}
