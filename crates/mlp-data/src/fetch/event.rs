//! What a fetch reports while it runs, as plain data and in words.

use super::Verification;
use std::fmt;
use std::path::Path;

/// What happens while fetching. Its `Display` is one line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the text of an event shows what its fields are")]
pub enum Event<'a> {
    /// Another process is fetching into this directory; waiting until it is done.
    Waiting { directory: &'a Path },
    /// A file is already there and verified.
    AlreadyThere { path: &'a Path, verification: Verification },
    /// A file with the right name but wrong content was renamed.
    SetAside { from: &'a Path, to: &'a Path, reason: &'a str },
    /// A source, a URL or a command, is asked for a file or a package.
    Started { file: &'a str, source: &'a str },
    /// Bytes have arrived: `done` of `total`, including those of earlier attempts.
    Progress { file: &'a str, done: u64, total: u64 },
    /// A file is complete, verified, and has its name.
    Fetched { path: &'a Path, source: &'a str, verification: Verification },
    /// A source failed; the next one follows.
    SourceFailed { source: &'a str, reason: &'a str },
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
