//! Files mapped into memory, for datasets larger than it. The only `unsafe` code of this crate. A
//! mapped file has two dangers, and both are a change of the file by somebody else: see
//! [`MappedFile`].
#![allow(unsafe_code)]

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::SystemTime;

use memmap2::Mmap;

use crate::Error;
use crate::text::printable;

/// A file mapped into memory, read-only; a clone is the same mapping.
///
/// The file must not change while it is mapped:
/// - If it shrinks, reading the part that is gone raises the signal SIGBUS, which ends the process
///   unless it handles the signal; see [`MappedFile::with_shrunk`].
/// - If other bytes are written to it, or it shrinks within its last page, reading gives other
///   bytes than before; [`MappedFile::check`] detects both.
///
/// Replacing the file by renaming another one over it is harmless.
#[derive(Clone)]
pub struct MappedFile(Arc<Inner>);

struct Inner {
    map: Mmap,
    file: File,
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
    shrunk: String, // message of the error, formatted before there is one
}

/// All files that are mapped, for [`MappedFile::with_shrunk`].
static MAPPED: RwLock<Vec<Weak<Inner>>> = RwLock::new(Vec::new());

impl MappedFile {
    /// Maps a whole file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn map(file: File, path: &Path) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(Error::io("inspect", path))?;
        // SAFETY: the mapping is read-only and private to this type, which lends its bytes only
        // while it lives. That nobody else changes the file, no program can ensure: a change is
        // documented as an error above, detected by `check`, and gives other bytes or SIGBUS, but
        // no write to memory. All readers of the bytes index with bounds checks.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
        let (path, len, modified) = (path.to_owned(), metadata.len(), modified(&metadata));
        let change = "it became shorter".to_owned();
        let shrunk = Error::ChangedInUse { path: path.clone(), change }.to_string();
        let shrunk = printable(&shrunk).into_owned();
        let inner = Arc::new(Inner { map, file, path, len, modified, shrunk });
        let mut mapped = MAPPED.write().unwrap_or_else(PoisonError::into_inner);
        mapped.retain(|file| file.strong_count() > 0);
        mapped.push(Arc::downgrade(&inner));
        Ok(Self(inner))
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.0.map
    }

    /// The path at which the file was opened.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Calls `report` with an error message if a mapped file of this process is shorter than when
    /// it was mapped. Made for a handler of SIGBUS: it makes a system call for each mapped file,
    /// and neither allocates nor waits.
    pub fn with_shrunk(report: impl FnOnce(&str)) {
        let Ok(mapped) = MAPPED.try_read() else { return };
        let mut files = mapped.iter().filter_map(Weak::upgrade);
        let is_shorter =
            |inner: &Arc<Inner>| inner.file.metadata().is_ok_and(|metadata| metadata.len() < inner.len);
        if let Some(inner) = files.find(is_shorter) {
            report(&inner.shrunk);
        }
    }

    /// Checks that the file has not changed since it was mapped.
    ///
    /// # Errors
    /// [`Error::ChangedInUse`], [`Error::Io`].
    pub fn check(&self) -> Result<(), Error> {
        let Inner { file, path, len, modified: was, .. } = &*self.0;
        let metadata = file.metadata().map_err(Error::io("inspect", path))?;
        if metadata.len() != *len {
            let change = format!("it has {} bytes instead of {len}", metadata.len());
            return Err(Error::ChangedInUse { path: path.clone(), change });
        }
        if modified(&metadata) != *was {
            let change = "it was written to".to_owned();
            return Err(Error::ChangedInUse { path: path.clone(), change });
        }
        Ok(())
    }

    /// Tells the system that a range of bytes is not needed for now. The bytes stay in the page
    /// cache as long as there is memory, but no longer count as memory of this process.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        {
            // SAFETY: the mapping is of a file, shared and never written to, so that reading a
            // page again gives the bytes of the file again.
            let advised = unsafe {
                self.0.map.unchecked_advise_range(
                    memmap2::UncheckedAdvice::DontNeed,
                    range.start,
                    range.len(),
                )
            };
            ignore(advised);
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Tells the system that bytes will be read in random order, so that it does not read ahead.
    pub(crate) fn expect_random_access(&self) {
        #[cfg(unix)]
        ignore(self.0.map.advise(memmap2::Advice::Random));
    }
}

/// Advice that fails changes no result.
#[cfg(unix)]
fn ignore(advised: io::Result<()>) {
    drop(advised);
}

/// When the content was last modified; `None` where the system does not say.
fn modified(metadata: &Metadata) -> Option<SystemTime> {
    metadata.modified().ok()
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedFile").field("path", &self.0.path).field("len", &self.0.len).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    fn mapped(content: &[u8]) -> (tempfile::TempDir, PathBuf, MappedFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, content).unwrap();
        let file = MappedFile::map(File::open(&path).unwrap(), &path).unwrap();
        (directory, path, file)
    }

    #[test]
    fn released_bytes_are_read_again() {
        let content: Vec<u8> = (0..100_000).map(|i| (i % 251) as u8).collect();
        let (_directory, _, file) = mapped(&content);
        file.expect_random_access();
        for range in [0..0, 0..100_000, 5000..5001, 99_999..100_000] {
            assert_eq!(file.bytes(), content);
            file.release(range);
        }
        assert_eq!(file.bytes(), content);
        assert!(file.check().is_ok());
    }

    #[test]
    fn a_change_of_the_file_is_an_error_of_one_line() {
        let change = |act: &dyn Fn(&mut File)| {
            let (_directory, path, file) = mapped(&[7; 100]);
            // The clock of a file system may be coarse.
            std::thread::sleep(std::time::Duration::from_millis(20));
            act(&mut fs::OpenOptions::new().write(true).open(&path).unwrap());
            let mut is_shorter = false;
            MappedFile::with_shrunk(|message| is_shorter = message.contains(path.to_str().unwrap()));
            let error = file.clone().check().map_err(|error| error.to_string());
            (is_shorter, error.map_err(|error| error.replace(&path.display().to_string(), "FILE")))
        };
        let message = |change| {
            Err(format!(
                "FILE changed while it was in use: {change}; restore it, then run the command again, or resume the run with `mlp train --resume`"
            ))
        };
        assert_eq!(
            change(&|file| file.set_len(99).unwrap()),
            (true, message("it has 99 bytes instead of 100"))
        );
        assert_eq!(
            change(&|file| file.set_len(101).unwrap()),
            (false, message("it has 101 bytes instead of 100"))
        );
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(5)).unwrap();
            file.write_all(&[8]).unwrap();
        };
        assert_eq!(change(&write), (false, message("it was written to")));
        assert_eq!(change(&|_| {}), (false, Ok(())));
    }

    #[test]
    fn a_file_that_takes_its_name_changes_nothing() {
        let (directory, path, file) = mapped(&[7; 100]);
        fs::write(directory.path().join("other"), "other").unwrap();
        fs::rename(directory.path().join("other"), &path).unwrap();
        assert_eq!((file.bytes(), file.check().is_ok()), (&[7; 100][..], true));
    }
}
