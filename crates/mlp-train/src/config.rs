//! What a training run is made of: [`TrainConfig`], as flags and files give it, and [`Plan`], the same after validation.
//! The loop takes a plan, so that it never meets a batch of 0 or a learning rate of NaN.

use mlp_core::{Activation, Architecture, Init, Precision, Reduction, StreamKind};
use mlp_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::kernel::Kernel;

/// With the output layer, what a model file takes.
pub(crate) const MOST_HIDDEN_LAYERS: usize = 999;

/// Every choice of a training run. The defaults are the chapter's, in single precision and on the native stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Units of each hidden layer; empty for softmax regression.
    pub hidden: Vec<usize>,
    /// The non-linearity of the hidden layers.
    pub activation: Activation,
    /// The distribution of the first parameters.
    pub init: Init,
    /// Passes over the training set.
    pub epochs: usize,
    /// Examples of a step.
    pub batch_size: usize,
    /// Whether the examples left over when `batch_size` does not divide the set make a last, smaller batch; the chapter
    /// drops them.
    pub keep_remainder: bool,
    /// The step along the negative gradient.
    pub learning_rate: f64,
    /// How the losses of a batch become one: the chapter sums them.
    pub loss_reduction: Reduction,
    /// Of the random stream.
    pub seed: u64,
    /// Which random stream draws the first parameters and the shuffles.
    pub rng: StreamKind,
    /// The floating-point type.
    pub precision: Precision,
    /// How the images go through the network.
    pub kernel: Kernel,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            hidden: vec![100],
            activation: Activation::default(),
            init: Init::default(),
            epochs: 50,
            batch_size: 100,
            keep_remainder: false,
            learning_rate: 0.01,
            loss_reduction: Reduction::default(),
            seed: 0,
            rng: StreamKind::default(),
            precision: Precision::default(),
            kernel: Kernel::default(),
        }
    }
}

impl TrainConfig {
    /// Checks what can be checked without the training set.
    ///
    /// # Errors
    /// [`ConfigError`], the first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.epochs == 0 {
            return Err(ConfigError::NoEpochs);
        }
        if self.epochs > u32::MAX as usize {
            return Err(ConfigError::Epochs { found: self.epochs });
        }
        // As the network will see it: too small a rate is 0 in f32, too large a one infinite.
        let rate = match self.precision {
            Precision::F32 => f64::from(self.learning_rate as f32),
            Precision::F64 => self.learning_rate,
        };
        if !(rate.is_finite() && rate > 0.0) {
            return Err(ConfigError::LearningRate { found: self.learning_rate });
        }
        if let Some(layer) = self.hidden.iter().position(|&units| units == 0) {
            return Err(ConfigError::NoUnits { layer: layer + 1 });
        }
        if self.hidden.len() > MOST_HIDDEN_LAYERS {
            return Err(ConfigError::TooDeep { found: self.hidden.len(), most: MOST_HIDDEN_LAYERS });
        }
        self.rng.seeded(self.seed)?;
        Ok(())
    }

    /// Checks the choices, and that they go with the training set.
    ///
    /// # Errors
    /// [`ConfigError`], the first thing that is wrong.
    pub fn validate(self, train: &Dataset) -> Result<Plan, ConfigError> {
        self.check()?;
        let examples = train.len();
        if self.batch_size == 0 || self.batch_size > examples {
            return Err(ConfigError::BatchSize { found: self.batch_size, examples });
        }
        let architecture = Architecture {
            inputs: train.pixels(),
            hidden: self.hidden.clone(),
            outputs: train.classes(),
            activation: self.activation,
        };
        architecture.validate()?;
        let kernel = self.kernel.resolve(train)?;
        Ok(Plan { config: self, architecture, examples, kernel })
    }
}

/// A configuration that has been checked against its training set.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    config: TrainConfig,
    architecture: Architecture,
    examples: usize,
    kernel: Kernel,
}

impl Plan {
    /// The choices.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The network's sizes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How the images go through the network: what is chosen, or what `Auto` stands for.
    pub fn kernel(&self) -> Kernel {
        self.kernel
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

    fn error(change: impl FnOnce(&mut TrainConfig)) -> String {
        let data = mlp_data::synthetic::digits(250, 10, 0);
        let mut config = TrainConfig::default();
        change(&mut config);
        config.validate(&data.train).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_in_one_line() {
        assert_eq!(error(|c| c.epochs = 0), "epochs is 0; expected at least 1");
        assert_eq!(
            error(|c| c.batch_size = 0),
            "batch size is 0; expected 1 to 250, the number of training examples"
        );
        assert_eq!(
            error(|c| c.batch_size = 251),
            "batch size is 251; expected 1 to 250, the number of training examples"
        );
        // The last two are 0 and infinity in f32.
        for rate in [f64::NAN, f64::INFINITY, 0.0, -0.1, 1e-46, 1e39] {
            let expected = format!(
                "learning rate is {rate}; expected a finite number above 0 that the precision can hold"
            );
            assert_eq!(error(|c| c.learning_rate = rate), expected);
        }
        assert_eq!(
            error(|c| c.hidden = vec![10, 0]),
            "hidden layer 2 has 0 units; expected at least 1 (leave the layer out to have none)"
        );
        assert_eq!(error(|c| c.epochs = usize::MAX).split("expected").last(), Some(" at most 4294967295"));
        assert_eq!(error(|c| c.hidden = vec![1; 1000]), "1000 hidden layers; expected at most 999");
        assert!(
            error(|c| c.hidden = vec![usize::MAX])
                .contains("weights is too large; expected at most 268435456 parameters")
        );
        assert!(
            error(|c| (c.rng, c.seed) = (StreamKind::Numpy, 1 << 32))
                .contains("too large for the numpy stream")
        );
    }

    #[test]
    fn the_remainder_is_dropped_or_kept() {
        let data = mlp_data::synthetic::digits(250, 10, 0);
        let plan = |keep_remainder| {
            TrainConfig { keep_remainder, ..TrainConfig::default() }.validate(&data.train).unwrap()
        };
        assert_eq!((plan(false).batches(), plan(false).examples_per_epoch()), (2, 200));
        assert_eq!((plan(true).batches(), plan(true).examples_per_epoch()), (3, 250));
    }

    fn json(value: impl Serialize) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn names_in_files_are_the_names_in_flags() {
        for activation in Activation::ALL {
            assert_eq!(json(activation), activation.name());
        }
        for init in Init::ALL {
            assert_eq!(json(init), init.name());
        }
        for kind in StreamKind::ALL {
            assert_eq!(json(kind), kind.name());
        }
        for (reduction, precision) in Reduction::ALL.into_iter().zip(Precision::ALL) {
            assert_eq!([json(reduction), json(precision)], [reduction.name(), precision.name()]);
        }
    }

    #[test]
    fn a_configuration_survives_json_and_a_misspelt_field_does_not() {
        let config = TrainConfig { hidden: vec![30, 20], seed: u64::MAX, ..TrainConfig::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&json).unwrap(), config);
        let error = serde_json::from_str::<TrainConfig>(r#"{"learningrate": 1.0}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `learningrate`"));
    }
}
