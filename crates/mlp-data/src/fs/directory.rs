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
    let temporary = Temporary::create(directory)?;
    write(&temporary.0)?;
    // If another process was quicker, the rename fails: it does not replace a directory with files
    // in it.
    fs::rename(&temporary.0, directory).map_err(|error| {
        if directory.exists() { exists() } else { Error::io("rename", &temporary.0)(error) }
    })?;
    sync_directory_of(directory).map_err(Error::io("write", directory))
}

/// A directory that is removed when dropped, if it was not renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn create(beside: &Path) -> Result<Self, Error> {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        let path = beside.with_file_name(format!(".{name}.{}.tmp", process::id()));
        if let Some(parent) = beside.parent() {
            fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        }
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
