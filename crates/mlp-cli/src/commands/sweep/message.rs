//! The messages between the ranks of a sweep: JSON, followed by the files of a run where the ranks
//! do not share a file system.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use mlp_train::mpi::Ranks;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::job::Job;

/// How long to sleep when there is no message: waiting in MPI would keep a core busy.
const PAUSE: Duration = Duration::from_millis(1);

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
    /// The processor, where results depend on it.
    pub(super) processor: String,
}

/// Name of the file that shows whether ranks share a file system.
pub(super) const FILE: &str = ".ranks";

/// Sends a message with the files of a run.
pub(super) fn send(ranks: &dyn Ranks, to: usize, message: &impl Serialize, files: &[u8]) {
    let json = serde_json::to_vec(message).expect("plain data");
    let length = (json.len() as u64).to_le_bytes();
    ranks.send(to, &[&length, &*json, files].concat());
}

/// Receives a message with its sender and the files of a run, if there is one.
pub(super) fn poll<M: DeserializeOwned>(ranks: &dyn Ranks) -> Option<anyhow::Result<(usize, M, Vec<u8>)>> {
    let (from, mut bytes) = ranks.poll()?;
    let mut parse = || -> anyhow::Result<_> {
        let length = *bytes.first_chunk().context("it is too short")?;
        let end = usize::try_from(u64::from_le_bytes(length))?.saturating_add(length.len());
        let json = bytes.get(length.len()..end).context("it is too short")?;
        let message = serde_json::from_slice(json)?;
        bytes.drain(..end);
        Ok((from, message, std::mem::take(&mut bytes)))
    };
    Some(parse().with_context(|| format!("cannot read the message of rank {from}")))
}

/// Waits for a message.
pub(super) fn receive<M: DeserializeOwned>(ranks: &dyn Ranks) -> anyhow::Result<(usize, M, Vec<u8>)> {
    loop {
        match poll(ranks) {
            Some(received) => return received,
            None => pause(),
        }
    }
}

/// Sleeps until it is worth looking for messages again.
pub(super) fn pause() {
    std::thread::sleep(PAUSE);
}
