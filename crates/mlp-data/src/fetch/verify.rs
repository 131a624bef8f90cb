//! Verifying files of the catalog, by the published checksum or else by shape.

use crate::Error;
use crate::catalog::{CatalogEntry, CatalogFile, Checksum};
use crate::dataset::hex;
use crate::fs::write_atomically;
use crate::idx::{ElementType, Idx, read_idx_at_most};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// How a file was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verification {
    /// By the published SHA-256 of the file or its uncompressed content.
    Sha256,
    /// By the published MD5; no SHA-256 is published.
    Md5,
    /// By the published SHA-256 of the archive it came from.
    FromVerifiedArchive,
    /// By type, shape and exact size; no checksum of this form of the file is published.
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

/// The expected content of a file.
pub(super) struct Expected<'a> {
    pub(super) file: &'a CatalogFile,
    element: ElementType,
    shape: Vec<usize>,
    /// The SHA-256 of the `.gz` file in `SHA256SUMS`.
    recorded: Option<String>,
}

/// Returns the expected content of the files of `entry`: training images and labels, then test.
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
    /// The possible paths: raw or gzip.
    pub(super) fn paths(&self, directory: &Path) -> [PathBuf; 2] {
        [directory.join(self.file.name), directory.join(format!("{}.gz", self.file.name))]
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
                self.read(path)?.write_to(&mut hasher).expect("writing to a hasher cannot fail");
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

    /// Verifies a file from a verified archive, which overrules the sums in the directory.
    pub(super) fn check_member(&self, path: &Path) -> Result<(), Error> {
        match self.file.checksum {
            Checksum::OfArchive => self.read(path).map(drop),
            _ => self.check(path).map(drop),
        }
    }

    /// Reads the array and checks its type and shape. Its memory is limited by the catalog, not by
    /// the untrusted file.
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

/// Verifies the SHA-256 of a whole file.
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

/// The sums of the files from a verified archive, in the format of `sha256sum`.
const SUMS: &str = "SHA256SUMS";

/// Records the sums of files from a verified archive, so that they can be verified without it.
/// `files` are pairs of the current path and the final path. Sums of other files are kept.
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
    fn a_header_that_promises_more_than_the_catalog_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labels.gz");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[0, 0, 8, 1, 0, 1, 0, 0]).unwrap();
        encoder.write_all(&[7; 1 << 16]).unwrap();
        let mut bytes = encoder.finish().unwrap();
        // The checksum at the end is wrong, but the header is checked first.
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
