//! Atomic file writes: the bytes go to a temporary file beside the final name, are synced, and are
//! renamed over it, so readers see the old file or the new one. Without locking, the last of two
//! writers wins.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Disk, DiskFile};

/// Writes `path` atomically: `write` fills a temporary file beside it, which is synced and renamed,
/// and the directory is synced. An error leaves the old file untouched and no temporary file.
///
/// # Errors
/// The first error of creating, writing, syncing or renaming, or of `write`.
///
/// # Example
/// ```
/// use mlp_data::fs::write_atomically;
/// let path = std::env::temp_dir().join(format!("mlp-atomic-{}", std::process::id()));
/// write_atomically(&path, |out| out.write_all(b"whole"))?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    Disk::default().write_atomically(path, write)
}

impl Disk {
    /// [`write_atomically`], on this disk.
    pub fn write_atomically(
        &self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.write_keeping(path, None, write)
    }

    /// Like [`Disk::write_atomically`], and renames the old file to `previous` just before the new
    /// one takes its name.
    pub fn write_keeping(
        &self,
        path: &Path,
        previous: Option<&Path>,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut temporary = Temporary::create(self, path)?;
        temporary.file.copy_permissions(path)?;
        let mut out = BufWriter::with_capacity(1 << 16, &mut temporary.file);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        temporary.file.sync()?;
        if let Some(previous) = previous.filter(|_| path.exists()) {
            self.rename(path, previous)?;
        }
        temporary.rename(path)?;
        self.sync_directory_of(path)
    }
}

/// Returns the final name of a file from the name of a temporary file that an interrupted write
/// left, or `None` for any other name.
///
/// # Example
/// ```
/// use mlp_data::fs::final_name;
/// assert_eq!(final_name(".model.mlp.4711-0.tmp"), Some("model.mlp"));
/// assert_eq!(final_name(".notes.tmp"), None);
/// ```
pub fn final_name(temporary: &str) -> Option<&str> {
    let (name, number) = temporary.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let (process, number) = number.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(process) && is_number(number)).then_some(name)
}

const SUFFIX: &str = ".tmp";

/// A file beside `path` that is removed when dropped, unless it was renamed.
struct Temporary<'d> {
    disk: &'d Disk,
    file: DiskFile,
    /// `None` after the rename: from then on the name may belong to somebody else's file.
    path: Option<PathBuf>,
}

impl<'d> Temporary<'d> {
    fn create(disk: &'d Disk, path: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
        // Unique among running processes; `create_new` detects leftovers.
        loop {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            temporary.push(format!(".{}-{number}{SUFFIX}", process::id()));
            let temporary = path.with_file_name(temporary);
            match disk.create_new(&temporary) {
                Ok(file) => return Ok(Self { disk, file, path: Some(temporary) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
        }
    }

    fn rename(&mut self, to: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.disk.rename(path, to)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = self.disk.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |out| {
            out.write_all(&[7; 1 << 17])?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(error.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn a_new_file_with_the_temporary_name_survives_the_drop() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let disk = Disk::default();
        let mut temporary = Temporary::create(&disk, &path).unwrap();
        let name = temporary.path.clone().unwrap();
        temporary.rename(&path).unwrap();
        fs::write(&name, "somebody else's").unwrap();
        drop(temporary);
        assert_eq!(fs::read(&name).unwrap(), b"somebody else's");
    }

    #[test]
    fn a_second_write_replaces_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_atomically(&path, |out| out.write_all(b"a longer first text")).unwrap();
        write_atomically(&path, |out| out.write_all(b"second")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_rewritten_file_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        for mode in [0o600, 0o640, 0o444] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            write_atomically(&path, |out| out.write_all(b"new")).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn the_old_file_can_be_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (path, previous) = (directory.path().join("file"), directory.path().join("previous"));
        for content in ["1", "2", "3"] {
            let write = |out: &mut dyn Write| out.write_all(content.as_bytes());
            Disk::default().write_keeping(&path, Some(&previous), write).unwrap();
        }
        assert_eq!((fs::read(&path).unwrap(), fs::read(&previous).unwrap()), (b"3".into(), b"2".into()));
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let error = write_atomically(&directory.path().join("none/file"), |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let error = write_atomically(Path::new("/"), |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn concurrent_writers_leave_one_whole_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::thread::scope(|scope| {
            for value in 0..8u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write_atomically(path, |out| out.write_all(&[value; 5000])).unwrap();
                    }
                });
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 5000);
        assert!(bytes.iter().all(|&byte| byte == bytes[0]));
        assert_eq!(names(directory.path()), ["file"]);
    }
}
