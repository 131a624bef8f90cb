//! SIGINT, SIGTERM and SIGHUP. After the first signal, the program finishes its step and saves;
//! another signal at least half a second later ends it immediately. Signals in between are ignored:
//! wrappers and schedulers send each twice within milliseconds, to the program and to its process
//! group.

#[cfg(unix)]
pub(crate) mod bus_error;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use mlp_train::{Control, Error, Event, Observer};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level;

/// How long after the first signal others are taken to be the same request.
const SAME: Duration = Duration::from_millis(500);

/// Records signals. As an observer, stops the training after one. The default hears none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Installs the signal handlers.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let heard = Arc::new(AtomicUsize::new(0));
        let record = Arc::clone(&heard);
        let mut first = None;
        watch(move |signal| {
            if first.get_or_insert_with(Instant::now).elapsed() >= SAME {
                low_level::exit(128 + signal);
            }
            let _ = record.compare_exchange(0, signal as usize, Ordering::Relaxed, Ordering::Relaxed);
        })?;
        Ok(Self(heard))
    }

    /// The name of the first signal received, if any, and its exit code.
    pub(crate) fn heard(&self) -> Option<(&'static str, u8)> {
        match self.0.load(Ordering::Relaxed) as i32 {
            SIGHUP => Some(("SIGHUP", 129)),
            SIGINT => Some(("SIGINT", 130)),
            SIGTERM => Some(("SIGTERM", 143)),
            _ => None,
        }
    }
}

/// Makes the first signal call `clean_up` and end the program. Other threads, whose files may
/// vanish, cannot report it: standard error stays locked.
pub(crate) fn before_exit(clean_up: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    watch(move |signal| {
        let _stderr = io::stderr().lock();
        clean_up();
        low_level::exit(128 + signal);
    })
}

/// Starts a thread that calls `act` for each signal.
fn watch(act: impl FnMut(i32) + Send + 'static) -> anyhow::Result<()> {
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))
        .context("cannot listen for signals")?;
    let watch = move || signals.forever().for_each(act);
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).context("cannot start a thread")?;
    Ok(())
}

/// Returns whether the program was started to ignore a signal, as `nohup` does with SIGHUP. Where
/// the system does not tell, it was.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask =
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_none_or(|mask| mask & (1 << (signal - 1)) != 0)
}

impl Observer for Signals {
    fn observe(&mut self, _: &Event) -> Result<Control, Error> {
        Ok(if self.heard().is_some() { Control::Stop } else { Control::Continue })
    }
}
