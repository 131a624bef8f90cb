//! The choices of a training run, [`TrainConfig`], as flags and files give them, and what may be wrong with them.

#[cfg(doc)]
use mlp_core::Rule;
use mlp_core::{Activation, Architecture, Init, Precision, Reduction, StreamKind, named};
use mlp_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::config::kernel::Kernel;
use crate::config::metric::{Metric, Target};
use crate::config::plan::Plan;
use crate::config::schedule::ScheduleName;
use crate::error::ConfigError;

/// With the output layer, what a model file takes.
pub(crate) const MAX_HIDDEN_LAYERS: usize = 999;

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
    #[serde(with = "seed")]
    pub seed: u64,
    /// Which random stream draws the first parameters and the shuffles.
    pub rng: StreamKind,
    /// The floating-point type.
    pub precision: Precision,
    /// How the images go through the network.
    pub kernel: Kernel,
    /// How a gradient becomes a step.
    pub optimizer: OptimizerName,
    /// μ of momentum and of Nesterov's.
    pub momentum: f64,
    /// β₁ of Adam.
    pub beta1: f64,
    /// β₂ of Adam.
    pub beta2: f64,
    /// α of RMSprop.
    pub rms_decay: f64,
    /// ε of Adam and RMSprop.
    pub epsilon: f64,
    /// Decoupled decay of the weights; none is 0, and 0.01 with AdamW.
    pub weight_decay: Option<f64>,
    /// The most that the gradient's norm may be.
    pub clip_norm: Option<f64>,
    /// The decay of the weights' moving average, which is then the network that is evaluated and kept.
    pub average: Option<f64>,
    /// How the learning rate changes.
    pub schedule: ScheduleName,
    /// Epochs of linear warm-up; parts of epochs too.
    pub warmup_epochs: f64,
    /// What the schedules step, exponential and plateau multiply the rate by.
    pub gamma: f64,
    /// Epochs between two steps of the schedule step.
    pub step_size: usize,
    /// Where the schedule cosine ends.
    pub min_learning_rate: f64,
    /// The share of the steps for which the schedule one-pct starts.
    pub pct_start: f64,
    /// Epochs without a better value of the monitored metric that the schedule plateau takes for a plateau.
    pub plateau_patience: usize,
    /// The probability with which a hidden unit is left out of an example.
    pub dropout: f64,
    /// The probability with which a pixel that is not zero is left out of an example.
    pub input_dropout: f64,
    /// The share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// The share of the training set that is set apart for validation, of each class the same.
    pub validation: f64,
    /// Which examples are set apart.
    #[serde(with = "seed")]
    pub split_seed: u64,
    /// What the best model, patience and plateaus go by; none is the validation loss where there is a validation set, and the training
    /// loss elsewhere.
    pub monitor: Option<Metric>,
    /// Epochs without a better value of the monitored metric after which training ends.
    pub patience: Option<usize>,
    /// Where training ends, if it gets there.
    pub until: Option<Target>,
    /// The wall time in seconds after which training ends. A run that it has ended is not the same on another machine.
    pub max_seconds: Option<f64>,
}

/// Seeds in files: numbers, or in quotation marks those that TOML's numbers are too small for.
mod seed {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a seed, a number from 0 to 18446744073709551615")]
    enum Seed {
        Number(u64),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        if i64::try_from(*seed).is_ok() {
            serializer.serialize_u64(*seed)
        } else {
            serializer.collect_str(seed)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Seed::deserialize(deserializer)? {
            Seed::Number(seed) => Ok(seed),
            Seed::Text(text) => text.parse().map_err(|_| {
                serde::de::Error::custom(format!(
                    "`{text}` is no seed; expected a number from 0 to {}",
                    u64::MAX
                ))
            }),
        }
    }
}

/// The rules of [`mlp_core::Rule`] by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// [`Rule::Sgd`], the chapter's.
    #[default]
    Sgd,
    /// [`Rule::Momentum`].
    Momentum,
    /// [`Rule::Nesterov`].
    Nesterov,
    /// [`Rule::Adam`].
    Adam,
    /// [`Rule::Adam`] with a weight decay of 0.01, if no other is given.
    AdamW,
    /// [`Rule::RmsProp`].
    RmsProp,
}

named!(
    OptimizerName,
    "optimizer",
    Sgd => "sgd",
    Momentum => "momentum",
    Nesterov => "nesterov",
    Adam => "adam",
    AdamW => "adamw",
    RmsProp => "rmsprop",
);

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
            optimizer: OptimizerName::default(),
            momentum: 0.9,
            beta1: 0.9,
            beta2: 0.999,
            rms_decay: 0.99,
            epsilon: 1e-8,
            weight_decay: None,
            clip_norm: None,
            average: None,
            schedule: ScheduleName::default(),
            warmup_epochs: 0.0,
            gamma: 0.1,
            step_size: 10,
            min_learning_rate: 0.0,
            pct_start: 0.3,
            plateau_patience: 5,
            dropout: 0.0,
            input_dropout: 0.0,
            label_smoothing: 0.0,
            validation: 0.0,
            split_seed: 0,
            monitor: None,
            patience: None,
            until: None,
            max_seconds: None,
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
        self.check_numbers()?;
        if let Some(layer) = self.hidden.iter().position(|&units| units == 0) {
            return Err(ConfigError::NoUnits { layer: layer + 1 });
        }
        if self.hidden.len() > MAX_HIDDEN_LAYERS {
            return Err(ConfigError::TooDeep { found: self.hidden.len(), most: MAX_HIDDEN_LAYERS });
        }
        self.rng.seeded(self.seed)?;
        Ok(())
    }

    /// Checks what has to lie in a range.
    fn check_numbers(&self) -> Result<(), ConfigError> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        const SHARE: &str = "from 0 to below 1";
        const POSITIVE: &str = "a finite number above 0";
        const NOT_NEGATIVE: &str = "a finite number from 0 on";
        let ranges = [
            ("momentum", self.momentum, share(self.momentum), SHARE),
            ("beta1", self.beta1, share(self.beta1), SHARE),
            ("beta2", self.beta2, share(self.beta2), SHARE),
            ("rms decay", self.rms_decay, share(self.rms_decay), SHARE),
            // In f32 anything smaller is 0.
            ("epsilon", self.epsilon, self.epsilon >= 1e-30 && self.epsilon.is_finite(), "1e-30 or more"),
            ("weight decay", self.decay(), not_negative(self.decay()), NOT_NEGATIVE),
            ("clip norm", self.clip_norm.unwrap_or(1.0), self.clip_norm.is_none_or(positive), POSITIVE),
            ("average", self.average.unwrap_or(0.5), self.average.is_none_or(share), SHARE),
            ("warm-up epochs", self.warmup_epochs, not_negative(self.warmup_epochs), NOT_NEGATIVE),
            ("gamma", self.gamma, positive(self.gamma), POSITIVE),
            ("min learning rate", self.min_learning_rate, not_negative(self.min_learning_rate), NOT_NEGATIVE),
            ("pct start", self.pct_start, (0.0..=1.0).contains(&self.pct_start), "from 0 to 1"),
            ("dropout", self.dropout, share(self.dropout), SHARE),
            ("input dropout", self.input_dropout, share(self.input_dropout), SHARE),
            ("label smoothing", self.label_smoothing, share(self.label_smoothing), SHARE),
            ("validation", self.validation, share(self.validation), SHARE),
            ("max seconds", self.max_seconds.unwrap_or(1.0), self.max_seconds.is_none_or(positive), POSITIVE),
        ];
        if let Some(&(what, found, _, expected)) = ranges.iter().find(|(_, _, is_right, _)| !is_right) {
            return Err(ConfigError::OutOfRange { what, found, expected });
        }
        for (what, count) in [
            ("step size", self.step_size),
            ("plateau patience", self.plateau_patience),
            ("patience", self.patience.unwrap_or(1)),
        ] {
            if count == 0 {
                return Err(ConfigError::OutOfRange { what, found: 0.0, expected: "1 or more" });
            }
        }
        if self.schedule == ScheduleName::OneCycle && self.warmup_epochs > 0.0 {
            return Err(ConfigError::CycleAndWarmUp);
        }
        Ok(())
    }

    /// The weight decay, given or not.
    pub(crate) fn decay(&self) -> f64 {
        let default = if self.optimizer == OptimizerName::AdamW { 0.01 } else { 0.0 };
        self.weight_decay.unwrap_or(default)
    }

    /// The metric that the best model, patience and plateaus go by.
    pub fn monitored(&self, has_validation: bool) -> Metric {
        let default = if has_validation { Metric::ValidationLoss } else { Metric::TrainLoss };
        self.monitor.unwrap_or(default)
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
        // Kept as resolved: on another machine, or in another build, `auto` may stand for something else.
        let kernel = self.kernel.resolve(train)?;
        Ok(Plan::new(Self { kernel, ..self }, architecture, examples))
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
    fn a_configuration_survives_json_and_a_misspelled_field_does_not() {
        let config = TrainConfig { hidden: vec![30, 20], seed: u64::MAX, ..TrainConfig::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&json).unwrap(), config);
        let error = serde_json::from_str::<TrainConfig>(r#"{"learningrate": 1.0}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `learningrate`"));
    }
}
