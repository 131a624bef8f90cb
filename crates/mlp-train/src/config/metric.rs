//! The record of an epoch, and the metrics in it: for the best model, early stopping, plateaus and
//! targets.

use std::fmt;
use std::str::FromStr;

use mlp_core::named;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::error::ConfigError;

/// The evaluation of a network on a set of examples, in two numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The loss, in nats, on the scale of a training batch: as the reduction has it for one of the
    /// batch size.
    pub loss: f64,
    /// The share of correct predictions.
    pub accuracy: f64,
}

/// The record of one epoch. More fields will come: end a literal with `..EpochRecord::default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// The mean loss of the epoch's batches, in nats, each before its step.
    pub loss: f64,
    /// The mean accuracy of the epoch's batches.
    pub accuracy: f64,
    /// On the validation set, after the epoch.
    pub validation: Option<Outcome>,
    /// On the test set, after the epoch, where a metric asks for it.
    pub test: Option<Outcome>,
    /// Wall time of the epoch, with shuffling and evaluation; the only field that differs from run
    /// to run.
    pub seconds: f64,
}

/// A metric: one number of each epoch's record.
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
    /// The loss on the test set after the epoch. Whoever selects a model by it no longer has a test
    /// set.
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
    /// Its value in a record; `None` if there was no such set.
    pub fn of(self, record: &EpochRecord) -> Option<f64> {
        match self {
            Self::TrainLoss => Some(record.loss),
            Self::TrainAccuracy => Some(record.accuracy),
            Self::ValidationLoss => record.validation.map(|result| result.loss),
            Self::ValidationAccuracy => record.validation.map(|result| result.accuracy),
            Self::TestLoss => record.test.map(|result| result.loss),
            Self::TestAccuracy => record.test.map(|result| result.accuracy),
        }
    }

    /// Whether larger is better.
    pub fn rises(self) -> bool {
        matches!(self, Self::TrainAccuracy | Self::ValidationAccuracy | Self::TestAccuracy)
    }

    /// Whether `value` is better than `best`; NaN never is.
    pub fn is_better(self, value: f64, best: f64) -> bool {
        if self.rises() { value > best } else { value < best }
    }

    /// Whether it is taken on the validation set.
    pub fn needs_validation(self) -> bool {
        matches!(self, Self::ValidationLoss | Self::ValidationAccuracy)
    }

    /// Whether it is taken on the test set.
    pub fn needs_test(self) -> bool {
        matches!(self, Self::TestLoss | Self::TestAccuracy)
    }
}

/// A metric and a value at which training may end: `test-accuracy=0.98`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The metric.
    pub metric: Metric,
    /// The value that it has to reach.
    pub value: f64,
}

impl Target {
    /// Whether a record reaches it.
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
        let wrong = || ConfigError::Target { found: text.to_owned() };
        let (metric, value) = text.split_once('=').ok_or_else(wrong)?;
        let value: f64 = value.parse().map_err(|_| wrong())?;
        if value.is_nan() {
            return Err(wrong());
        }
        Ok(Self { metric: metric.parse().map_err(|_| wrong())?, value })
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
    fn what_is_no_target_is_refused_with_an_example() {
        for text in ["", "accuracy", "accuracy=0.9", "test-accuracy=x", "test-accuracy=nan"] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no target; expected")), "{error}");
        }
    }
}
