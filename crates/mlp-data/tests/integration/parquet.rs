//! Pictures in Parquet files, written by PyArrow 26 the way Hugging Face's library and its users
//! write them: PNG files or lists of pixels, with or without class names in the metadata.

use std::fs;
use std::path::{Path, PathBuf};

use mlp_data::picture::{GrayPicture, LabeledFiles};
use mlp_data::unpack::labeled_files;
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet").join(name)
}

/// Reads a file or directory; errors begin with its name.
fn read(path: &Path) -> Result<(LabeledFiles, tempfile::TempDir), String> {
    let directory = tempfile::tempdir().unwrap();
    let found = labeled_files(path, &directory.path().join("work"));
    let parent = path.parent().unwrap().display().to_string() + "/";
    found.map(|files| (files, directory)).map_err(|error| error.to_string().replace(&parent, ""))
}

fn pictures(files: &[(PathBuf, u8)]) -> Vec<(u8, GrayPicture)> {
    files.iter().map(|(path, label)| (*label, GrayPicture::read(path).unwrap())).collect()
}

fn levels(files: &[(PathBuf, u8)]) -> Vec<(u8, u8)> {
    pictures(files).iter().map(|(label, picture)| (*label, picture.pixels()[0])).collect()
}

#[test]
fn shards_of_a_split_have_the_class_names_of_their_metadata_in_order() {
    let (files, _directory) = read(&fixture("hub")).unwrap();
    assert_eq!(files.class_names, ["T - shirt / top", "Trouser", "Bag"]);
    assert_eq!(levels(&files.train), [(0, 20), (1, 30), (2, 10), (2, 40)]);
    assert_eq!(levels(files.validation.as_ref().unwrap()), [(1, 50)]);
    assert_eq!(files.test, None);
    assert_eq!(
        files.notes,
        [
            "parts: training from 2 files, validation from validation-00000-of-00001.parquet, test from \
             test-00000-of-00001.parquet",
            "left out the test part, because its examples have no labels"
        ]
    );
}

#[test]
fn lists_of_pixels_are_pictures() {
    let (files, _directory) = read(&fixture("lists.parquet")).unwrap();
    // Natural order, not that of text.
    assert_eq!(files.class_names, ["9", "10"]);
    let found = pictures(&files.train);
    let labels: Vec<u8> = found.iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, [0, 0, 1, 1]);
    assert_eq!((found[0].1.width(), found[0].1.height()), (3, 3));
    assert_eq!(found[0].1.pixels(), [255, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(found[3].1.pixels(), [27, 28, 29, 30, 31, 32, 33, 34, 35]);

    // The same levels as fractions, in lists of a fixed size.
    let (fixed, _directory) = read(&fixture("fixed.parquet")).unwrap();
    assert_eq!(fixed.class_names, ["1", "3"]);
    assert_eq!(fixed.notes, ["pixels from 0 to 1 were scaled to 255"]);
    assert_eq!(pictures(&fixed.train)[2].1, found[0].1);

    // Lists of rows, with another page format.
    let (rows, _directory) = read(&fixture("rows.parquet")).unwrap();
    let found = pictures(&rows.train);
    assert_eq!(rows.class_names, ["a", "b"]);
    assert_eq!((found[1].1.width(), found[1].1.height()), (3, 2));
    assert_eq!(found[1].1.pixels(), [1, 2, 3, 4, 5, 250]);
    assert_eq!(found[0].1.pixels(), [7, 8, 9, 10, 11, 12]);
}

#[test]
fn one_file_is_enough_and_others_beside_it_are_noted() {
    let (files, _directory) = read(&fixture("hub/data/validation-00000-of-00001.parquet")).unwrap();
    assert_eq!((files.train.len(), files.class_names.len()), (1, 3));
    assert!(
        files.notes[0].starts_with("only validation-00000-of-00001.parquet is used"),
        "{:?}",
        files.notes
    );
    let (gzip, _directory) = read(&fixture("gzip.parquet")).unwrap();
    assert_eq!(levels(&gzip.train), [(0, 10), (1, 20)]);
}

#[test]
fn what_cannot_be_read_is_named() {
    for (file, said) in [
        ("hub/data/train-00000-of-00002.parquet", "is one of 2 files of its part; import the directory"),
        ("zstd.parquet", "its columns are compressed with ZSTD; expected Snappy, gzip or no compression"),
        ("no-picture.parquet", "row 1: has no picture; expected the bytes of a picture file"),
        ("label-7.parquet", "row 1: its label is 7; expected 0 to 2, as there are 3 class names"),
        ("half-labeled.parquet", "1 of 2 rows have no label; expected labels in all rows"),
        ("no-images.parquet", "found no column of pictures among its columns (text, label)"),
        ("two-labels.parquet", "found 2 columns (fine, coarse) of labels among its columns"),
        ("no-square.parquet", "row 0: its picture has 3 pixels, which are not a square"),
        ("ragged.parquet", "row 0: its picture is missing or incomplete"),
        ("level-999.parquet", "row 0: has a pixel of 999; expected levels from 0 to 255"),
    ] {
        let error = read(&fixture(file)).unwrap_err();
        let name = file.rsplit('/').next().unwrap();
        assert!(error.starts_with(&format!("{name}: {said}")), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn directories_need_all_shards_and_a_training_part() {
    let copy = |names: &[(&str, &str)]| {
        let directory = tempfile::tempdir().unwrap();
        for (from, to) in names {
            let to = directory.path().join("set").join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(fixture("hub/data").join(from), to).unwrap();
        }
        read(&directory.path().join("set")).map(|(files, _)| files)
    };
    let (first, second) = ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet");
    let other = "validation-00000-of-00001.parquet";
    assert_eq!(
        copy(&[(second, second)]).unwrap_err(),
        "set: the training part has 1 of its 2 files, number 0 is missing; get all of them"
    );
    assert!(copy(&[(other, other)]).unwrap_err().starts_with("set: found only a validation part"));
    assert!(
        copy(&[(first, "a/train.parquet"), (second, "b/train.parquet")])
            .unwrap_err()
            .starts_with("set: found a/train.parquet and b/train.parquet, both for the training part")
    );
    assert!(
        copy(&[(first, "train.parquet"), (second, "more.parquet")])
            .unwrap_err()
            .starts_with("set: cannot tell which part of a split more.parquet is")
    );
    // Named after their directories, and next to nothing else.
    let files =
        copy(&[(first, "train/0000.parquet"), (second, "train/0001.parquet"), (other, "test/0000.parquet")]);
    let files = files.unwrap();
    assert_eq!((files.train.len(), files.test.unwrap().len()), (4, 1));
    assert_eq!(copy(&[(first, "a.parquet"), (second, "b.parquet")]).unwrap().train.len(), 4);
}

#[test]
fn a_page_cannot_promise_more_than_a_file_may_hold() {
    // The size of the first page, which is the dictionary of the pictures: uncompressed.
    let mut bytes = fs::read(fixture("gzip.parquet")).unwrap();
    assert_eq!(bytes[4..7], [0x15, 0x04, 0x15]);
    bytes.splice(7..9, [0xfe, 0xff, 0xff, 0xff, 0x0f]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bomb.parquet");
    fs::write(&path, bytes).unwrap();
    let error = read(&path).unwrap_err();
    assert!(error.contains("declares 2147483647"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_files_are_errors_or_pictures(
        file in prop::sample::select(vec!["lists.parquet", "rows.parquet", "gzip.parquet", "hub/data/validation-00000-of-00001.parquet"]),
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..5),
        cut in prop::option::weighted(0.1, any::<usize>()),
    ) {
        let mut bytes = fs::read(fixture(file)).unwrap();
        let length = bytes.len();
        for (at, byte) in changes {
            bytes[at % length] = byte;
        }
        bytes.truncate(cut.map_or(length, |cut| cut % length));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.parquet");
        fs::write(&path, bytes).unwrap();
        let _ = read(&path);
    }
}
