//! Memory for decoding pictures: a limit per picture, and a budget shared by all pictures that are
//! decoded at the same time.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::Error;

/// The maximum memory in bytes for decoding a picture, and for all pictures that are decoded at the
/// same time: enough for a photograph of 200 million pixels.
pub const MAX_BYTES: u64 = 1 << 30;

/// The limit of memory for a picture.
pub(super) struct Memory {
    most: u64,
}

/// The bytes of all pictures that are being decoded.
static IN_USE: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

/// A share of the memory for decoding, returned when dropped.
pub(super) struct Share(u64);

impl Memory {
    pub(super) fn at_most(bytes: u64) -> Self {
        Self { most: bytes.min(MAX_BYTES) }
    }

    /// Waits until there is memory for a picture whose decoder needs this many bytes.
    pub(super) fn take(&self, width: u32, height: u32, bytes: u64) -> Result<Share, Error> {
        let needed = needed(width, height, bytes);
        if needed > self.most {
            let (width, height) = (u64::from(width), u64::from(height));
            let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
            let (needed, most) = (megabytes(needed), megabytes(self.most));
            return Err(Error::PictureTooLarge { width, height, needed, most });
        }
        Error::check_memory(needed)?;
        let (in_use, freed) = &IN_USE;
        let in_use = in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |in_use: &mut u64| *in_use + needed > MAX_BYTES;
        let mut in_use = freed.wait_while(in_use, is_full).unwrap_or_else(PoisonError::into_inner);
        *in_use += needed;
        Ok(Share(needed))
    }
}

/// The memory of a picture, whose decoder needs this many bytes, and of its conversion to levels
/// and alpha.
pub(super) fn needed(width: u32, height: u32, bytes: u64) -> u64 {
    bytes.saturating_add(u64::from(width).saturating_mul(height.into()).saturating_mul(2))
}

impl Drop for Share {
    fn drop(&mut self) {
        *IN_USE.0.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        IN_USE.1.notify_all();
    }
}
