//! The contents of `result.json`.

use serde::{Deserialize, Serialize};

use crate::{Ending, Metric, Outcome};

/// The result of a run, stored in `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunResult {
    /// State in which it ended.
    pub status: Status,
    /// Why it ended; `None` if it diverged.
    pub ending: Option<Ending>,
    /// Completed epochs.
    pub epochs: usize,
    /// Wall time of these epochs.
    pub seconds: f64,
    /// The last network on the test set, if there is one and training is complete.
    pub test: Option<Outcome>,
    /// The best epoch, if the best network is kept.
    pub best: Option<Best>,
    /// Error of a diverged run.
    pub message: Option<String>,
}

/// The state in which a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Training is complete.
    Complete,
    /// It was stopped and can be resumed.
    Interrupted,
    /// A loss was infinite or NaN.
    Diverged,
}

/// The best epoch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Best {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Monitored metric.
    pub metric: Metric,
    /// Value of the metric.
    pub value: f64,
    /// The network of that epoch on the test set; see [`RunResult::test`].
    pub test: Option<Outcome>,
}
