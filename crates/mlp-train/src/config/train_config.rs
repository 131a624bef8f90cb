//! The options of a training run. To add one, add a row to the [`TrainConfig`] table: name, type,
//! default and, for a number, range.

use std::fmt::Display;

#[cfg(doc)]
use mlp_core::OptimizerKind;
use mlp_core::{Activation, Init, Precision, Reduction, StreamKind, named};
use serde::{Deserialize, Serialize};

use crate::{ClassRotation, ConfigError, Kernel, Metric, Target};

/// Maximum number of hidden layers in a model file.
pub(crate) const MAX_HIDDEN_LAYERS: usize = 999;

/// The range of a number: a description and a test.
struct Range<T>(&'static str, fn(T) -> bool);

const FRACTION: Range<f64> = Range("from 0 to below 1", |value| (0.0..1.0).contains(&value));
const SHARE: Range<f64> = Range("from 0 to 1", |value| (0.0..=1.0).contains(&value));
const POSITIVE: Range<f64> = Range("a finite number above 0", |value| value.is_finite() && value > 0.0);
const NOT_NEGATIVE: Range<f64> =
    Range("a finite number, 0 or more", |value| value.is_finite() && value >= 0.0);
const COUNT: Range<usize> = Range("1 or more", |value| value >= 1);
const ANGLE: Range<f64> = Range("degrees from 0 to 180", |value| (0.0..=180.0).contains(&value));
/// Anything shorter is lost in f32, and anything longer leaves nothing of the example.
const DISTANCE: Range<f64> = Range("from 1e-6 to 1e6", |value| (1e-6..=1e6).contains(&value));
/// Knots are closer than pixels below it.
const SMOOTHNESS: Range<f64> = Range("0.5 or more pixels", |value| value.is_finite() && value >= 0.5);
/// Anything much smaller is 0 in f32.
const EPSILON: Range<f64> = Range("1e-30 or more", |value| value.is_finite() && value >= 1e-30);

/// Defines a struct, its `Default` and its range checks from rows of `name: type = default =>
/// range`.
macro_rules! options {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $($(#[$field_meta:meta])* $field:ident: $Type:ty = $default:expr $(=> $range:expr)?,)*
        }
    ) => {
        $(#[$meta])*
        pub struct $Name {
            $($(#[$field_meta])* pub $field: $Type,)*
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $Name {
            fn check_ranges(&self) -> Result<(), ConfigError> {
                $($(check(stringify!($field), self.$field, &$range)?;)?)*
                Ok(())
            }
        }
    };
}

options! {
    /// The options of a training run. The defaults are the chapter's, in single precision and with
    /// the native random stream.
    ///
    /// Options may be added: end a literal with `..TrainConfig::default()`.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct TrainConfig {
        /// Units of each hidden layer; empty for softmax regression.
        hidden: Vec<usize> = vec![100],
        /// Activation function of the hidden layers.
        activation: Activation = Activation::default(),
        /// Distribution of the initial weights.
        init: Init = Init::default(),
        /// Number of epochs.
        epochs: usize = 50,
        /// Examples in a batch.
        batch_size: usize = 100,
        /// Drop the last batch of an epoch if it is incomplete, as in the chapter.
        drop_last: bool = true,
        /// Shuffle blocks of this many consecutive examples, and the examples of every 64 blocks,
        /// instead of all examples: for datasets in files that are read faster in order.
        shuffle_block: Option<usize> = None => COUNT,
        /// Parts of a batch whose gradients are summed, see
        /// [`Workspace::set_shards`](mlp_core::Workspace::set_shards).
        shards: usize = 1 => COUNT,
        /// Learning rate η.
        learning_rate: f64 = 0.01,
        /// Sum (as in the chapter) or mean of a batch's losses.
        loss_reduction: Reduction = Reduction::default(),
        /// Random seed.
        #[serde(with = "seed")]
        seed: u64 = 0,
        /// Random stream for initial weights and shuffling.
        rng: StreamKind = StreamKind::default(),
        /// Floating-point type.
        precision: Precision = Precision::default(),
        /// Matrix kernel.
        kernel: Kernel = Kernel::default(),
        /// Optimizer.
        optimizer: OptimizerName = OptimizerName::default(),
        /// μ of momentum and Nesterov.
        momentum: f64 = 0.9 => FRACTION,
        /// β₁ of Adam.
        beta1: f64 = 0.9 => FRACTION,
        /// β₂ of Adam.
        beta2: f64 = 0.999 => FRACTION,
        /// α of RMSprop.
        rms_decay: f64 = 0.99 => FRACTION,
        /// ε of Adam and RMSprop.
        epsilon: f64 = 1e-8 => EPSILON,
        /// Decoupled weight decay; `None` is 0, and 0.01 with AdamW.
        weight_decay: Option<f64> = None => NOT_NEGATIVE,
        /// Maximum norm of the gradient.
        clip_norm: Option<f64> = None => POSITIVE,
        /// Decay of the exponential moving average of the weights that is evaluated and saved.
        ema_decay: Option<f64> = None => FRACTION,
        /// Learning-rate schedule.
        schedule: ScheduleName = ScheduleName::default(),
        /// Epochs of linear warm-up; may be fractional.
        warmup_epochs: f64 = 0.0 => NOT_NEGATIVE,
        /// Factor of the step, exponential and plateau schedules.
        gamma: f64 = 0.1 => POSITIVE,
        /// Epochs between two drops of the step schedule.
        step_size: usize = 10 => COUNT,
        /// Final rate of the cosine schedule.
        min_learning_rate: f64 = 0.0 => NOT_NEGATIVE,
        /// Share of the steps during which the one-cycle schedule rises.
        pct_start: f64 = 0.3 => SHARE,
        /// Epochs without improvement before the plateau schedule lowers the rate.
        plateau_patience: usize = 5 => COUNT,
        /// Probability of dropping a hidden unit.
        dropout: f64 = 0.0 => FRACTION,
        /// Probability of dropping a non-zero pixel.
        input_dropout: f64 = 0.0 => FRACTION,
        /// Distort the training images at random, anew in each epoch.
        augment: bool = false,
        /// Maximum rotation in degrees. `None` is the default of
        /// [`Augmentation`](mlp_data::Augmentation), here and for the other distortions.
        rotation: Option<f64> = None => ANGLE,
        /// Other maximum rotations for single classes.
        class_rotation: Option<ClassRotation> = None,
        /// Maximum change of width and height, as a share.
        scale: Option<f64> = None => FRACTION,
        /// Maximum horizontal shear in pixels per row.
        shear: Option<f64> = None => NOT_NEGATIVE,
        /// Maximum translation in pixels.
        translate: Option<f64> = None => NOT_NEGATIVE,
        /// Strength α of the elastic deformation in pixels.
        elastic_alpha: Option<f64> = None => NOT_NEGATIVE,
        /// Smoothness σ of the elastic deformation in pixels.
        elastic_sigma: Option<f64> = None => SMOOTHNESS,
        /// Mirror half of the training images left to right.
        flip: bool = false,
        /// Distance by which an [`Adversary`](mlp_core::Adversary) moves each training example.
        adversarial: Option<f64> = None => DISTANCE,
        /// Share of the target spread over all classes.
        label_smoothing: f64 = 0.0 => FRACTION,
        /// Share of the training set held out for validation, stratified by class.
        validation: f64 = 0.0 => FRACTION,
        /// Random seed of the validation split.
        #[serde(with = "seed")]
        split_seed: u64 = 0,
        /// Metric that decides the best model, patience and plateaus; `None` means the validation
        /// loss if there is a validation set, else the training loss.
        monitor: Option<Metric> = None,
        /// Epochs without improvement of the monitored metric before training ends.
        patience: Option<usize> = None => COUNT,
        /// Target at which training ends.
        until: Option<Target> = None,
        /// Wall time in seconds after which training ends; makes a run irreproducible.
        max_seconds: Option<f64> = None => POSITIVE,
    }
}

/// Checks an option if it has a value.
fn check<T: Copy + Display>(
    option: &'static str,
    value: impl Into<Option<T>>,
    range: &Range<T>,
) -> Result<(), ConfigError> {
    match value.into() {
        Some(found) if !range.1(found) => Err(out_of_range(option, found, range.0)),
        _ => Ok(()),
    }
}

pub(crate) fn out_of_range(option: &'static str, found: impl Display, expected: impl Display) -> ConfigError {
    ConfigError::OutOfRange { option, found: found.to_string(), expected: expected.to_string() }
}

/// The learning-rate schedules. η is the configured rate, e the number of whole epochs since the
/// warm-up, p the completed share of the steps after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScheduleName {
    /// η.
    #[default]
    Constant,
    /// η·γ^⌊e/s⌋, with γ = `gamma` and s = `step_size`.
    Step,
    /// η·γ^e.
    Exponential,
    /// η_min + (η-η_min)·(1 + cos πp)/2, with η_min = `min_learning_rate`: Loshchilov and Hutter
    /// 2017, without restarts.
    Cosine,
    /// From η/25 up to η along half a cosine, for the share `pct_start` of the steps, then down to
    /// η/250,000: Smith and Topin 2019, as PyTorch's `OneCycleLR` with constant momentum.
    OneCycle,
    /// η·γ^k after k plateaus of `plateau_patience` epochs without improvement each.
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

/// The optimizers of [`mlp_core::OptimizerKind`] by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OptimizerName {
    /// [`OptimizerKind::Sgd`], the chapter's.
    #[default]
    Sgd,
    /// [`OptimizerKind::Momentum`].
    Momentum,
    /// [`OptimizerKind::Nesterov`].
    Nesterov,
    /// [`OptimizerKind::Adam`].
    Adam,
    /// [`OptimizerKind::Adam`] with a default weight decay of 0.01.
    AdamW,
    /// [`OptimizerKind::RmsProp`].
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

impl TrainConfig {
    /// Checks everything that is independent of the training set.
    ///
    /// # Errors
    /// [`ConfigError`], the first problem.
    pub fn check(&self) -> Result<(), ConfigError> {
        check("epochs", self.epochs, &Range("at least 1", |epochs| epochs >= 1))?;
        check("epochs", self.epochs, &Range("at most 4294967295", |epochs| epochs <= u32::MAX as usize))?;
        // In f32, very small rates are 0 and very large ones infinite.
        let rate = match self.precision {
            Precision::F32 => f64::from(self.learning_rate as f32),
            Precision::F64 => self.learning_rate,
        };
        if !POSITIVE.1(rate) {
            let expected = format!("{} that fits the precision", POSITIVE.0);
            return Err(out_of_range("learning_rate", self.learning_rate, expected));
        }
        self.check_ranges()?;
        self.check_augmentation()?;
        if self.schedule == ScheduleName::OneCycle && self.warmup_epochs > 0.0 {
            return Err(ConfigError::CycleAndWarmUp);
        }
        if let Some(layer) = self.hidden.iter().position(|&units| units == 0) {
            return Err(ConfigError::NoUnits { layer: layer + 1 });
        }
        if self.hidden.len() > MAX_HIDDEN_LAYERS {
            return Err(ConfigError::TooDeep { found: self.hidden.len(), most: MAX_HIDDEN_LAYERS });
        }
        self.rng.seeded(self.seed)?;
        Ok(())
    }

    /// Returns the metric that decides the best model, patience and plateaus.
    pub fn monitored(&self, has_validation: bool) -> Metric {
        let default = if has_validation { Metric::ValidationLoss } else { Metric::TrainLoss };
        self.monitor.unwrap_or(default)
    }
}

/// Seeds in files: numbers, or strings if too large for a TOML integer.
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
                serde::de::Error::custom(format!("`{text}` is not a seed; expected 0 to {}", u64::MAX))
            }),
        }
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
    fn invalid_options_are_errors_of_one_line() {
        assert_eq!(error(|c| c.epochs = 0), "epochs is 0; expected at least 1");
        assert_eq!(
            error(|c| c.batch_size = 0),
            "batch size is 0; expected 1 to 250, the number of training examples"
        );
        assert_eq!(
            error(|c| c.batch_size = 251),
            "batch size is 251; expected 1 to 250, the number of training examples"
        );
        assert_eq!(error(|c| c.shards = 0), "shards is 0; expected 1 or more");
        assert_eq!(error(|c| c.shards = 101), "shards is 101; expected at most 100, the batch size");
        // In f32, the last two are 0 and infinity.
        for rate in [f64::NAN, f64::INFINITY, 0.0, -0.1, 1e-46, 1e39] {
            let expected =
                format!("learning rate is {rate}; expected a finite number above 0 that fits the precision");
            assert_eq!(error(|c| c.learning_rate = rate), expected);
        }
        assert_eq!(
            error(|c| c.hidden = vec![10, 0]),
            "hidden layer 2 has 0 units; expected at least 1 (or remove the layer)"
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
    fn files_and_flags_use_the_same_names() {
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
    fn a_configuration_survives_json_but_a_misspelled_field_is_an_error() {
        let config = TrainConfig { hidden: vec![30, 20], seed: u64::MAX, ..TrainConfig::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&json).unwrap(), config);
        let error = serde_json::from_str::<TrainConfig>(r#"{"learningrate": 1.0}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `learningrate`"));
    }
}
