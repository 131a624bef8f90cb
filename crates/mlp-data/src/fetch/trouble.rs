//! Why a source did not give a file, and what that means for the next step.

use crate::Error;

/// The failure of one attempt. All but [`Disk`](Self::Disk) lead to the next source.
pub(super) enum Trouble {
    /// The local disk failed: no other source can help.
    Disk(Error),
    /// No connection: nothing else on this server is worth trying.
    Unreachable(String),
    /// The connection broke: worth another attempt, which resumes after what has arrived.
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
