//! A limit on what an archive or a Parquet file of a given size may unpack to.

use std::path::Path;

use crate::Error;

/// What an archive may unpack to: this many times its size and this many bytes more, but never more
/// than the last.
const RATIO: u64 = 250;
const EXTRA: u64 = 64 << 20;
const MAX_BYTES: u64 = 64 << 30;

/// How many bytes may still be written.
pub(super) struct Budget {
    left: u64,
    most: u64,
}

impl Budget {
    /// For a file of this size.
    pub(super) fn of(bytes: u64) -> Self {
        let most = bytes.saturating_mul(RATIO).saturating_add(EXTRA).min(MAX_BYTES);
        Self { left: most, most }
    }

    /// Takes bytes from the budget.
    pub(super) fn take(&mut self, bytes: u64, origin: &Path) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.exceeded(origin))?;
        Ok(())
    }

    /// Checks that this many bytes are left.
    #[cfg(feature = "archives")]
    pub(super) fn check(&self, bytes: u128, origin: &Path) -> Result<(), Error> {
        if bytes > self.left.into() { Err(self.exceeded(origin)) } else { Ok(()) }
    }

    fn exceeded(&self, origin: &Path) -> Error {
        let megabytes = self.most / 1_000_000;
        let problem = format!(
            "unpacks to more than {megabytes} MB, which is suspicious for its size; expected at most {RATIO} \
             times its size; if you trust it, unpack it and import the directory"
        );
        Error::packed(origin, problem)
    }
}
