//! Extracting files from a zip archive that several datasets share: EMNIST's half a gigabyte, which
//! is kept for the other datasets.

use super::run::{Files, Run, lock, with_suffix};
use super::trouble::Trouble;
use super::verify::{check_sha256, write_sums};
use super::{Event, Verification};
use crate::Error;
use crate::catalog::Archive;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

impl Run<'_> {
    /// Downloads the archive if it is missing, and extracts the missing files.
    pub(super) fn open_archive(
        &mut self,
        archive: &Archive,
        data_dir: &Path,
        files: &mut Files<'_>,
    ) -> Result<(), Error> {
        let directory = data_dir.join(archive.directory);
        let _lock = lock(&directory, self.observer)?;
        let path = directory.join(archive.name);
        let check = |path: &Path| check_sha256(path, archive.sha256);
        if self.verify(&path, &check)?.is_none()
            && self.download(archive.name, &path, archive.bytes, &check)?.is_none()
        {
            return Ok(());
        }

        let source = path.display().to_string();
        let mut members = Vec::new();
        for (expected, report) in files.iter_mut().filter(|(_, report)| report.is_none()) {
            let name = format!("{}.gz", expected.file.name);
            (self.observer)(&Event::Started { file: &name, source: &source });
            let target = self.directory.join(&name);
            let part = with_suffix(&target, ".part");
            let extracted = extract(&path, &name, expected.file.gz_bytes, &part)
                .and_then(|()| Ok(expected.check_member(&part)?));
            if extracted.is_err() && part.exists() {
                fs::remove_file(&part).map_err(Error::io("remove", &part))?;
            }
            if self.tried(&source, extracted)?.is_some() {
                members.push((part, target, report));
            }
        }
        if members.is_empty() {
            return Ok(());
        }
        // The sums first, so that an interruption leaves no file that cannot be verified.
        write_sums(
            self.directory,
            members.iter().map(|(part, target, _)| (part.as_path(), target.as_path())),
        )?;
        for (part, target, report) in members {
            *report = Some(self.accept(&part, &target, &source, Verification::FromVerifiedArchive)?);
        }
        Ok(())
    }
}

/// Copies the member `name`, in any folder, to `part`: at most `limit` bytes.
fn extract(archive: &Path, name: &str, limit: u64, part: &Path) -> Result<(), Trouble> {
    let file = File::open(archive).map_err(Error::io("open", archive))?;
    let unreadable = |error: ZipError| Trouble::Refused(format!("no readable zip archive: {error}"));
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let is_wanted = |member: &Cow<'_, str>| member.rsplit('/').next() == Some(name);
    let Some(member) = zip.file_names().flatten().find(is_wanted).map(Cow::into_owned) else {
        return Err(Trouble::Refused(format!("has no {name}")));
    };
    let member = zip.by_name(&member).map_err(|error| Trouble::Refused(format!("{name}: {error}")))?;
    let mut out = File::create(part).map_err(Error::io("create", part))?;
    match io::copy(&mut member.take(limit + 1), &mut out) {
        Ok(count) if count <= limit => Ok(()),
        Ok(_) => Err(Trouble::Refused(format!("{name} is larger than the expected {limit} bytes"))),
        Err(error) if error.raw_os_error().is_some() => Err(Error::io("write", part)(error).into()),
        Err(error) => Err(Trouble::Refused(format!("{name}: {error}"))),
    }
}
