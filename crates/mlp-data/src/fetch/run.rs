//! One run of a fetch: finding, downloading, verifying and accepting files.

use super::download::Downloader;
use super::options::FetchOptions;
use super::trouble::Trouble;
use super::verify::Expected;
use super::{Event, Verification};
use crate::fs::sync_directory_of;
use crate::{Error, SourceFailure};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A file after a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// How it was verified.
    pub verification: Verification,
    /// The URL or command it came from, or `None` if it already existed.
    pub source: Option<String>,
}

/// The files of a dataset, each with its report once it exists.
pub(super) type Files<'a> = [(Expected<'a>, Option<FileReport>)];

/// Checks that a file has the right content.
pub(super) type Check<'a> = &'a dyn Fn(&Path) -> Result<Verification, Error>;

/// The state of one call of [`Fetcher::fetch`](super::Fetcher::fetch).
pub(super) struct Run<'a> {
    pub(super) options: &'a FetchOptions,
    pub(super) downloader: &'a Downloader,
    /// Where the files go.
    pub(super) directory: &'a Path,
    pub(super) observer: &'a mut dyn FnMut(&Event<'_>),
    /// Base URLs, except unreachable ones.
    pub(super) mirrors: Vec<String>,
    pub(super) failures: Vec<SourceFailure>,
}

impl Run<'_> {
    /// Finds a file in the directory, raw or gzip.
    pub(super) fn find(&mut self, expected: &Expected<'_>) -> Result<Option<FileReport>, Error> {
        for path in expected.paths(self.directory) {
            if let Some(report) = self.verify(&path, &|path| expected.check(path))? {
                return Ok(Some(report));
            }
        }
        Ok(None)
    }

    /// Verifies the file at `path`, if there is one. A wrong one is renamed, not deleted: it may be
    /// the user's own work.
    pub(super) fn verify(&mut self, path: &Path, check: Check<'_>) -> Result<Option<FileReport>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        match check(path) {
            Ok(verification) => {
                (self.observer)(&Event::AlreadyThere { path, verification });
                Ok(Some(FileReport { path: path.to_owned(), verification, source: None }))
            }
            Err(error @ Error::Io { .. }) => Err(error),
            Err(problem) => {
                let aside = free_name(path);
                fs::rename(path, &aside).map_err(Error::io("rename", path))?;
                let reason = &problem.to_string();
                (self.observer)(&Event::SetAside { from: path, to: &aside, reason });
                Ok(None)
            }
        }
    }

    /// Downloads the missing files.
    pub(super) fn ask_mirrors(&mut self, files: &mut Files<'_>) -> Result<(), Error> {
        for (expected, report) in files.iter_mut().filter(|(_, report)| report.is_none()) {
            let name = format!("{}.gz", expected.file.name);
            let check = |path: &Path| expected.check(path);
            *report = self.download(&name, &self.directory.join(&name), expected.file.gz_bytes, &check)?;
        }
        Ok(())
    }

    /// Downloads `name` to `target` from the first mirror whose file has `bytes` bytes and passes
    /// `check`.
    pub(super) fn download(
        &mut self,
        name: &str,
        target: &Path,
        bytes: u64,
        check: Check<'_>,
    ) -> Result<Option<FileReport>, Error> {
        let part = with_suffix(target, ".part");
        for mirror in self.mirrors.clone() {
            let url = format!("{}/{name}", mirror.trim_end_matches('/'));
            (self.observer)(&Event::Started { file: name, source: &url });
            let mut progress = |done| (self.observer)(&Event::Progress { file: name, done, total: bytes });
            let result = download_verified(self.downloader, &url, &part, bytes, check, &mut progress);
            if let Err(Trouble::Unreachable(_)) = result {
                self.mirrors.retain(|other| *other != mirror);
            }
            if let Some(verification) = self.tried(&url, result)? {
                return self.accept(&part, target, &url, verification).map(Some);
            }
        }
        Ok(None)
    }

    /// Returns the value of a result, or records the failure of `source` unless the disk failed.
    pub(super) fn tried<T>(&mut self, source: &str, result: Result<T, Trouble>) -> Result<Option<T>, Error> {
        let reason = match result {
            Ok(given) => return Ok(Some(given)),
            Err(Trouble::Disk(error)) => return Err(error),
            Err(Trouble::Unreachable(reason) | Trouble::Broken(reason) | Trouble::Refused(reason)) => reason,
        };
        (self.observer)(&Event::SourceFailed { source, reason: &reason });
        self.failures.push(SourceFailure { source_name: source.to_owned(), reason });
        Ok(None)
    }

    /// Renames a verified file to its final name, durably.
    pub(super) fn accept(
        &mut self,
        from: &Path,
        target: &Path,
        source: &str,
        verification: Verification,
    ) -> Result<FileReport, Error> {
        let file = OpenOptions::new().write(true).open(from).map_err(Error::io("open", from))?;
        file.sync_all().map_err(Error::io("sync", from))?;
        fs::rename(from, target).map_err(Error::io("rename", from))?;
        sync_directory_of(target).map_err(Error::io("sync the directory of", target))?;
        (self.observer)(&Event::Fetched { path: target, source, verification });
        Ok(FileReport { path: target.to_owned(), verification, source: Some(source.to_owned()) })
    }
}

fn download_verified(
    downloader: &Downloader,
    url: &str,
    part: &Path,
    bytes: u64,
    check: Check<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Verification, Trouble> {
    // Bytes of an earlier run may be from another file, so start over once if they do not verify.
    let mut resumed = fs::metadata(part).is_ok_and(|metadata| metadata.len() > 0);
    loop {
        downloader.download(url, part, bytes, progress)?;
        match check(part) {
            Err(problem) if !matches!(problem, Error::Io { .. }) => {
                fs::remove_file(part).map_err(Error::io("remove", part))?;
                if !std::mem::take(&mut resumed) {
                    return Err(problem.into());
                }
            }
            checked => return Ok(checked?),
        }
    }
}

/// Returns the first of `path.rejected`, `path.rejected-2`, ... that does not exist.
fn free_name(path: &Path) -> PathBuf {
    let mut aside = with_suffix(path, ".rejected");
    let mut number = 2;
    while aside.symlink_metadata().is_ok() {
        aside = with_suffix(path, &format!(".rejected-{number}"));
        number += 1;
    }
    aside
}

/// Appends a suffix to a file name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Creates the directory and locks it until the returned file is closed. On a file system without
/// locks, concurrent downloads may corrupt each other, which verification detects.
pub(super) fn lock(directory: &Path, observer: &mut dyn FnMut(&Event<'_>)) -> Result<File, Error> {
    fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let path = directory.join(".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            observer(&Event::Waiting { directory });
            file.lock().map_err(Error::io("lock", &path))?;
        }
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
    }
    Ok(file)
}
