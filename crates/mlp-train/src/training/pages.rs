//! Keeps the resident part of a mapped training set small. Pages of the file that have been read
//! count as memory of the process until they are released; the page cache keeps them.

use mlp_data::Dataset;

/// Counts the bytes of a mapped training set that may be resident.
#[derive(Debug)]
pub(super) struct Pages {
    per_example: usize, // 0 if the images are in memory
    resident: usize,
}

/// The maximum number of resident bytes.
const MAX_RESIDENT: usize = 1 << 29;

/// With the page of an access, the system may map those around it that are in the page cache: Linux
/// maps a large folio, of up to 2 MiB.
const FAULT_AROUND: usize = 1 << 21;

impl Pages {
    /// For examples that are shuffled in blocks of consecutive ones, or all.
    pub(super) fn new(data: &Dataset, shuffle_block: Option<usize>) -> Self {
        let is_mapped = data.mapped_file().is_some();
        if shuffle_block.is_none() {
            data.expect_random_access();
        }
        let around = FAULT_AROUND / shuffle_block.unwrap_or(1);
        Self { per_example: if is_mapped { data.pixels() + around } else { 0 }, resident: 0 }
    }

    /// Releases the pages if too many may be resident after this many more examples.
    pub(super) fn release_after(&mut self, examples: usize, data: &Dataset) {
        self.resident += examples * self.per_example;
        if self.resident > MAX_RESIDENT {
            data.release(0..data.len());
            self.resident = 0;
        }
    }
}
