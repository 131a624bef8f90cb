//! Damaged files of a dataset, in one table: each gives a one-line error that names the file, what
//! was found and what was expected.

use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_data::catalog::MNIST_FILE_NAMES;
use mlp_data::idx::{Idx, IdxData, write_idx};
use mlp_data::{Dataset, Datasets, Error, ImageShape};
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

const TRAIN_IMAGES: &str = MNIST_FILE_NAMES[0];
const TRAIN_LABELS: &str = MNIST_FILE_NAMES[1];
const TEST_IMAGES: &str = MNIST_FILE_NAMES[2];
const TEST_LABELS: &str = MNIST_FILE_NAMES[3];

/// A data directory with a well-formed `mnist` of 6 and 3 images.
fn good() -> TempDir {
    let data = TempDir::new().unwrap();
    let directory = data.path().join("mnist");
    fs::create_dir(&directory).unwrap();
    for (images, labels, count) in [(TRAIN_IMAGES, TRAIN_LABELS, 6), (TEST_IMAGES, TEST_LABELS, 3)] {
        let pixels = (0..count * 4).map(|i| i as u8).collect();
        write_idx(&directory.join(images), &Idx::new(vec![count, 2, 2], IdxData::U8(pixels))).unwrap();
        write_idx(&directory.join(labels), &Idx::new(vec![count], IdxData::U8((0..count as u8).collect())))
            .unwrap();
    }
    data
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Changes the bytes of a file.
fn edit(directory: &Path, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let path = directory.join(name);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, change(bytes)).unwrap();
}

/// Sets one byte.
fn with(mut bytes: Vec<u8>, index: usize, byte: u8) -> Vec<u8> {
    bytes[index] = byte;
    bytes
}

/// Cuts off the last `count` bytes.
fn without_end(mut bytes: Vec<u8>, count: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - count);
    bytes
}

/// Writes images of this shape and their labels, all zero.
fn write_pair(directory: &Path, images: &str, labels: &str, shape: [usize; 3]) {
    let zeros = |count| IdxData::U8(vec![0; count]);
    let array = Idx::new(shape.to_vec(), zeros(shape.iter().product()));
    write_idx(&directory.join(images), &array).unwrap();
    write_idx(&directory.join(labels), &Idx::new(vec![shape[0]], zeros(shape[0]))).unwrap();
}

type Damage = fn(&Path);

#[test]
fn every_damaged_file_is_an_error_in_one_line() {
    let cases: &[(&str, Damage, &[&str])] = &[
        (
            "missing",
            |d| fs::remove_file(d.join(TEST_LABELS)).unwrap(),
            &["dataset mnist is not in", TEST_LABELS, "mlp data fetch mnist"],
        ),
        (
            "all missing",
            |d| fs::remove_dir_all(d).unwrap(),
            &[TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS],
        ),
        ("empty", |d| edit(d, TRAIN_IMAGES, |_| vec![]), &[TRAIN_IMAGES, "is empty"]),
        (
            "directory",
            |d| {
                fs::remove_file(d.join(TRAIN_IMAGES)).unwrap();
                fs::create_dir(d.join(TRAIN_IMAGES)).unwrap();
            },
            &[TRAIN_IMAGES, "is a directory"],
        ),
        (
            "truncated",
            |d| edit(d, TRAIN_IMAGES, |b| without_end(b, 5)),
            &[TRAIN_IMAGES, "truncated", "hold 40 bytes", "35 are there"],
        ),
        (
            "truncated header",
            |d| edit(d, TRAIN_LABELS, |b| b[..6].to_vec()),
            &[TRAIN_LABELS, "hold 8 bytes", "6 are there"],
        ),
        (
            "truncated gzip",
            |d| edit(d, TRAIN_IMAGES, |b| without_end(gzip(&b), 12)),
            &[TRAIN_IMAGES, "get the file again"],
        ),
        (
            "gzip without its end",
            |d| edit(d, TRAIN_IMAGES, |b| without_end(gzip(&b), 3)),
            &[TRAIN_IMAGES, "damaged gzip data (the end of the stream is missing)"],
        ),
        (
            "oversized header",
            |d| edit(d, TRAIN_IMAGES, |b| with(b, 4, 0x7f)),
            &[TRAIN_IMAGES, "header is damaged", "hold 8522825768 bytes", "40 are there"],
        ),
        (
            "oversized header in gzip",
            |d| edit(d, TRAIN_IMAGES, |b| gzip(&with(b, 4, 0x7f))),
            &[TRAIN_IMAGES, "declares an array of [2130706438, 2, 2]", "on disk can hold"],
        ),
        (
            "wrong magic",
            |d| edit(d, TRAIN_LABELS, |b| with(b, 0, b'P')),
            &[TRAIN_LABELS, "starts with 50 00 08 01", "00 00", "1f 8b"],
        ),
        ("wrong type", |d| edit(d, TRAIN_LABELS, |b| with(b, 2, 7)), &[TRAIN_LABELS, "element type 07"]),
        (
            "trailing bytes",
            |d| edit(d, TRAIN_LABELS, |b| [b, vec![1]].concat()),
            &[TRAIN_LABELS, "has more than the 14 bytes"],
        ),
        (
            "trailing bytes in gzip",
            |d| edit(d, TRAIN_LABELS, |b| gzip(&[b, vec![1]].concat())),
            &[TRAIN_LABELS, "has more than the 14 bytes"],
        ),
        (
            "two gzip streams",
            |d| edit(d, TRAIN_LABELS, |b| [gzip(&b), gzip(&b)].concat()),
            &[TRAIN_LABELS, "follow the end of its gzip stream"],
        ),
        (
            "garbage after gzip",
            |d| edit(d, TRAIN_LABELS, |b| [gzip(&b), vec![0; 5]].concat()),
            &[TRAIN_LABELS, "follow the end of its gzip stream"],
        ),
        (
            "a flipped bit in gzip's checksum",
            |d| {
                edit(d, TRAIN_LABELS, |b| {
                    let mut z = gzip(&b);
                    let i = z.len() - 6;
                    z[i] ^= 4;
                    z
                })
            },
            &[TRAIN_LABELS, "damaged gzip data"],
        ),
        (
            "something else in gzip",
            |d| edit(d, TRAIN_LABELS, |_| gzip(b"<html>")),
            &[TRAIN_LABELS, "its gzip content starts with 3c 68 74 6d"],
        ),
        (
            "a .gz that is not gzip",
            |d| {
                fs::remove_file(d.join(TRAIN_LABELS)).unwrap();
                fs::write(d.join(format!("{TRAIN_LABELS}.gz")), "<html>").unwrap();
            },
            &[
                "train-labels-idx1-ubyte.gz",
                "is not an IDX file",
                "an HTML page",
                "00 00 (IDX)",
                "1f 8b (gzip)",
            ],
        ),
        (
            "swapped",
            |d| {
                fs::rename(d.join(TRAIN_LABELS), d.join("x")).unwrap();
                fs::rename(d.join(TRAIN_IMAGES), d.join(TRAIN_LABELS)).unwrap();
                fs::rename(d.join("x"), d.join(TRAIN_IMAGES)).unwrap();
            },
            &[TRAIN_LABELS, "does not hold labels (u8, rank 1)", "u8 with shape [6, 2, 2]", "swapped?"],
        ),
        (
            "labels as images",
            |d| edit(d, TEST_IMAGES, |_| fs::read(d.join(TEST_LABELS)).unwrap()),
            &[TEST_IMAGES, "does not hold images (u8, rank 3)", "u8 with shape [3]", "swapped?"],
        ),
        (
            "label out of range",
            |d| edit(d, TRAIN_LABELS, |b| with(b, 9, 10)),
            &[TRAIN_LABELS, "label 10 of example 1", "0 to 9"],
        ),
        (
            "labels of another set",
            |d| edit(d, TRAIN_LABELS, |_| fs::read(d.join(TEST_LABELS)).unwrap()),
            &[TRAIN_IMAGES, TRAIN_LABELS, "6 images but 3 labels"],
        ),
        (
            "images of another shape",
            |d| write_idx(&d.join(TEST_IMAGES), &Idx::new(vec![3, 1, 5], IdxData::U8(vec![0; 15]))).unwrap(),
            &[TRAIN_IMAGES, TEST_IMAGES, "training images are 2x2, test images 1x5"],
        ),
        (
            "images without pixels",
            |d| write_idx(&d.join(TEST_IMAGES), &Idx::new(vec![3, 0, 5], IdxData::U8(vec![]))).unwrap(),
            &[TEST_IMAGES, "images of 0x5 pixels"],
        ),
        (
            "no training examples",
            |d| write_pair(d, TRAIN_IMAGES, TRAIN_LABELS, [0, 2, 2]),
            &[TRAIN_IMAGES, "holds no examples; expected at least one"],
        ),
        (
            "no test examples",
            |d| write_pair(d, TEST_IMAGES, TEST_LABELS, [0, 2, 2]),
            &[TEST_IMAGES, "holds no examples; expected at least one"],
        ),
        (
            "no examples of a giant shape",
            |d| write_pair(d, TRAIN_IMAGES, TRAIN_LABELS, [0, 65_535, 65_535]),
            &[TRAIN_IMAGES, "holds no examples; expected at least one"],
        ),
    ];
    Datasets::load("mnist", good().path()).expect("the undamaged files load");
    for (what, damage, parts) in cases {
        let data = good();
        damage(&data.path().join("mnist"));
        let message = Datasets::load("mnist", data.path()).expect_err(what).to_string();
        assert!(!message.contains('\n'), "{what}: {message}");
        for part in *parts {
            assert!(message.contains(part), "{what}: {message:?} lacks {part:?}");
        }
    }
}

#[test]
#[cfg(unix)]
fn an_unreadable_file_is_an_error() {
    use std::os::unix::fs::symlink;
    // Root may ignore permissions, but nobody can open a link to itself.
    let data = good();
    let path = data.path().join("mnist").join(TRAIN_IMAGES);
    let idx = path.with_extension("gz");
    fs::remove_file(&path).unwrap();
    symlink(&idx, &idx).unwrap();
    let error = mlp_data::idx::read_idx(&idx).unwrap_err();
    assert!(matches!(error, Error::Io { action: "open", .. }), "{error}");
    assert!(error.to_string().starts_with("cannot open /"), "{error}");
}

#[test]
fn a_directory_with_the_four_files_is_a_dataset() {
    let data = good();
    let directory = data.path().join("mnist");
    let sets = Datasets::load(directory.to_str().unwrap(), Path::new("nowhere")).unwrap();
    assert_eq!((sets.train.len(), sets.test.len(), sets.train.classes()), (6, 3, 6));
    assert_eq!(sets.class_names, ["0", "1", "2", "3", "4", "5"]);
    assert!(Datasets::is_present(directory.to_str().unwrap(), Path::new("nowhere")));

    fs::remove_file(directory.join(TEST_IMAGES)).unwrap();
    let error = Datasets::open_dir(&directory).unwrap_err();
    assert!(matches!(&error, Error::MissingInDirectory { files, .. } if *files == [TEST_IMAGES]), "{error}");
    assert!(!Datasets::is_present(directory.to_str().unwrap(), Path::new("nowhere")));
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let message = Datasets::load("fashion", Path::new("data")).unwrap_err().to_string();
    assert!(message.contains("mnist, fashion-mnist, kmnist, qmnist, emnist-balanced"), "{message}");
    assert!(!Datasets::is_present("fashion", Path::new("data")));
    assert!(Datasets::is_present("synthetic", Path::new("data")));
}

#[test]
fn inconsistent_images_and_labels_are_errors() {
    let shape = ImageShape { height: 2, width: 2 };
    let new =
        |bytes: usize, labels: &[u8], classes| Dataset::new(vec![0; bytes], shape, labels.to_vec(), classes);
    assert!(matches!(new(9, &[0, 0], 2), Err(Error::PartialImage { bytes: 9, pixels: 4 })));
    assert!(matches!(new(8, &[0], 2), Err(Error::CountsDiffer { images: 2, labels: 1 })));
    assert!(matches!(
        new(8, &[0, 2], 2),
        Err(Error::LabelOutOfRange { index: 1, label: 2, first: 0, last: 1 })
    ));
    assert!(matches!(new(8, &[0, 0], 0), Err(Error::Classes { classes: 0 })));
    assert!(matches!(new(8, &[0, 0], 257), Err(Error::Classes { classes: 257 })));
    for (height, width) in [(0, 3), (3, 0), (usize::MAX, 2)] {
        let result = Dataset::new(vec![], ImageShape { height, width }, vec![], 2);
        assert!(matches!(result, Err(Error::NoPixels { .. })));
    }
}

#[test]
fn emnist_is_transposed_and_its_letters_start_at_zero() {
    let data = TempDir::new().unwrap();
    let directory = data.path().join("emnist-letters");
    fs::create_dir(&directory).unwrap();
    for part in ["train", "test"] {
        let images = Idx::new(vec![2, 2, 2], IdxData::U8(vec![1, 2, 3, 4, 5, 6, 7, 8]));
        write_idx(&directory.join(format!("emnist-letters-{part}-images-idx3-ubyte.gz")), &images).unwrap();
        let labels = Idx::new(vec![2], IdxData::U8(vec![1, 26]));
        write_idx(&directory.join(format!("emnist-letters-{part}-labels-idx1-ubyte.gz")), &labels).unwrap();
    }
    let sets = Datasets::load("emnist-letters", data.path()).unwrap();
    assert_eq!(sets.train.images(), [1, 3, 2, 4, 5, 7, 6, 8]);
    assert_eq!(sets.train.labels(), [0, 25]);
    assert_eq!((sets.class_names[0].as_str(), sets.class_names[25].as_str()), ("A", "Z"));

    let bad = Idx::new(vec![2], IdxData::U8(vec![0, 26]));
    write_idx(&directory.join("emnist-letters-test-labels-idx1-ubyte.gz"), &bad).unwrap();
    let message = Datasets::load("emnist-letters", data.path()).unwrap_err().to_string();
    assert!(message.contains("label 0 of example 0 is out of range, expected 1 to 26"), "{message}");
}

#[test]
fn an_empty_array_of_giant_images_is_an_error() {
    let data = TempDir::new().unwrap();
    let directory = data.path().join("emnist-digits");
    fs::create_dir(&directory).unwrap();
    let giant = u32::MAX as usize;
    for part in ["train", "test"] {
        let images = format!("emnist-digits-{part}-images-idx3-ubyte");
        write_pair(
            &directory,
            &images,
            &format!("emnist-digits-{part}-labels-idx1-ubyte"),
            [0, giant, giant],
        );
    }
    let error = Datasets::load("emnist-digits", data.path()).unwrap_err();
    assert!(
        matches!(&error, Error::NoExamples { path } if path.ends_with("emnist-digits-train-images-idx3-ubyte")),
        "{error}"
    );
}

#[test]
fn qmnist_classes_come_from_the_first_of_eight_columns() {
    let data = TempDir::new().unwrap();
    let directory = data.path().join("qmnist");
    fs::create_dir(&directory).unwrap();
    let rows: Vec<i32> = (0..3).flat_map(|row| (0..8).map(move |column| row + 100_000 * column)).collect();
    for part in ["train", "test"] {
        let images = Idx::new(vec![3, 1, 1], IdxData::U8(vec![7, 8, 9]));
        write_idx(&directory.join(format!("qmnist-{part}-images-idx3-ubyte")), &images).unwrap();
        let labels = Idx::new(vec![3, 8], IdxData::I32(rows.clone()));
        write_idx(&directory.join(format!("qmnist-{part}-labels-idx2-int")), &labels).unwrap();
    }
    let sets = Datasets::load("qmnist", data.path()).unwrap();
    assert_eq!((sets.train.labels(), sets.test.labels()), (&[0, 1, 2][..], &[0, 1, 2][..]));

    let plain = Idx::new(vec![3], IdxData::U8(vec![0, 1, 2]));
    write_idx(&directory.join("qmnist-test-labels-idx2-int"), &plain).unwrap();
    let message = Datasets::load("qmnist", data.path()).unwrap_err().to_string();
    assert!(
        message.contains("does not hold labels (i32, rank 2, 8 columns): found an IDX array of u8"),
        "{message}"
    );
}
