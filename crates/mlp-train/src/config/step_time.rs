//! A model of the time of a step that several processes share. The guide compares it with
//! measurements; it is good to about a factor of two.

use mlp_core::Precision;
use mlp_data::Dataset;

use crate::Plan;

/// Seconds of a thread for a multiply-add of two numbers in single precision, with AVX-512.
const MULTIPLY_ADD: f64 = 1.7e-11;

/// Seconds for each byte of the parameters: the optimizer's step.
const UPDATE: f64 = 4e-10;

/// Seconds for each byte that a process sends and receives, with copying and adding it.
const EXCHANGE: f64 = 1e-9;

/// Seconds for an exchange of any length.
const LATENCY: f64 = 2e-5;

impl Plan {
    /// Estimates how many seconds a step takes if several processes share it, each with this many
    /// threads.
    pub fn step_seconds(&self, train: &Dataset, processes: usize, threads: usize) -> f64 {
        let bytes = match self.config().precision {
            Precision::F32 => 4.0,
            Precision::F64 => 8.0,
        };
        let layers = self.multiply_adds(train);
        let (all, first) = (layers.iter().sum::<f64>(), layers[0]);
        // A forward pass, and the δ below each layer.
        let adversarial = if self.config().adversarial.is_some() { 2.0 * all } else { 0.0 };
        // Forward pass and gradient, and above the first layer the δ below.
        let passes = 3.0 * all - first + adversarial;
        let work = passes * self.config().batch_size as f64 * bytes / 4.0;
        let parameters = bytes * self.architecture().parameters() as f64;
        let alone = work * MULTIPLY_ADD / (processes * threads) as f64 + parameters * UPDATE;
        // Of each layer, a process sends and receives a segment and then its total, to and from all
        // others; and the losses of a batch once.
        let others = (processes - 1) as f64;
        let exchanged = 2.0 * parameters * others / processes as f64;
        alone + exchanged * EXCHANGE + others * (2 * layers.len() + 1) as f64 * LATENCY
    }
}

#[cfg(test)]
mod tests {
    use crate::TrainConfig;

    #[test]
    fn only_long_steps_are_worth_sharing() {
        let data = mlp_data::synthetic::digits(5000, 10, 0).train;
        let gain = |hidden: &[usize], batch_size| {
            let config = TrainConfig { hidden: hidden.to_vec(), batch_size, ..TrainConfig::default() };
            let plan = config.validate(&data).unwrap();
            let seconds = [1, 2].map(|processes| plan.step_seconds(&data, processes, 1));
            seconds[0] / seconds[1]
        };
        assert!(gain(&[100], 100) < 1.0);
        assert!((1.0..1.2).contains(&gain(&[2048, 2048], 256)));
        assert!((1.8..2.0).contains(&gain(&[2048, 2048], 4096)));
    }
}
