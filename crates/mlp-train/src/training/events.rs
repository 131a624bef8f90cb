//! The events that the loop reports, as plain data, and the [`Observer`]s that listen to them.
//! Progress bars, traces and checkpoints are observers; the loop knows none of them.

use serde::{Deserialize, Serialize};

use crate::config::metric::EpochRecord;
use crate::error::Error;

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ending {
    /// All epochs are done.
    Complete,
    /// The monitored metric has not improved for `patience` epochs.
    OutOfPatience,
    /// A record reached the target.
    TargetReached,
    /// The time limit was reached.
    OutOfTime,
    /// An observer stopped it.
    Stopped,
}

/// An event of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Training begins, or is resumed.
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

/// What an observer asks of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// To continue.
    Continue,
    /// To end after this event.
    Stop,
}

/// A listener to the events of a training.
pub trait Observer {
    /// Receives each event, in order, on the thread of the loop.
    ///
    /// # Errors
    /// If the observer cannot do its work: training stops with this error.
    fn observe(&mut self, event: &Event) -> Result<Control, Error>;
}

/// Observes nothing.
impl Observer for () {
    fn observe(&mut self, _event: &Event) -> Result<Control, Error> {
        Ok(Control::Continue)
    }
}

/// Several observers: each receives every event, in order, and any may stop.
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

impl<O: Observer + ?Sized> Observer for &mut O {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        (**self).observe(event)
    }
}

impl<O: Observer> Observer for Option<O> {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        self.as_mut().map_or(Ok(Control::Continue), |observer| observer.observe(event))
    }
}
