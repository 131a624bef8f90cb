//! What a fetch reports while it runs, as plain data and in words.

use super::Verification;
use std::fmt;
use std::path::Path;

/// What happens while fetching. Its `Display` is one line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process is fetching into this directory; waiting until it is done.
    Waiting {
        /// The directory.
        directory: &'a Path,
    },
    /// A file is already there and verified.
    AlreadyThere {
        /// The file.
        path: &'a Path,
        /// How it was verified.
        verification: Verification,
    },
    /// A file with the right name but wrong content was renamed.
    SetAside {
        /// Its old name.
        from: &'a Path,
        /// Its new name.
        to: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// A source is asked for a file or a package.
    Started {
        /// The file or package.
        file: &'a str,
        /// The URL or the command.
        source: &'a str,
    },
    /// Bytes have arrived.
    Progress {
        /// The file.
        file: &'a str,
        /// Bytes so far, including those of earlier attempts.
        done: u64,
        /// The size of the file in bytes.
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
        /// Why it failed.
        reason: &'a str,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { directory } => {
                write!(f, "waiting for another process that fetches into {}", directory.display())
            }
            Self::AlreadyThere { path, verification } | Self::Fetched { path, verification, .. } => {
                write!(f, "{}: {verification}", path.display())
            }
            Self::SetAside { from, to, reason } => {
                write!(f, "{}: {reason}; kept as {}", from.display(), to.display())
            }
            Self::Started { file, source } => write!(f, "fetching {file} from {source}"),
            Self::Progress { file, done, total } => {
                let percent = done * 100 / (*total).max(1);
                write!(f, "{file}: {percent}% of {:.1} MB", *total as f64 / 1e6)
            }
            Self::SourceFailed { source, reason } => write!(f, "{source}: {reason}"),
        }
    }
}
