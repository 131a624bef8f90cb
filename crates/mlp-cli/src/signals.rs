//! SIGINT and SIGTERM. After the first signal the program finishes its step and saves; a second one
//! ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use mlp_train::{Control, Error, Event, Observer};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Records SIGINT and SIGTERM. As an observer, stops the training after one.
#[derive(Clone, Debug)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Installs the signal handlers.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (heard, is_second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the shutdown must see the flag before this signal sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_second))
                .and_then(|_| flag::register(signal, Arc::clone(&is_second)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&heard), signal as usize))
                .context("cannot listen for signals")?;
        }
        Ok(Self(heard))
    }

    /// The name of the signal received, if any, and its exit code.
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
