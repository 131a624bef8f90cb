//! Temporary directories, and creating a directory atomically.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use super::sync_directory_of;
use crate::Error;

/// Creates `directory`, which must not exist yet: `write` fills a temporary directory beside it,
/// which is then renamed.
pub(crate) fn create_dir_atomically(
    directory: &Path,
    write: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let exists = || Error::Exists { path: directory.to_owned() };
    if directory.symlink_metadata().is_ok() {
        return Err(exists());
    }
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let beside = directory.with_file_name(format!(".{name}.{}.tmp", process::id()));
    let temporary = TemporaryDir::create(beside)?;
    write(&temporary.0)?;
    // A rename never replaces a nonempty directory, so a faster process makes it fail.
    fs::rename(&temporary.0, directory).map_err(|error| {
        if directory.exists() { exists() } else { Error::io("rename", &temporary.0)(error) }
    })?;
    sync_directory_of(directory).map_err(Error::io("write", directory))
}

/// A directory that is removed when dropped, unless it was renamed.
pub(crate) struct TemporaryDir(pub(crate) PathBuf);

impl TemporaryDir {
    /// Creates a directory that must not exist yet.
    pub(crate) fn create(path: PathBuf) -> Result<Self, Error> {
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
