//! The messages between the ranks of a sweep. The files of a run follow where the ranks do not
//! share a file system.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::job::Job;

/// A message from the first rank.
#[derive(Serialize, Deserialize)]
pub(super) enum Order {
    /// Prepare for jobs of the sweep in this directory. If its file `FILE` holds the token, the
    /// rank can train there.
    Start { directory: PathBuf, token: String, threads: usize },
    /// Train a run. The files that it has so far follow.
    Train(Box<Job>),
    /// End.
    Stop,
}

/// A message to the first rank.
#[derive(Serialize, Deserialize)]
pub(super) enum Report {
    /// The first message of each rank.
    Hello(Host),
    /// The answer to [`Order::Start`].
    Ready { shares_files: bool },
    /// A run has been trained, or a signal (its name and exit code) ended the training. The files
    /// of the run follow.
    Done { member: usize, ended: Option<String>, left_over: Option<String>, signal: Option<(String, u8)> },
    /// An order failed.
    Failed(String),
}

/// A rank and what it runs on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Host {
    pub(super) program: String,
    pub(super) name: String,
    /// The cores that it may use, and their number.
    pub(super) cores: String,
    pub(super) count: usize,
    /// The processor, if results depend on it.
    pub(super) processor: Option<String>,
}

/// Name of the file that shows whether ranks share a file system.
pub(super) const FILE: &str = ".ranks";
