//! Creating a directory that is there with all its files or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use super::sync_directory_of;
use crate::Error;

/// Creates `directory`, which must not exist yet: `write` fills a directory beside it, which is
/// then renamed.
///
/// # Errors
/// [`Error::Exists`], [`Error::Io`], and the error of `write`.
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
    // If another process was quicker, the rename fails: it does not replace a directory with files
    // in it.
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
