//! Epoch records and the metrics in them, which decide the best model, early stopping and plateaus.

use std::fmt;
use std::str::FromStr;

use mlp_core::named;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ConfigError;

/// Loss and accuracy on a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Loss in nats, scaled to one training batch by the loss reduction.
    pub loss: f64,
    /// Share of correct predictions.
    pub accuracy: f64,
}

/// The record of one epoch. Fields may be added: end a literal with `..EpochRecord::default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss of the epoch's batches in nats, each taken before its step.
    pub loss: f64,
    /// Mean accuracy of the epoch's batches.
    pub accuracy: f64,
    /// Evaluation on the validation set after the epoch.
    pub validation: Option<Outcome>,
    /// Evaluation on the test set after the epoch, if a metric needs it.
    pub test: Option<Outcome>,
    /// Wall time, including shuffling and evaluation. The only field that differs between runs.
    pub seconds: f64,
}

/// One number of each epoch's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Metric {
    /// The mean loss of the epoch's batches.
    TrainLoss,
    /// The mean accuracy of the epoch's batches.
    TrainAccuracy,
    /// The loss on the validation set after the epoch.
    ValidationLoss,
    /// The accuracy on the validation set after the epoch.
    ValidationAccuracy,
    /// The loss on the test set after the epoch. A set that selects the model no longer tests it.
    TestLoss,
    /// The accuracy on the test set after the epoch; see [`Metric::TestLoss`].
    TestAccuracy,
}

named!(
    Metric,
    "metric",
    TrainLoss => "train-loss",
    TrainAccuracy => "train-accuracy",
    ValidationLoss => "validation-loss",
    ValidationAccuracy => "validation-accuracy",
    TestLoss => "test-loss",
    TestAccuracy => "test-accuracy",
);

impl Metric {
    /// Returns the value in a record; `None` if that set was not evaluated.
    pub fn of(self, record: &EpochRecord) -> Option<f64> {
        match self {
            Self::TrainLoss => Some(record.loss),
            Self::TrainAccuracy => Some(record.accuracy),
            Self::ValidationLoss => record.validation.map(|set| set.loss),
            Self::ValidationAccuracy => record.validation.map(|set| set.accuracy),
            Self::TestLoss => record.test.map(|set| set.loss),
            Self::TestAccuracy => record.test.map(|set| set.accuracy),
        }
    }

    /// Returns whether larger is better.
    pub fn rises(self) -> bool {
        matches!(self, Self::TrainAccuracy | Self::ValidationAccuracy | Self::TestAccuracy)
    }

    /// Returns whether `value` is better than `best`; NaN never is.
    pub fn is_better(self, value: f64, best: f64) -> bool {
        if self.rises() { value > best } else { value < best }
    }

    /// Returns whether it needs a validation set.
    pub fn needs_validation(self) -> bool {
        matches!(self, Self::ValidationLoss | Self::ValidationAccuracy)
    }

    /// Returns whether it needs a test set.
    pub fn needs_test(self) -> bool {
        matches!(self, Self::TestLoss | Self::TestAccuracy)
    }
}

/// A metric and the value at which training ends: `test-accuracy=0.98`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The metric.
    pub metric: Metric,
    /// The value to reach.
    pub value: f64,
}

impl Target {
    /// Returns whether a record reaches it.
    pub fn is_reached(&self, record: &EpochRecord) -> bool {
        let found = self.metric.of(record);
        found.is_some_and(|found| found == self.value || self.metric.is_better(found, self.value))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.metric, self.value)
    }
}

impl FromStr for Target {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parse = || {
            let (metric, value) = text.split_once('=')?;
            Some(Self { metric: metric.parse().ok()?, value: value.parse().ok()? })
        };
        let target = parse().filter(|target| !target.value.is_nan());
        target.ok_or_else(|| ConfigError::Target { found: text.to_owned() })
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_reached_at_its_value_and_beyond() {
        let record =
            |accuracy, loss| EpochRecord { test: Some(Outcome { loss, accuracy }), ..EpochRecord::default() };
        let target: Target = "test-accuracy=0.98".parse().unwrap();
        assert_eq!([0.979, 0.98, 0.99].map(|a| target.is_reached(&record(a, 1.0))), [false, true, true]);
        let target: Target = "test-loss=0.5".parse().unwrap();
        assert_eq!(
            [0.6, 0.5, 0.4, f64::NAN].map(|l| target.is_reached(&record(1.0, l))),
            [false, true, true, false]
        );
        assert!(!target.is_reached(&EpochRecord::default()), "there was no test set");
        assert_eq!(target.to_string().parse(), Ok(target));
    }

    #[test]
    fn an_invalid_target_is_an_error_with_an_example() {
        for text in ["", "accuracy", "accuracy=0.9", "test-accuracy=x", "test-accuracy=nan"] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not a target; expected")), "{error}");
        }
    }
}
