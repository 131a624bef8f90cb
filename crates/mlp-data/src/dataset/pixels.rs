//! The pixels of a dataset: in memory, or in a mapped file. All other code sees a slice of bytes.

use std::ops::{Deref, Range};

use crate::mapped::MappedFile;

/// The pixels of all images.
#[derive(Clone, Debug)]
pub(crate) enum Pixels {
    Memory(Vec<u8>),
    Mapped { file: MappedFile, range: Range<usize> },
}

/// Bytes of a mapped file that are resident before they are released.
const STEP: usize = 1 << 25;

impl Pixels {
    /// Splits off everything after the first `at` bytes, without copying those of a file.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.split_off(at)),
            Self::Mapped { file, range } => {
                let cut = range.start + at;
                let rest = cut..range.end;
                range.end = cut;
                Self::Mapped { file: file.clone(), range: rest }
            }
        }
    }

    /// Calls `read` with the bytes of a range in order. Those of a file come in parts, each of
    /// which is released before the next is read.
    pub(super) fn scan(&self, range: Range<usize>, mut read: impl FnMut(&[u8])) {
        let step = if self.file().is_some() { STEP } else { range.len().max(1) };
        for start in range.clone().step_by(step) {
            let part = start..range.end.min(start + step);
            read(&self[part.clone()]);
            self.release(part);
        }
    }

    /// [`MappedFile::release`]; does nothing for bytes in memory.
    pub(super) fn release(&self, part: Range<usize>) {
        if let Self::Mapped { file, range } = self {
            file.release(range.start + part.start..range.start + part.end);
        }
    }

    /// The file, if they are not in memory.
    pub(super) fn file(&self) -> Option<&MappedFile> {
        match self {
            Self::Memory(_) => None,
            Self::Mapped { file, .. } => Some(file),
        }
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Mapped { file, range } => &file.bytes()[range.clone()],
        }
    }
}

impl From<Vec<u8>> for Pixels {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes)
    }
}

/// Compares the bytes, wherever they are.
impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Pixels {}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn mapped_pixels_equal_those_in_memory_after_every_operation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let bytes: Vec<u8> = (0..3 * STEP / 2).map(|i| (i / 7) as u8).collect();
        fs::write(&path, [&[1; 16][..], &bytes].concat()).unwrap();
        let file = MappedFile::map(File::open(&path).unwrap(), &path).unwrap();
        let mut mapped = Pixels::Mapped { file, range: 16..16 + bytes.len() };
        let mut memory = Pixels::from(bytes);
        assert!(mapped.file().is_some() && memory.file().is_none());
        for at in [STEP + 3, 1000] {
            let (rest, expected) = (mapped.split_off(at), memory.split_off(at));
            assert!(mapped == memory && rest == expected && mapped != rest, "split at {at}");
        }
        for range in [0..1000, 10..10, 3..999] {
            let (mut scanned, mut parts) = (Vec::new(), 0);
            mapped.scan(range.clone(), |part| {
                scanned.extend_from_slice(part);
                parts += 1;
            });
            assert_eq!((scanned, parts), (memory[range.clone()].to_vec(), usize::from(!range.is_empty())));
        }
        mapped.release(0..1000);
        assert!(mapped == memory);
    }

    #[test]
    fn a_scan_of_a_file_comes_in_parts_without_gaps() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let bytes: Vec<u8> = (0..2 * STEP + 5).map(|i| (i / 3) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let file = MappedFile::map(File::open(&path).unwrap(), &path).unwrap();
        let mapped = Pixels::Mapped { file, range: 0..bytes.len() };
        let (mut scanned, mut lengths) = (Vec::new(), Vec::new());
        mapped.scan(1..bytes.len(), |part| {
            scanned.extend_from_slice(part);
            lengths.push(part.len());
        });
        assert!(scanned == bytes[1..]);
        assert_eq!(lengths, [STEP, STEP, 4]);
    }
}
