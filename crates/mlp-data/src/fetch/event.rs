//! Events of a fetch, as plain data and as text.

use super::Verification;
use std::fmt;
use std::path::Path;

/// An event of a fetch. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the text of an event shows what its fields are")]
pub enum Event<'a> {
    /// Waiting for another process that is fetching into this directory.
    Waiting { directory: &'a Path },
    /// A file already exists and is verified.
    AlreadyThere { path: &'a Path, verification: Verification },
    /// An existing file with wrong content was renamed.
    SetAside { from: &'a Path, to: &'a Path, reason: &'a str },
    /// A source, a URL or a command, is tried for a file or a package.
    Started { file: &'a str, source: &'a str },
    /// Bytes arrived: `done` of `total`, including earlier attempts.
    Progress { file: &'a str, done: u64, total: u64 },
    /// A file is complete and verified.
    Fetched { path: &'a Path, source: &'a str, verification: Verification },
    /// A source failed; the next one is tried.
    SourceFailed { source: &'a str, reason: &'a str },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { directory } => {
                write!(f, "waiting for another process that is fetching into {}", directory.display())
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
