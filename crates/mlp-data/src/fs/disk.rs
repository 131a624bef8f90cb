//! File operations that change something, as methods of [`Disk`], so that a test can make each of
//! them fail.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A kind of file operation. A gate that refuses a `Write` lets half of the bytes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub enum Operation {
    MakeDirectory,
    Open,
    Lock,
    Write,
    Sync,
    Rename,
    SyncDirectory,
    Remove,
}

/// Decides whether an operation may succeed.
pub trait Gate: Send + Sync {
    /// # Errors
    /// The error with which the operation will fail.
    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()>;
}

/// The disk that files are written to: the real one, or with [`Disk::with_gate`] one that fails on
/// purpose.
#[derive(Clone, Default)]
pub struct Disk {
    gate: Option<Arc<dyn Gate>>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("gated", &self.gate.is_some()).finish()
    }
}

impl Disk {
    /// Creates a disk whose operations must pass a gate.
    pub fn with_gate(gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate) }
    }

    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate.pass(operation, path))
    }

    /// [`fs::create_dir`].
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.pass(Operation::MakeDirectory, path)?;
        fs::create_dir(path)
    }

    /// [`fs::create_dir_all`].
    pub fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.pass(Operation::MakeDirectory, path)?;
        fs::create_dir_all(path)
    }

    /// Creates a file that must not exist yet.
    pub fn create_new(&self, path: &Path) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().write(true).create_new(true))
    }

    /// Opens a file for appending.
    pub fn append(&self, path: &Path) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().append(true))
    }

    /// Creates and locks a file, or returns `None` if another process holds the lock. The lock ends
    /// when the file is dropped or the process exits.
    pub fn lock(&self, path: &Path) -> io::Result<Option<DiskFile>> {
        let file = self.open(path, OpenOptions::new().write(true).create(true).truncate(false))?;
        self.pass(Operation::Lock, path)?;
        match file.file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<DiskFile> {
        self.pass(Operation::Open, path)?;
        Ok(DiskFile { file: options.open(path)?, path: path.to_owned(), disk: self.clone() })
    }

    /// [`fs::rename`].
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Operation::Rename, to)?;
        fs::rename(from, to)
    }

    /// [`fs::remove_file`].
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass(Operation::Remove, path)?;
        fs::remove_file(path)
    }

    /// Syncs the directory that holds `path`, where the system can.
    pub(crate) fn sync_directory_of(&self, path: &Path) -> io::Result<()> {
        self.pass(Operation::SyncDirectory, path)?;
        sync_directory_of(path)
    }
}

/// A file of a [`Disk`], open for writing.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl DiskFile {
    /// Makes the content durable.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.pass(Operation::Sync, &self.path)?;
        self.file.sync_all()
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.disk.pass(Operation::Write, &self.path) {
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the rename of `path` durable. Only Unix can sync a directory, and even there some file
/// systems or permissions prevent it, which is ignored because the rename itself has succeeded.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    if !cfg!(unix) {
        return Ok(());
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported | PermissionDenied) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refuses(Operation);

    impl Gate for Refuses {
        fn pass(&self, operation: Operation, _: &Path) -> io::Result<()> {
            if operation == self.0 { Err(io::Error::other("refused")) } else { Ok(()) }
        }
    }

    #[test]
    fn the_old_file_survives_a_failure_of_any_operation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let new = [1; 100];
        for operation in [Operation::Open, Operation::Write, Operation::Sync, Operation::Rename] {
            fs::write(&path, "old").unwrap();
            let disk = Disk::with_gate(Arc::new(Refuses(operation)));
            let error = disk.write_atomically(&path, |out| out.write_all(&new)).unwrap_err();
            assert_eq!(error.to_string(), "refused");
            assert_eq!(fs::read(&path).unwrap(), b"old", "{operation:?}");
            assert_eq!(
                fs::read_dir(directory.path()).unwrap().count(),
                1,
                "{operation:?} leaves a temporary file"
            );
        }
        // After the rename the new file is there, durable or not.
        let disk = Disk::with_gate(Arc::new(Refuses(Operation::SyncDirectory)));
        assert!(disk.write_atomically(&path, |out| out.write_all(&new)).is_err());
        assert_eq!(fs::read(&path).unwrap(), new);
    }

    #[test]
    fn a_failed_write_leaves_half_of_the_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let disk = Disk::with_gate(Arc::new(Refuses(Operation::Write)));
        assert!(disk.create_new(&path).unwrap().write_all(b"whole").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"wh");
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let disk = Disk::default();
        let lock = disk.lock(&path).unwrap().expect("the lock is free");
        assert!(disk.lock(&path).unwrap().is_none());
        drop(lock);
        assert!(disk.lock(&path).unwrap().is_some());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_a_missing_directory_is_a_sync_error() {
        // The proc file system answers EINVAL.
        let error = File::open("/proc/self").unwrap().sync_all().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        sync_directory_of(Path::new("/proc/self/file")).unwrap();
        assert!(sync_directory_of(Path::new("/proc/self/none/file")).is_err());
    }
}
