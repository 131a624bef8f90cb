//! The pixels of a dataset: in memory, or in a mapped file. All other code sees a slice of bytes.

use std::ops::{Deref, Range};
use std::thread;

use crate::mapped::MappedFile;

/// The pixels of all images.
#[derive(Clone, Debug)]
pub(crate) enum Pixels {
    Memory(Vec<u8>),
    Mapped { file: MappedFile, range: Range<usize> },
}

/// Bytes that are processed at a time.
const BLOCK: usize = 1 << 20;

/// The minimum number of pixels per thread, about 0.3 ms of work.
pub(super) const PIXELS_PER_THREAD: usize = 1 << 20;

/// The number of threads that are worth it for so many pixels.
pub(super) fn parts_of(pixels: usize) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    if pixels < 2 * PIXELS_PER_THREAD { 1 } else { (pixels / PIXELS_PER_THREAD).min(processors()) }
}

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

    /// Applies a function to each MiB, on all cores. Those of a file are released after use.
    pub(super) fn by_block<T: Send>(&self, apply: impl Fn(&[u8]) -> T + Sync) -> Vec<T> {
        let block = |start: usize| start..self.len().min(start + BLOCK);
        let blocks: Vec<Range<usize>> = (0..self.len()).step_by(BLOCK).map(block).collect();
        let apply = |blocks: &[Range<usize>]| -> Vec<T> {
            let apply = |block: &Range<usize>| {
                let result = apply(&self[block.clone()]);
                self.release(block.clone());
                result
            };
            blocks.iter().map(apply).collect()
        };
        let (first, others) = blocks.split_at(blocks.len().div_ceil(parts_of(self.len())));
        thread::scope(|scope| {
            let apply = &apply;
            let others = others.chunks(first.len().max(1)).map(|part| scope.spawn(move || apply(part)));
            let others: Vec<_> = others.collect();
            let mut results = apply(first);
            results.extend(others.into_iter().flat_map(|other| other.join().expect("no panics")));
            results
        })
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
        let bytes: Vec<u8> = (0..100_000).map(|i| (i / 7) as u8).collect();
        fs::write(&path, [&[1; 16][..], &bytes].concat()).unwrap();
        let file = MappedFile::map(File::open(&path).unwrap(), &path).unwrap();
        let mut mapped = Pixels::Mapped { file, range: 16..16 + bytes.len() };
        let mut memory = Pixels::from(bytes);
        assert!(mapped.file().is_some() && memory.file().is_none());
        for at in [50_003, 1000] {
            let (rest, expected) = (mapped.split_off(at), memory.split_off(at));
            assert!(mapped == memory && rest == expected && mapped != rest, "split at {at}");
        }
        mapped.release(0..1000);
        assert!(mapped == memory);
    }

    #[test]
    fn blocks_come_in_order_and_without_gaps() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for len in [0, 1, BLOCK, 2 * BLOCK, 5 * BLOCK + 5] {
            let bytes: Vec<u8> = (0..len).map(|i| (i / 3) as u8).collect();
            fs::write(&path, [&[1; 16][..], &bytes].concat()).unwrap();
            let file = MappedFile::map(File::open(&path).unwrap(), &path).unwrap();
            let mapped = Pixels::Mapped { file, range: 16..16 + len };
            for pixels in [mapped, Pixels::from(bytes.clone())] {
                let blocks = pixels.by_block(<[u8]>::to_vec);
                assert!(blocks.iter().rev().skip(1).all(|block| block.len() == BLOCK));
                assert_eq!(blocks.len(), len.div_ceil(BLOCK));
                assert!(blocks.concat() == bytes, "{len}");
            }
        }
    }
}
