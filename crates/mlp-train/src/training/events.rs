//! The events of the loop, as plain data, and the [`Observer`]s that receive them, such as progress
//! bars and traces.

use serde::{Deserialize, Serialize};

use crate::{EpochRecord, Error};

/// The reason why training ended.
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
    /// An observer asked to stop.
    Stopped,
}

/// An event of the training loop.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Training starts or resumes.
    Started {
        /// Epochs of the whole run.
        epochs: usize,
        /// Steps per epoch.
        batches: usize,
        /// Examples per epoch.
        examples: usize,
        /// Epochs already completed.
        done: usize,
    },
    /// A step has been taken.
    StepDone {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1, within the epoch.
        step: usize,
        /// Examples in the batch.
        examples: usize,
        /// Loss of the batch before the step.
        loss: f64,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// An epoch has ended.
    EpochDone(EpochRecord),
    /// Training has ended.
    Finished {
        /// Epochs completed.
        epochs: usize,
        /// Why it ended.
        ending: Ending,
    },
}

/// An observer's answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Continue training.
    Continue,
    /// Stop after this event.
    Stop,
}

/// A receiver of training events.
pub trait Observer {
    /// Receives each event, in order, on the thread of the loop.
    ///
    /// # Errors
    /// Stop the training.
    fn observe(&mut self, event: &Event) -> Result<Control, Error>;
}

/// Ignores every event.
impl Observer for () {
    fn observe(&mut self, _event: &Event) -> Result<Control, Error> {
        Ok(Control::Continue)
    }
}

/// Each observer receives every event, in order; any of them can stop the training.
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
