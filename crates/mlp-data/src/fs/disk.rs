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
    held: Option<Arc<DiskFile>>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("gated", &self.gate.is_some()).finish()
    }
}

impl Disk {
    /// Creates a disk whose operations must pass a gate.
    pub fn with_gate(gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), held: None }
    }

    /// Limits the disk to the directory of a lock file, for as long as that file is in its place:
    /// after the directory was renamed or replaced, operations fail instead of changing another
    /// directory that has its name.
    pub fn holding(&self, lock: Arc<DiskFile>) -> Self {
        Self { held: Some(lock), ..self.clone() }
    }

    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate.pass(operation, path))?;
        match &self.held {
            Some(lock) if !lock.is_in_place() => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the directory was renamed, removed or replaced; nothing more is written to it",
            )),
            _ => Ok(()),
        }
    }

    /// [`fs::create_dir`], made durable.
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.pass(Operation::MakeDirectory, path)?;
        fs::create_dir(path)?;
        self.sync_directory_of(path)
    }

    /// [`fs::create_dir_all`], made durable.
    pub fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.pass(Operation::MakeDirectory, path)?;
        let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let missing: Vec<&Path> = missing.collect();
        fs::create_dir_all(path)?;
        missing.into_iter().try_for_each(|path| self.sync_directory_of(path))
    }

    /// Creates a file that must not exist yet.
    pub fn create_new(&self, path: &Path) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().write(true).create_new(true))
    }

    /// Opens a file for appending.
    pub fn append(&self, path: &Path) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().append(true))
    }

    /// Creates and locks a file. The lock ends when the file is dropped or the process exits.
    pub fn lock(&self, path: &Path) -> io::Result<Lock> {
        let file = self.open(path, OpenOptions::new().write(true).create(true).truncate(false))?;
        let locked = self.pass(Operation::Lock, path).map_err(TryLockError::Error);
        match locked.and_then(|()| file.file.try_lock()) {
            Ok(()) => Ok(Lock::Held(file)),
            Err(TryLockError::WouldBlock) => Ok(Lock::Busy),
            Err(TryLockError::Error(error)) if cannot_lock(&error) => Ok(Lock::Unsupported(file)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<DiskFile> {
        self.pass(Operation::Open, path)?;
        // A file outlives the directory it was opened in, so it needs no lock to be written to.
        let disk = Self { gate: self.gate.clone(), held: None };
        Ok(DiskFile { file: options.open(path)?, path: path.to_owned(), disk })
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

/// The answer to [`Disk::lock`].
#[derive(Debug)]
pub enum Lock {
    /// The file is locked.
    Held(DiskFile),
    /// Another process holds the lock.
    Busy,
    /// The file system has no locks, as some network file systems.
    Unsupported(DiskFile),
}

/// Returns whether an error says that a file system has no locks.
fn cannot_lock(error: &io::Error) -> bool {
    const NO_LOCKS: i32 = if cfg!(target_os = "linux") { 37 } else { 77 }; // ENOLCK
    error.kind() == io::ErrorKind::Unsupported || (cfg!(unix) && error.raw_os_error() == Some(NO_LOCKS))
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

    /// Gives the file the permissions of another one, if that exists.
    pub(crate) fn copy_permissions(&self, other: &Path) -> io::Result<()> {
        match fs::metadata(other) {
            Ok(metadata) => self.file.set_permissions(metadata.permissions()),
            Err(_) => Ok(()),
        }
    }

    /// Returns whether the path that the file was opened at still leads to it. Always true where
    /// files have no identity.
    fn is_in_place(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;

            let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
            let there = fs::metadata(&self.path).map(identity);
            there.is_ok_and(|there| self.file.metadata().map(identity).is_ok_and(|here| here == there))
        }
        #[cfg(not(unix))]
        true
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
        let lock = disk.lock(&path).unwrap();
        assert!(matches!(lock, Lock::Held(_)));
        assert!(matches!(disk.lock(&path).unwrap(), Lock::Busy));
        drop(lock);
        assert!(matches!(disk.lock(&path).unwrap(), Lock::Held(_)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_system_without_locks_is_not_an_error() {
        struct NoLocks(i32);

        impl Gate for NoLocks {
            fn pass(&self, operation: Operation, _: &Path) -> io::Result<()> {
                if operation == Operation::Lock { Err(io::Error::from_raw_os_error(self.0)) } else { Ok(()) }
            }
        }

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        // ENOLCK, ENOSYS, EOPNOTSUPP
        for code in [37, 38, 95] {
            let disk = Disk::with_gate(Arc::new(NoLocks(code)));
            assert!(matches!(disk.lock(&path).unwrap(), Lock::Unsupported(_)), "{code}");
        }
        let disk = Disk::with_gate(Arc::new(NoLocks(5)));
        assert_eq!(disk.lock(&path).unwrap_err().raw_os_error(), Some(5));
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_to_a_directory_that_took_the_name_of_the_held_one() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (directory.path().join("here"), directory.path().join("there"));
        fs::create_dir(&here).unwrap();
        let Lock::Held(lock) = Disk::default().lock(&here.join("lock")).unwrap() else { panic!("no lock") };
        let disk = Disk::default().holding(Arc::new(lock));
        let write = || disk.write_atomically(&here.join("file"), |out| out.write_all(b"ours"));
        write().unwrap();
        fs::rename(&here, &there).unwrap();
        assert!(write().unwrap_err().to_string().contains("renamed"));
        fs::create_dir(&here).unwrap();
        fs::write(here.join("lock"), "").unwrap();
        assert!(write().is_err() && disk.append(&here.join("file")).is_err());
        assert_eq!(fs::read_dir(&here).unwrap().count(), 1);
        assert_eq!(fs::read(there.join("file")).unwrap(), b"ours");
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
