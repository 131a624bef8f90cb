//! What the loop reports while it runs, as plain data, and who listens. Progress bars, traces, early stopping are
//! observers; the loop knows none of them.

use crate::Error;

/// The result of one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// The loss of a batch, in nats, as the reduction has it: mean over the epoch's batches.
    pub loss: f64,
    /// The share of correct examples of a batch: mean over the epoch's batches.
    pub accuracy: f64,
    /// Wall time of the epoch, shuffling included.
    pub seconds: f64,
}

/// What happens in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Training begins.
    Started {
        /// Epochs of the whole run.
        epochs: usize,
        /// Steps in each of them.
        batches: usize,
        /// Examples that each of them uses.
        examples: usize,
    },
    /// A step has been taken.
    StepDone {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1, within the epoch.
        step: usize,
        /// Examples of this step.
        examples: usize,
    },
    /// An epoch has ended.
    EpochDone(EpochRecord),
    /// Training has ended after the last epoch, or because an observer said so.
    Finished {
        /// Epochs done.
        epochs: usize,
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
