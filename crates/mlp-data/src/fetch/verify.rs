//! Verifying that a file is the one in the catalog, by its checksum where one is published and by
//! its shape otherwise.

use crate::Error;
use crate::catalog::{CatalogEntry, CatalogFile, Checksum};
use crate::dataset::hex;
use crate::fs::{with_suffix, write_atomically};
use crate::idx::{ElementType, Idx, read_idx_at_most};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// How a file was found to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verification {
    /// Its SHA-256, or that of its uncompressed content, is the published one.
    Sha256,
    /// Its MD5 is the published one; no SHA-256 of it is published.
    Md5,
    /// It came out of an archive whose SHA-256 is the published one.
    FromVerifiedArchive,
    /// Its type, shape and exact size, for want of a checksum of this form of the file.
    Shape,
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256 verified",
            Self::Md5 => "MD5 verified; no SHA-256 is published",
            Self::FromVerifiedArchive => "from the archive with the published SHA-256",
            Self::Shape => "shape and size verified; no checksum of this form is published",
        })
    }
}

/// What a file must be.
pub(super) struct Expected<'a> {
    pub(super) file: &'a CatalogFile,
    element: ElementType,
    shape: Vec<usize>,
    /// What `SHA256SUMS` in its directory says, by the name with `.gz`.
    recorded: Option<String>,
}

/// What the four files of `entry` must be, images and labels for training, then for test.
pub(super) fn expectations<'a>(
    entry: &'a CatalogEntry,
    directory: &Path,
) -> Result<Vec<Expected<'a>>, Error> {
    let mut recorded = read_sums(directory)?;
    let mut all = Vec::new();
    for split in [&entry.train, &entry.test] {
        let images = vec![split.len, entry.shape.height, entry.shape.width];
        let (element, labels) = match entry.labels.columns {
            1 => (ElementType::U8, vec![split.len]),
            columns => (ElementType::I32, vec![split.len, columns]),
        };
        for (file, element, shape) in
            [(&split.images, ElementType::U8, images), (&split.labels, element, labels)]
        {
            let recorded = recorded.remove(&format!("{}.gz", file.name));
            all.push(Expected { file, element, shape, recorded });
        }
    }
    Ok(all)
}

impl Expected<'_> {
    /// Where the file may be: raw or gzip.
    pub(super) fn paths(&self, directory: &Path) -> [PathBuf; 2] {
        let raw = directory.join(self.file.name);
        let gz = with_suffix(&raw, ".gz");
        [raw, gz]
    }

    /// The size of the uncompressed file in bytes.
    pub(super) fn idx_bytes(&self) -> u64 {
        let count = self.shape.iter().product::<usize>();
        (4 + 4 * self.shape.len() + self.element.size() * count) as u64
    }

    /// Verifies `path`, whatever its name.
    pub(super) fn check(&self, path: &Path) -> Result<Verification, Error> {
        match self.file.checksum {
            Checksum::Sha256OfIdx(sum) => {
                let mut hasher = HashWriter(Sha256::new());
                self.read(path)?.write_to(&mut hasher).expect("a hasher takes everything");
                compare(path, "SHA-256 of the uncompressed content", &hex(&hasher.0.finalize()), sum)?;
                Ok(Verification::Sha256)
            }
            Checksum::Sha256OfGz(sum) if is_gzip(path)? => check_sha256(path, sum),
            Checksum::Md5OfGz(sum) if is_gzip(path)? => {
                compare(path, "MD5", &hash_file::<Md5>(path)?, sum)?;
                Ok(Verification::Md5)
            }
            Checksum::OfArchive if is_gzip(path)? && self.recorded.is_some() => {
                check_sha256(path, self.recorded.as_deref().unwrap_or_default())?;
                Ok(Verification::FromVerifiedArchive)
            }
            Checksum::Sha256OfGz(_) | Checksum::Md5OfGz(_) | Checksum::OfArchive => {
                self.read(path)?;
                Ok(Verification::Shape)
            }
        }
    }

    /// Verifies what has just come out of a verified archive: that is the authority, not the sums
    /// that an earlier one, or anybody, left in the directory.
    pub(super) fn check_member(&self, path: &Path) -> Result<(), Error> {
        match self.file.checksum {
            Checksum::OfArchive => self.read(path).map(drop),
            _ => self.check(path).map(drop),
        }
    }

    /// Reads the whole array, which checks everything about it that has no checksum. What it takes
    /// of memory is for the catalog to say, not for the file: it comes from anywhere.
    fn read(&self, path: &Path) -> Result<Idx, Error> {
        let idx = read_idx_at_most(path, self.idx_bytes())?;
        if (idx.data().element(), idx.shape()) != (self.element, &self.shape[..]) {
            return Err(Error::Mismatch {
                path: path.to_owned(),
                what: "content",
                expected: format!("{} with shape {:?}", self.element, self.shape),
                found: format!("{} with shape {:?}", idx.data().element(), idx.shape()),
            });
        }
        Ok(idx)
    }
}

/// Verifies a file as a whole by its SHA-256.
pub(super) fn check_sha256(path: &Path, sum: &str) -> Result<Verification, Error> {
    compare(path, "SHA-256", &hash_file::<Sha256>(path)?, sum)?;
    Ok(Verification::Sha256)
}

fn compare(path: &Path, what: &'static str, found: &str, expected: &str) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.to_owned(), expected.to_owned());
    Err(Error::Mismatch { path: path.to_owned(), what, expected, found })
}

fn is_gzip(path: &Path) -> Result<bool, Error> {
    let mut magic = [0; 2];
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    match file.read_exact(&mut magic) {
        Ok(()) => Ok(magic == [0x1f, 0x8b]),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(false),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn hash_file<D: Digest>(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hasher = HashWriter(D::new());
    io::copy(&mut BufReader::with_capacity(1 << 16, &mut file), &mut hasher)
        .map_err(Error::io("read", path))?;
    Ok(hex(&hasher.0.finalize()))
}

struct HashWriter<D>(D);

impl<D: Digest> Write for HashWriter<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name under which the sums of what came out of a verified archive are kept, in the format of
/// `sha256sum`.
const SUMS: &str = "SHA256SUMS";

/// Records the sums of files that came out of a verified archive, so that they can be verified
/// without it: of each the file as it lies there now and the one that it will be. What is recorded
/// of other files stays.
pub(super) fn write_sums<'a>(
    directory: &Path,
    files: impl Iterator<Item = (&'a Path, &'a Path)>,
) -> Result<(), Error> {
    let mut sums = read_sums(directory)?;
    for (file, target) in files {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        sums.insert(name.into_owned(), hash_file::<Sha256>(file)?);
    }
    let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    let path = directory.join(SUMS);
    write_atomically(&path, |out| out.write_all(lines.as_bytes())).map_err(Error::io("write", &path))
}

fn read_sums(directory: &Path) -> Result<BTreeMap<String, String>, Error> {
    let path = directory.join(SUMS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    #[test]
    fn a_file_that_promises_more_than_the_catalog_is_refused_by_its_header() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labels.gz");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[0, 0, 8, 1, 0, 1, 0, 0]).unwrap();
        encoder.write_all(&[7; 1 << 16]).unwrap();
        let mut bytes = encoder.finish().unwrap();
        // Whoever reads to the end finds a wrong checksum there; the header comes first.
        let checksum = bytes.len() - 8;
        bytes[checksum] ^= 1;
        fs::write(&path, bytes).unwrap();
        for (labels, part) in [
            ((1 << 16) - 1, "u8 with shape [65536], 65544 bytes, expected at most 65543 bytes"),
            (1 << 16, "damaged gzip data"),
        ] {
            let file = CatalogFile { name: "labels", gz_bytes: 99, checksum: Checksum::OfArchive };
            let expected =
                Expected { file: &file, element: ElementType::U8, shape: vec![labels], recorded: None };
            let message = expected.check(&path).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
