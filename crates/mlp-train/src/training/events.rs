//! What the loop reports while it runs, as plain data, and who listens. Progress bars, traces, early stopping are
//! observers; the loop knows none of them.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How well the network does on a set of examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The loss, in nats, on the scale of a training batch: as the reduction has it for one of the batch size.
    pub loss: f64,
    /// The share of examples that are right.
    pub accuracy: f64,
}

/// The result of one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// The loss of a batch, in nats, as the reduction has it: mean over the epoch's batches, each before its step.
    pub loss: f64,
    /// The share of correct examples of a batch: mean over the epoch's batches.
    pub accuracy: f64,
    /// On the validation set, after the epoch.
    pub validation: Option<Outcome>,
    /// On the test set, after the epoch, where a metric asks for it.
    pub test: Option<Outcome>,
    /// Wall time of the epoch, shuffling and evaluation included. Of all these only this one differs from run to run.
    pub seconds: f64,
}

/// Why a training has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All epochs are done.
    Complete,
    /// The monitored metric had not become better for as many epochs as patience allows.
    OutOfPatience,
    /// A record reached the target.
    TargetReached,
    /// The time was up.
    OutOfTime,
    /// An observer said so.
    Stopped,
}

/// What happens in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Training begins, or goes on.
    Started {
        /// Epochs of the whole run.
        epochs: usize,
        /// Steps in each of them.
        batches: usize,
        /// Examples that each of them uses.
        examples: usize,
        /// Epochs that were done before.
        done: usize,
    },
    /// A step has been taken.
    StepDone {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1, within the epoch.
        step: usize,
        /// Examples of this step.
        examples: usize,
        /// The loss of its batch, before it.
        loss: f64,
        /// Its learning rate.
        learning_rate: f64,
    },
    /// An epoch has ended.
    EpochDone(EpochRecord),
    /// Training has ended.
    Finished {
        /// Epochs done.
        epochs: usize,
        /// Why.
        ending: Ending,
    },
}

/// Whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// It does.
    Continue,
    /// It ends after this event.
    Stop,
}

/// Somebody who wants to know.
pub trait Observer {
    /// Is told what has just happened, in order, on the thread of the loop.
    ///
    /// # Errors
    /// If the observer cannot do its work: training stops with this error.
    fn observe(&mut self, event: &Event) -> Result<Control, Error>;
}

/// Nobody.
impl Observer for () {
    fn observe(&mut self, _event: &Event) -> Result<Control, Error> {
        Ok(Control::Continue)
    }
}

/// Several, told in order; all are told, and any may stop.
impl Observer for [&mut dyn Observer] {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        let mut control = Control::Continue;
        for observer in self.iter_mut() {
            if observer.observe(event)? == Control::Stop {
                control = Control::Stop;
            }
        }
        Ok(control)
    }
}
