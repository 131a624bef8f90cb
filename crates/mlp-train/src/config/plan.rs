//! [`Plan`], a configuration after validation, and what follows from it. The loop takes a plan, so that it never meets a batch of 0 or a
//! learning rate of NaN.

use mlp_core::{Architecture, Compute, Optimizer, Reduction, Regularization, Rule, Scalar, Score};
use mlp_data::Dataset;

use crate::config::kernel::Kernel;
use crate::config::metric::Metric;
use crate::config::schedule::Schedule;
use crate::config::train_config::{OptimizerName, TrainConfig};
use crate::error::ConfigError;

/// A configuration that has been checked against its training set.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    config: TrainConfig,
    architecture: Architecture,
    examples: usize,
}

/// Multiply-adds of a step that make another thread worth its while: about ten microseconds.
const WORTH_A_THREAD: f64 = 150_000.0;

impl Plan {
    /// Of a configuration that has been checked.
    pub(crate) fn new(config: TrainConfig, architecture: Architecture, examples: usize) -> Self {
        Self { config, architecture, examples }
    }

    /// The choices.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The network's sizes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How the images go through the network: never `Auto`.
    pub fn kernel(&self) -> Kernel {
        self.config.kernel
    }

    /// The threads that share a step, of the number that there are; a step takes no more than [`Compute::MAX_THREADS`].
    pub fn threads(&self, train: &Dataset, available: usize) -> usize {
        let share = |layer| if layer == 0 && self.kernel() == Kernel::Sparse { train.density() } else { 1.0 };
        let sizes = self.architecture.layer_sizes();
        let layers = sizes.iter().enumerate();
        let example: f64 =
            layers.map(|(layer, &(inputs, outputs))| share(layer) * (inputs * outputs) as f64).sum();
        let work = 2.0 * example * self.config.batch_size as f64;
        // A float beyond the range of usize becomes its largest value.
        available.min((work / WORTH_A_THREAD) as usize).clamp(1, Compute::MAX_THREADS)
    }

    /// Checks that there are the sets on which metrics are asked for.
    ///
    /// # Errors
    /// [`ConfigError::NoSuchSet`].
    pub fn check_sets(&self, has_validation: bool, has_test: bool) -> Result<(), ConfigError> {
        for metric in self.metrics(has_validation) {
            let (set, expected) = match metric {
                _ if metric.needs_validation() && !has_validation => {
                    ("validation", "a share of the training set to validate on, such as --validation 0.1")
                }
                _ if metric.needs_test() && !has_test => ("test", "a dataset that has one"),
                _ => continue,
            };
            return Err(ConfigError::NoSuchSet { metric, set, expected });
        }
        Ok(())
    }

    /// The metrics that decide something.
    pub(crate) fn metrics(&self, has_validation: bool) -> impl Iterator<Item = Metric> {
        [Some(self.config.monitored(has_validation)), self.config.until.map(|target| target.metric)]
            .into_iter()
            .flatten()
    }

    /// The optimizer at its beginning.
    pub fn optimizer<A: Scalar>(&self) -> Optimizer<A> {
        let TrainConfig { momentum, beta1, beta2, rms_decay: decay, epsilon, .. } = self.config;
        let rule = match self.config.optimizer {
            OptimizerName::Sgd => Rule::Sgd,
            OptimizerName::Momentum => Rule::Momentum { momentum },
            OptimizerName::Nesterov => Rule::Nesterov { momentum },
            OptimizerName::Adam | OptimizerName::AdamW => Rule::Adam { beta1, beta2, epsilon },
            OptimizerName::RmsProp => Rule::RmsProp { decay, epsilon },
        };
        let optimizer = Optimizer::new(rule, &self.architecture).with_weight_decay(self.config.decay());
        match self.config.clip_norm {
            Some(most) => optimizer.with_clipping(most),
            None => optimizer,
        }
    }

    /// The learning rate of every step.
    pub fn schedule(&self) -> Schedule {
        let (config, steps_per_epoch) = (&self.config, self.batches());
        Schedule {
            name: config.schedule,
            learning_rate: config.learning_rate,
            warmup_steps: config.warmup_epochs * steps_per_epoch as f64,
            factor: config.gamma,
            every_epochs: config.step_size,
            least: config.min_learning_rate,
            pct_start: config.pct_start,
            steps_per_epoch,
            steps: steps_per_epoch.saturating_mul(config.epochs),
        }
    }

    /// What training adds to the passes.
    pub fn regularization(&self) -> Regularization {
        let TrainConfig { dropout, input_dropout, label_smoothing, seed, .. } = self.config;
        Regularization { dropout, input_dropout, label_smoothing, seed }
    }

    /// A mean loss of examples on the scale of a training batch: as the reduction has it for one of the batch size.
    pub fn batch_loss(&self, score: &Score) -> f64 {
        let size = self.config.batch_size;
        score.loss(Reduction::Mean) * size as f64 * self.config.loss_reduction.weight(size)
    }

    /// Examples of the training set.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Steps of an epoch, at least one.
    pub fn batches(&self) -> usize {
        if self.config.keep_remainder {
            self.examples.div_ceil(self.config.batch_size)
        } else {
            self.examples / self.config.batch_size
        }
    }

    /// Examples that an epoch uses.
    pub fn examples_per_epoch(&self) -> usize {
        self.examples.min(self.batches() * self.config.batch_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remainder_is_dropped_or_kept() {
        let data = mlp_data::synthetic::digits(250, 10, 0);
        let plan = |keep_remainder| {
            TrainConfig { keep_remainder, ..TrainConfig::default() }.validate(&data.train).unwrap()
        };
        assert_eq!((plan(false).batches(), plan(false).examples_per_epoch()), (2, 200));
        assert_eq!((plan(true).batches(), plan(true).examples_per_epoch()), (3, 250));
    }
}
