//! The result of a run.

use serde::{Deserialize, Serialize};

use crate::config::metric::{Metric, Outcome};
use crate::training::events::Ending;

/// The result of a run, as `result.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunResult {
    /// The state that it ended in.
    pub status: Status,
    /// Why it ended, if it did not fail.
    pub ending: Option<Ending>,
    /// Epochs done.
    pub epochs: usize,
    /// Wall time of these epochs.
    pub seconds: f64,
    /// The last network on the test set, where there is one and the training is complete.
    pub test: Option<Outcome>,
    /// The best epoch, where the best network is kept.
    pub best: Option<Best>,
    /// The error of a run that diverged.
    pub message: Option<String>,
}

/// The state in which a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// All is done.
    Complete,
    /// It was stopped, and can be resumed.
    Interrupted,
    /// A loss was infinite or not a number.
    Diverged,
}

/// The best epoch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Best {
    /// Counted from 1.
    pub epoch: usize,
    /// The metric that it is the best by.
    pub metric: Metric,
    /// The metric's value.
    pub value: f64,
    /// The network of that epoch on the test set, as [`RunResult::test`].
    pub test: Option<Outcome>,
}
