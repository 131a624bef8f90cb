//! A configuration checked against its training set. The loop takes a [`Plan`], so it never sees a
//! batch size of 0 or a learning rate of NaN.

use mlp_core::{
    Adversary, Architecture, Objective, Optimizer, OptimizerKind, Precision, Reduction, Scalar, Score,
};
use mlp_data::Dataset;

use crate::config::train_config::out_of_range;
use crate::{ConfigError, Kernel, Metric, OptimizerName, Schedule, TrainConfig};

/// A configuration that has been checked against its training set.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    config: TrainConfig,
    architecture: Architecture,
    examples: usize,
    takes_csr_rows: bool,
}

/// Multiply-adds per step that justify one more thread: about ten microseconds.
const WORK_PER_THREAD: f64 = 150_000.0;

impl TrainConfig {
    /// Checks the options against each other and the training set.
    ///
    /// # Errors
    /// [`ConfigError`], the first problem.
    pub fn validate(self, train: &Dataset) -> Result<Plan, ConfigError> {
        self.check()?;
        let examples = train.len();
        if self.batch_size == 0 || self.batch_size > examples {
            let expected = format!("1 to {examples}, the number of training examples");
            return Err(out_of_range("batch_size", self.batch_size, expected));
        }
        if self.shards > self.batch_size {
            let expected = format!("at most {}, the batch size", self.batch_size);
            return Err(out_of_range("shards", self.shards, expected));
        }
        let architecture =
            Architecture::new(train.pixels(), &self.hidden, train.classes()).with_activation(self.activation);
        architecture.validate()?;
        self.check_augmented(train)?;
        self.check_memory(&architecture, train)?;
        // Resolved once: `auto` may mean something else on another machine or in another build.
        let kernel = self.kernel.resolve(train)?;
        let takes_csr_rows = kernel.takes_csr_rows(train);
        Ok(Plan { config: Self { kernel, ..self }, architecture, examples, takes_csr_rows })
    }
}

impl Plan {
    /// The options, with the kernel resolved.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The layer sizes and the activation.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The kernel; never `Auto`.
    pub fn kernel(&self) -> Kernel {
        self.config.kernel
    }

    /// Returns whether images enter the first layer as CSR rows.
    pub fn takes_csr_rows(&self) -> bool {
        self.takes_csr_rows
    }

    /// Returns whether the CSR rows of all images are copied: not if images are distorted in each
    /// epoch or stay in their file.
    pub(crate) fn copies_csr_rows(&self, train: &Dataset) -> bool {
        self.takes_csr_rows && !self.config.augment && train.mapped_file().is_none()
    }

    /// Returns how many threads can share a step, see [`mlp_core::Compute::useful_threads`].
    pub fn useful_threads(&self) -> usize {
        let compute = self.kernel().compute(1);
        match self.config.precision {
            Precision::F32 => compute.useful_threads::<f32>(&self.architecture),
            Precision::F64 => compute.useful_threads::<f64>(&self.architecture),
        }
    }

    /// Returns how many of the available threads share a step: at most the useful ones, and fewer
    /// if a step, or its part for a shard, is short.
    pub fn threads(&self, train: &Dataset, available: usize) -> usize {
        let example: f64 = self.multiply_adds(train).into_iter().sum();
        let examples = self.config.batch_size as f64 / self.config.shards as f64;
        let work = 2.0 * example * examples;
        available.min((work / WORK_PER_THREAD) as usize).clamp(1, self.useful_threads())
    }

    /// Returns the multiply-adds of each layer for an example, in the forward pass. Adversarial
    /// examples are dense.
    pub(crate) fn multiply_adds(&self, train: &Dataset) -> Vec<f64> {
        let is_sparse = self.takes_csr_rows && self.config.adversarial.is_none();
        let share = |layer| if layer == 0 && is_sparse { train.density() } else { 1.0 };
        let sizes = self.architecture.layer_sizes().into_iter().enumerate();
        sizes.map(|(layer, (inputs, outputs))| share(layer) * (inputs * outputs) as f64).collect()
    }

    /// Checks that several processes can share the training.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] if there are fewer shards than processes.
    pub fn check_processes(&self, processes: usize) -> Result<(), ConfigError> {
        let shards = self.config.shards;
        if shards < processes {
            let expected = format!("at least {processes}, the number of processes");
            return Err(out_of_range("shards", shards, expected));
        }
        Ok(())
    }

    /// Checks that the datasets of all monitored metrics exist.
    ///
    /// # Errors
    /// [`ConfigError::NoSuchSet`].
    pub fn check_sets(&self, has_validation: bool, has_test: bool) -> Result<(), ConfigError> {
        for metric in self.metrics(has_validation) {
            let (set, expected) = match metric {
                _ if metric.needs_validation() && !has_validation => {
                    ("validation", "a fraction of the training set, such as --validation 0.1")
                }
                _ if metric.needs_test() && !has_test => ("test", "a dataset with one"),
                _ => continue,
            };
            return Err(ConfigError::NoSuchSet { metric: metric.name(), set, expected });
        }
        Ok(())
    }

    /// The metrics that affect training.
    pub(crate) fn metrics(&self, has_validation: bool) -> impl Iterator<Item = Metric> {
        [Some(self.config.monitored(has_validation)), self.config.until.map(|target| target.metric)]
            .into_iter()
            .flatten()
    }

    /// Returns the optimizer in its initial state.
    pub fn optimizer<A: Scalar>(&self) -> Optimizer<A> {
        let TrainConfig { momentum, beta1, beta2, rms_decay: decay, epsilon, .. } = self.config;
        let kind = match self.config.optimizer {
            OptimizerName::Sgd => OptimizerKind::Sgd,
            OptimizerName::Momentum => OptimizerKind::Momentum { momentum },
            OptimizerName::Nesterov => OptimizerKind::Nesterov { momentum },
            OptimizerName::Adam | OptimizerName::AdamW => OptimizerKind::Adam { beta1, beta2, epsilon },
            OptimizerName::RmsProp => OptimizerKind::RmsProp { decay, epsilon },
        };
        let default = if self.config.optimizer == OptimizerName::AdamW { 0.01 } else { 0.0 };
        let weight_decay = self.config.weight_decay.unwrap_or(default);
        let optimizer = Optimizer::new(kind, &self.architecture).with_weight_decay(weight_decay);
        match self.config.clip_norm {
            Some(norm) => optimizer.with_clipping(norm),
            None => optimizer,
        }
    }

    /// What makes the training examples adversarial, if anything does.
    pub(crate) fn adversary<A: Scalar>(&self) -> Option<Adversary<A>> {
        let distance = self.config.adversarial?;
        Some(Adversary::new(&self.architecture, self.config.batch_size, distance))
    }

    /// The learning rate of every step.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(&self.config, self.batches())
    }

    /// What training minimizes.
    pub fn objective(&self) -> Objective {
        let TrainConfig { loss_reduction, dropout, input_dropout, label_smoothing, seed, .. } = self.config;
        let objective = Objective::from(loss_reduction).with_label_smoothing(label_smoothing);
        objective.with_dropout(dropout).with_input_dropout(input_dropout).with_seed(seed)
    }

    /// Returns the loss of a score scaled to one training batch by the loss reduction.
    pub fn batch_loss(&self, score: &Score) -> f64 {
        let size = self.config.batch_size;
        score.loss(Reduction::Mean) * size as f64 * self.config.loss_reduction.weight(size)
    }

    /// The number of training examples.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// The number of steps per epoch, at least one.
    pub fn batches(&self) -> usize {
        if self.config.drop_last {
            self.examples / self.config.batch_size
        } else {
            self.examples.div_ceil(self.config.batch_size)
        }
    }

    /// The number of examples used per epoch.
    pub fn examples_per_epoch(&self) -> usize {
        self.examples.min(self.batches() * self.config.batch_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batch_is_dropped_or_kept() {
        let data = mlp_data::synthetic::digits(250, 10, 0);
        let plan =
            |drop_last| TrainConfig { drop_last, ..TrainConfig::default() }.validate(&data.train).unwrap();
        assert_eq!((plan(true).batches(), plan(true).examples_per_epoch()), (2, 200));
        assert_eq!((plan(false).batches(), plan(false).examples_per_epoch()), (3, 250));
    }

    #[test]
    fn a_step_has_no_more_threads_than_have_units() {
        let data = mlp_data::synthetic::digits(1000, 10, 0);
        let threads = |hidden: &[usize], kernel, precision, available| {
            let config = TrainConfig { hidden: hidden.to_vec(), kernel, precision, ..TrainConfig::default() };
            let plan = TrainConfig { batch_size: 1000, ..config }.validate(&data.train).unwrap();
            plan.threads(&data.train, available)
        };
        let portable = Kernel::Portable;
        assert_eq!(threads(&[100], portable, Precision::F32, 64), 7);
        assert_eq!(threads(&[100], portable, Precision::F64, 64), 13);
        assert_eq!(threads(&[16, 100], portable, Precision::F32, 64), 7);
        assert_eq!(threads(&[100], portable, Precision::F32, 3), 3);
        assert_eq!(threads(&[2000], portable, Precision::F32, 64), 64);
        if mlp_core::MatmulBackend::OpenBlas.is_available() {
            assert_eq!(threads(&[100], Kernel::OpenBlas, Precision::F32, 64), 2);
            assert_eq!(threads(&[2000], Kernel::OpenBlas, Precision::F32, 64), 8);
        }
    }
}
