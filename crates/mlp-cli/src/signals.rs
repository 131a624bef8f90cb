//! Signals that ask the program to end: the first one lets it finish what it is doing and save, a
//! second one ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use mlp_train::{Control, Error, Event, Observer};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Hears SIGINT and SIGTERM. As an observer it stops the training.
#[derive(Clone, Debug)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// From now on signals are heard.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (heard, is_second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal must find the flag as it was.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_second))
                .and_then(|_| flag::register(signal, Arc::clone(&is_second)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&heard), signal as usize))
                .context("cannot listen for signals")?;
        }
        Ok(Self(heard))
    }

    /// The signal's name, and the exit code that it asks for.
    pub(crate) fn heard(&self) -> Option<(&'static str, u8)> {
        match self.0.load(Ordering::Relaxed) as i32 {
            SIGINT => Some(("SIGINT", 130)),
            SIGTERM => Some(("SIGTERM", 143)),
            _ => None,
        }
    }
}

impl Observer for Signals {
    fn observe(&mut self, _: &Event) -> Result<Control, Error> {
        Ok(if self.heard().is_some() { Control::Stop } else { Control::Continue })
    }
}
