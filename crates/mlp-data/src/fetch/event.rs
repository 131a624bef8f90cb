//! What a fetch tells while it goes on, and whom. A file of its own because it is all that those who show a fetch need
//! to know; it leaves out how anything comes about.

use super::Verification;
use std::path::Path;

/// What happens while fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process is fetching into this directory; waiting until it is done.
    Waiting {
        /// The directory.
        directory: &'a Path,
    },
    /// A file is there and verified; nothing to do for it.
    AlreadyThere {
        /// The file.
        path: &'a Path,
        /// How it was verified.
        verification: Verification,
    },
    /// A file with the right name but wrong content was renamed.
    SetAside {
        /// Its name before.
        from: &'a Path,
        /// Its name now.
        to: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// A source is asked for a file or a package.
    Started {
        /// What is being got.
        file: &'a str,
        /// The URL or the command.
        source: &'a str,
    },
    /// Bytes have arrived.
    Progress {
        /// What is being got.
        file: &'a str,
        /// Bytes so far, those of an earlier attempt included.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A file is complete, verified, and has its name.
    Fetched {
        /// The file.
        path: &'a Path,
        /// The URL or the command it came from.
        source: &'a str,
        /// How it was verified.
        verification: Verification,
    },
    /// A source failed; the next one follows.
    SourceFailed {
        /// The URL or the command.
        source: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// Somebody who wants to know what happens: a progress bar, a log, a test; a closure will do, and [`Silent`].
pub trait FetchObserver {
    /// Called for every event, on the fetching thread.
    fn on_event(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>)> FetchObserver for F {
    fn on_event(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl FetchObserver for Silent {
    fn on_event(&mut self, _: &Event<'_>) {}
}
