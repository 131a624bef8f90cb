//! Files out of a published zip archive, which several datasets share. A file of its own because EMNIST alone comes
//! this way: one archive of half a gigabyte, kept beside the datasets so that the next one needs no download, and
//! `.gz` files in it, which are taken out as they are.

use super::verify::{Expected, check_sha256, write_sums};
use super::{Event, FileReport, Run, Verification, appended, lock};
use crate::Error;
use crate::catalog::Archive;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

impl Run<'_> {
    /// Makes the archive be there, verified, and takes the files that are missing out of it.
    pub(super) fn open_archive(
        &mut self,
        archive: &Archive,
        data_dir: &Path,
        wanted: &[Expected<'_>],
        reports: &mut [Option<FileReport>],
    ) -> Result<(), Error> {
        let directory = data_dir.join(archive.directory);
        let _lock = lock(&directory, self.observer)?;
        let path = directory.join(archive.name);
        if !self.archive_present(archive, &path)? {
            let check = |path: &Path| check_sha256(path, archive.sha256);
            if self.download_verified(archive.name, &path, archive.bytes, &check)?.is_none() {
                return Ok(());
            }
        }

        let source = path.display().to_string();
        let mut members = Vec::new();
        for (expected, report) in wanted.iter().zip(reports.iter_mut()).filter(|(_, report)| report.is_none())
        {
            let name = format!("{}.gz", expected.file.name);
            self.observer.on_event(&Event::Started { file: &name, source: &source });
            let target = self.directory.join(&name);
            let part = appended(&target, ".part");
            let problem = match extract(&path, &name, expected.file.gz_bytes, &part)? {
                Err(reason) => reason,
                Ok(()) => match expected.check_member(&part) {
                    Ok(()) => {
                        members.push((part, target, report));
                        continue;
                    }
                    Err(error @ Error::Io { .. }) => return Err(error),
                    Err(problem) => problem.to_string(),
                },
            };
            remove_if_there(&part)?;
            self.failed(&source, problem);
        }
        if members.is_empty() {
            return Ok(());
        }
        // The sums first: were it ended in between, files without sums could not be verified, but sums without files
        // do no harm. Only what came out of the archive is vouched for; other files keep the verification they had.
        let sums: Vec<(&Path, &Path)> =
            members.iter().map(|(part, target, _)| (part.as_path(), target.as_path())).collect();
        write_sums(self.directory, &sums)?;
        for (part, target, report) in members {
            let verification = Verification::FromVerifiedArchive;
            *report = Some(self.accept(&part, &target, &source, verification)?);
        }
        Ok(())
    }

    fn archive_present(&mut self, archive: &Archive, path: &Path) -> Result<bool, Error> {
        if !path.exists() {
            return Ok(false);
        }
        match check_sha256(path, archive.sha256) {
            Ok(verification) => {
                self.observer.on_event(&Event::AlreadyThere { path, verification });
                Ok(true)
            }
            Err(error @ Error::Io { .. }) => Err(error),
            Err(problem) => {
                self.set_aside(path, &problem)?;
                Ok(false)
            }
        }
    }
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Copies the member called `name`, in whatever folder, to `part`: at most `limit` bytes.
///
/// The outer error is the disk's, the inner one the archive's.
fn extract(archive: &Path, name: &str, limit: u64, part: &Path) -> Result<Result<(), String>, Error> {
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    let mut zip = match ZipArchive::new(BufReader::new(file)) {
        Ok(zip) => zip,
        Err(error) => return Ok(Err(format!("no readable zip archive: {error}"))),
    };
    let is_wanted = |member: &Cow<'_, str>| member.rsplit('/').next() == Some(name);
    let Some(member) = zip.file_names().flatten().find(is_wanted).map(Cow::into_owned) else {
        return Ok(Err(format!("has no {name}")));
    };
    let member = match zip.by_name(&member) {
        Ok(member) => member,
        Err(error) => return Ok(Err(format!("{name}: {error}"))),
    };
    let mut out = File::create(part).map_err(Error::io("create", part))?;
    match io::copy(&mut member.take(limit + 1), &mut out) {
        Ok(count) if count <= limit => Ok(Ok(())),
        Ok(_) => Ok(Err(format!("{name} is larger than the expected {limit} bytes"))),
        Err(error) if error.raw_os_error().is_some() => Err(Error::io("write", part)(error)),
        Err(error) => Ok(Err(format!("{name}: {error}"))),
    }
}
