//! Why a source did not provide a file, and what to do about it.

use crate::Error;

/// The failure of one attempt. All but [`Disk`](Self::Disk) lead to the next source.
pub(super) enum Trouble {
    /// The local disk failed, so no other source can help.
    Disk(Error),
    /// No connection, so the server is not tried again.
    Unreachable(String),
    /// The connection broke; another attempt resumes after the bytes that arrived.
    Broken(String),
    /// The source does not have the file, or has a wrong one.
    Refused(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { .. } => Self::Disk(error),
            problem => Self::Refused(problem.to_string()),
        }
    }
}
