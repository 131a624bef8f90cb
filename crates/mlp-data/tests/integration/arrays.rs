//! Datasets as tables and arrays: other programs' files are read, our own are read back, and
//! damaged or ambiguous ones are refused.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_data::arrays::{ArrayOptions, ExportFormat, LabeledArrays, LabeledPixels};
use mlp_data::idx::{Idx, IdxData, write_idx};
use mlp_data::npy::{Array, Values};
use mlp_data::picture::{GrayPicture, LabeledFiles};
use mlp_data::{Dataset, Datasets, ImageShape, Polarity, Preprocessing};
use proptest::prelude::*;
use tempfile::TempDir;

fn open_with(path: &Path, options: &ArrayOptions) -> Result<LabeledArrays, String> {
    let found = LabeledArrays::open(path, options).map_err(|error| error.to_string())?;
    found.ok_or_else(|| "no arrays".to_owned())
}

fn open(path: &Path) -> Result<LabeledArrays, String> {
    open_with(path, &ArrayOptions::default())
}

/// Writes a file in a new directory and opens it.
fn file(name: &str, bytes: &[u8]) -> Result<LabeledArrays, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    open(&path).map_err(|error| error.replace(&format!("{}/", directory.path().display()), ""))
}

fn bytes(shape: &[usize], values: Vec<u8>) -> Array {
    Array { shape: shape.to_vec(), values: Values::U8(values) }
}

fn integers(values: &[i64]) -> Array {
    Array { shape: vec![values.len()], values: Values::I64(values.to_vec()) }
}

/// An archive of arrays, as `numpy.savez` writes it.
fn npz(arrays: &[(&str, Array)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&array.to_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// `count` images of 2x2, whose first pixels are 255 and the index.
fn images(count: usize) -> Array {
    bytes(&[count, 2, 2], (0..count).flat_map(|i| [255, i as u8, 0, 9]).collect())
}

fn content(part: &LabeledPixels) -> Vec<(u8, Vec<u8>)> {
    (0..part.len()).map(|i| (part.labels()[i], part.image(i).to_vec())).collect()
}

#[test]
fn a_table_is_read_with_its_classes() {
    let found = file("t.csv", b"label,p0,p1,p2,p3\nb,0,0,255,7\n\na,9,0,0,0\r\n\"b\",1,2,3,4\n").unwrap();
    assert_eq!(found.class_names, ["a", "b"]);
    assert_eq!(found.train.shape(), ImageShape { height: 2, width: 2 });
    let expected = [(1, vec![0, 0, 255, 7]), (0, vec![9, 0, 0, 0]), (1, vec![1, 2, 3, 4])];
    assert_eq!(content(&found.train), expected);
    assert!(found.train.name(1).ends_with("t.csv, line 4"), "{}", found.train.name(1));
    assert_eq!(found.notes, ["4 pixels in a row: images of 2x2"]);

    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all("\u{feff}p0;p1;p2;p3;y\n0,0;1;1;1;1\n".replace("0,0", "0.0").as_bytes()).unwrap();
    gzip.write_all(b"0.5;1;1;0.25;2\n").unwrap();
    let found = file("t.csv.gz", &gzip.finish().unwrap()).unwrap();
    assert_eq!(content(&found.train), [(0, vec![0, 255, 255, 255]), (1, vec![128, 255, 255, 64])]);
    assert_eq!(found.class_names, ["1", "2"]);
    assert!(found.notes.iter().any(|note| note.contains("scaled from 0..1")), "{:?}", found.notes);
}

#[test]
fn columns_of_pixels_are_read_in_the_order_of_their_numbers() {
    let text: String = "label,p0,p1,p10,p11,p12,p13,p14,p15,p2,p3,p4,p5,p6,p7,p8,p9\n".to_owned()
        + "1,0,1,10,11,12,13,14,255,2,3,4,5,6,7,8,9\n0,0,1,10,11,12,13,14,255,2,3,4,5,6,7,8,9\n";
    let found = file("t.csv", text.as_bytes()).unwrap();
    assert_eq!(found.train.image(0), (0..15).chain([255]).collect::<Vec<u8>>());
    let note = "t.csv: the columns p0, p1, … are not in the order of their numbers, which is used";
    assert!(found.notes.iter().any(|found| found.ends_with(note)), "{:?}", found.notes);
}

#[test]
fn labels_that_are_not_utf8_are_refused_and_not_made_equal() {
    let error = file("t.csv", b"label,p0,p1,p2,p3\nb\xe4r,0,0,0,255\nb\xf6r,0,0,9,9\n").unwrap_err();
    assert!(
        error.contains("t.csv, line 2: text that is not UTF-8; save the table as CSV in UTF-8"),
        "{error}"
    );
}

#[test]
fn a_bad_row_is_refused_with_its_line() {
    let table = |row: &str| format!("label,p0,p1,p2,p3\n0,0,0,255,7\n{row}\n1,0,0,0,0\n");
    for (row, said) in [
        ("1,2,3", "t.csv, line 3: 3 columns; expected 5, as in the first line"),
        ("1,2,3,4,5,6", "line 3: 6 columns; expected 5"),
        ("1,2,,4,5", "line 3: column p1: a pixel is missing (NaN)"),
        ("1,2,nan,4,5", "line 3: column p1: a pixel is missing"),
        ("1,2,-3,4,5", "line 3: column p1: a pixel is -3, which is negative"),
        ("1,2,x,4,5", "line 3: column p1: found `x`; expected a number"),
        ("1,2,inf,4,5", "line 3: column p1: a pixel is inf"),
        (",2,3,4,5", "line 3: the label is missing"),
        ("1,2,3,4,256", "t.csv: pixels from 0 to 256; expected 0 to 255"),
        ("0.5,2,3,4,5", "t.csv: a label is 0.5; expected classes"),
    ] {
        let error = file("t.csv", table(row).as_bytes()).unwrap_err();
        assert!(error.contains(said) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_of_another_kind_is_named() {
    for (bytes, said) in [
        (&b""[..], "it is empty"),
        (b"\xff\xfel\0a\0", "it is text in UTF-16; save it as CSV in UTF-8"),
        (b"PK\x03\x04.......[Content_Types].xml", "it is a spreadsheet; save it as CSV"),
        (b"MATLAB 5.0 MAT-file\0\0\0", "it is a MATLAB file"),
        (b"PAR1....", "it is a Parquet file"),
        (b"\x89PNG\r\n\x1a\n", "it is a PNG picture"),
        (b"\x01\0\x02", "it begins with 01 00 02"),
    ] {
        let error = file("x", bytes).unwrap_err();
        assert!(error.starts_with("x: ") && error.contains(said), "{error}");
        assert!(error.contains("expected a directory of pictures, a CSV table, NumPy arrays"), "{error}");
    }
    let error = file("x.npy", &images(2).to_bytes()).unwrap_err();
    assert!(error.contains("it holds one array; give the directory"), "{error}");
}

#[test]
fn a_table_without_labels_is_named_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("test.csv"), "pixel0,pixel1,pixel2,pixel3\n0,0,255,7\n").unwrap();
    for place in [path("test.csv"), directory.path().to_owned()] {
        let error = open(&place).unwrap_err();
        assert!(
            error.contains("found 4 columns of pixels and no label column: a test set without"),
            "{error}"
        );
    }
    fs::write(path("train.csv"), "label,pixel0,pixel1,pixel2,pixel3\n3,0,0,255,7\n4,0,0,255,7\n").unwrap();
    fs::write(path("sample_submission.csv"), "ImageId,Label\n1,0\n").unwrap();
    let found = open(directory.path()).unwrap();
    assert_eq!((found.train.len(), found.test), (2, None));
    let notes = found.notes.join("\n");
    assert!(notes.contains("test.csv, which has no labels"), "{notes}");
    assert!(notes.contains("left out: sample_submission.csv"), "{notes}");
}

#[test]
fn tables_of_a_directory_are_its_parts() {
    let directory = tempfile::tempdir().unwrap();
    for (name, label) in [("sign_mnist_train", 0), ("sign_mnist_test", 2), ("sign_mnist_valid", 3)] {
        let rows: String = [0, 2, 3].map(|other| format!("{other},1,2,3,{}\n", 252 + label)).concat();
        fs::write(directory.path().join(format!("{name}.csv")), format!("label,a,b,c,d\n{rows}")).unwrap();
    }
    let found = open(directory.path()).unwrap();
    assert_eq!(found.class_names, ["0", "2", "3"]);
    let last = |part: &LabeledPixels| part.image(2)[3];
    let parts = [Some(found.train), found.validation, found.test].map(|part| last(&part.unwrap()));
    assert_eq!(parts, [252, 255, 254]);
    assert!(found.notes.iter().any(|note| note.starts_with("labels 0 to 3 without 1: 3 classes")));
}

#[test]
fn archives_with_usual_names_are_read() {
    let labels = |count: usize| integers(&(0..count as i64).collect::<Vec<_>>());
    let names = |[a, b, c, d]: [&'static str; 4]| {
        npz(&[(a, images(4)), (b, labels(4)), (c, images(3)), (d, labels(3))])
    };
    for arrays in [
        ["x_train", "y_train", "x_test", "y_test"],
        ["X_train", "Y_train", "X_test", "Y_test"],
        ["train_images", "train_labels", "test_images", "test_labels"],
        ["trainX", "trainY", "testX", "testY"],
        ["train_data", "train_targets", "test_data", "test_targets"],
    ] {
        let found = file("mnist.npz", &names(arrays)).unwrap();
        assert_eq!((found.train.len(), found.test.unwrap().len()), (4, 3), "{arrays:?}");
        assert_eq!(found.train.image(2), [255, 2, 0, 9]);
        assert!(found.train.name(2).ends_with(&format!("mnist.npz, {}[2]", arrays[0])));
    }
    let whole = npz(&[("data", images(3)), ("target", labels(3)), ("extra", labels(2))]);
    let found = file("set.npz", &whole).unwrap();
    assert_eq!((found.train.len(), found.test), (3, None));
    assert!(found.notes[0].starts_with("left out: extra of ") && found.notes.len() == 1, "{:?}", found.notes);
    let error = file("x.npz", &npz(&[("a", images(3)), ("b", labels(3))])).unwrap_err();
    assert!(
        error.contains("found the arrays a, b; expected images and labels with names such as"),
        "{error}"
    );
    let error = file("x.npz", &npz(&[("x", images(3)), ("y", labels(2))])).unwrap_err();
    assert!(error.contains("x.npz, y: 2 labels, but x.npz, x has the shape [3, 2, 2]"), "{error}");
}

#[test]
fn element_types_and_one_hot_labels_are_converted() {
    let expected = [255, 128, 0, 64];
    let of = |values: Values| Array { shape: vec![1, 2, 2], values };
    for values in [
        Values::F32(vec![1.0, 0.5, 0.0, 0.25]),
        Values::F64(vec![1.0, 0.5, 0.0, 0.25]),
        Values::I64(vec![255, 128, 0, 64]),
        Values::U8(expected.to_vec()),
    ] {
        let found = file("a.npz", &npz(&[("x", of(values)), ("y", integers(&[7]))])).unwrap();
        assert_eq!(
            (content(&found.train), found.class_names),
            (vec![(0, expected.to_vec())], vec!["7".to_owned()])
        );
    }
    let hot = Array { shape: vec![2, 3], values: Values::F32(vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0]) };
    let found = file("a.npz", &npz(&[("x", images(2)), ("y", hot)])).unwrap();
    assert_eq!(
        (found.class_names, found.train.labels()),
        (vec!["0".to_owned(), "2".to_owned()], &[1, 0][..])
    );
    assert!(found.notes[0].ends_with("y: one-hot labels of 3 classes"), "{:?}", found.notes);
    let texts = Array { shape: vec![2], values: Values::Texts(vec!["dog".into(), "cat".into()]) };
    let found = file("a.npz", &npz(&[("x", images(2)), ("y", texts)])).unwrap();
    assert_eq!((found.class_names.join(" "), found.train.labels()), ("cat dog".to_owned(), &[1, 0][..]));
    let negative = of(Values::F32(vec![0.5, -0.1, 0.0, 0.0]));
    let error = file("a.npz", &npz(&[("x", negative), ("y", integers(&[7]))])).unwrap_err();
    assert!(error.contains("a.npz, x[0]: a pixel is -0.1"), "{error}");
}

#[test]
fn pairs_of_files_are_found_in_a_directory() {
    let labels = |count: usize| Array { shape: vec![count], values: Values::U8((0..count as u8).collect()) };
    for [images_name, labels_name] in [
        ["x_{}.npy", "y_{}.npy"],
        ["{}_images.npy", "{}_labels.npy"],
        ["kmnist-{}-imgs.npz", "kmnist-{}-labels.npz"],
        ["{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"],
        ["{}-images.idx3-ubyte", "{}-labels.idx1-ubyte"],
        ["MNIST/raw/{}-images-idx3-ubyte.gz", "MNIST/raw/{}-labels-idx1-ubyte.gz"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        for (part, count) in [("train", 5), ("test", 3)] {
            for (name, array) in [(images_name, images(count)), (labels_name, labels(count))] {
                let path = directory.path().join(name.replace("{}", part));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                if name.contains("idx") {
                    let Values::U8(values) = array.values else { unreachable!() };
                    write_idx(&path, &Idx::new(array.shape, IdxData::U8(values))).unwrap();
                } else if name.ends_with("npz") {
                    fs::write(path, npz(&[("arr_0", array)])).unwrap();
                } else {
                    fs::write(path, array.to_bytes()).unwrap();
                }
            }
        }
        let found = open(directory.path()).unwrap();
        assert_eq!((found.train.len(), found.test.unwrap().len()), (5, 3), "{images_name}");
        assert_eq!(found.train.image(4), [255, 4, 0, 9]);
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("x_train.npy"), images(2).to_bytes()).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(error.contains("found x_train.npy; expected arrays of images and of labels"), "{error}");
    for name in ["a_x.npy", "a_y.npy", "b_x.npy", "b_y.npy"] {
        fs::write(directory.path().join(name), labels(2).to_bytes()).unwrap();
    }
    let error = open(directory.path()).unwrap_err();
    assert!(error.contains("contains several datasets"), "{error}");
}

#[test]
fn emnist_is_put_upright_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(format!("emnist-letters-{name}"));
    let images = Idx::new(vec![2, 2, 2], IdxData::U8(vec![255, 1, 2, 3, 4, 5, 6, 7]));
    write_idx(&path("train-images-idx3-ubyte.gz"), &images).unwrap();
    write_idx(&path("train-labels-idx1-ubyte.gz"), &Idx::new(vec![2], IdxData::U8(vec![2, 1]))).unwrap();
    fs::write(path("mapping.txt"), "1 65 97\n2 66 98\n").unwrap();
    let found = open(directory.path()).unwrap();
    assert_eq!(found.class_names, ["A", "B"]);
    assert_eq!(content(&found.train), [(1, vec![255, 2, 1, 3]), (0, vec![4, 6, 5, 7])]);
    assert!(
        found.notes.iter().any(|note| note.starts_with("EMNIST, judging by its name: images are transposed"))
    );
    let options = ArrayOptions { transpose: Some(false), ..ArrayOptions::default() };
    assert_eq!(open_with(directory.path(), &options).unwrap().train.image(0), [255, 1, 2, 3]);
    // A table of the same name.
    fs::write(path("test.csv"), "2,255,1,2,3\n1,4,0,6,3\n1,4,9,6,3\n").unwrap();
    let found = open(&path("test.csv")).unwrap();
    assert_eq!((found.class_names.join(""), found.train.image(0)), ("AB".to_owned(), &[255, 2, 1, 3][..]));
    fs::write(path("mapping.txt"), "1 A\n").unwrap();
    assert!(open(directory.path()).unwrap_err().contains("mapping.txt, line 1: expected a label and a code"));
}

#[test]
fn a_directory_of_pictures_is_not_one_of_tables() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("cat")).unwrap();
    fs::write(directory.path().join("cat/1.png"), "").unwrap();
    fs::write(directory.path().join("labels.csv"), "label,a,b\n1,2,3\n").unwrap();
    assert_eq!(open(directory.path()), Err("no arrays".to_owned()));
}

#[test]
fn little_files_that_promise_much_are_refused() {
    let huge = |shape: &str| {
        let header = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {shape}, }}\n");
        [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat()
    };
    for shape in ["(1000000000, 28, 28)", "(4611686018427387904, 0)", "(0, 28, 28)", "()"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("x.npy"), huge(shape)).unwrap();
        fs::write(directory.path().join("y.npy"), integers(&[1]).to_bytes()).unwrap();
        assert!(open(directory.path()).is_err(), "{shape}");
    }
    // A line without an end, compressed.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(b"label,a,b\n").unwrap();
    gzip.write_all(&vec![b'1'; 40 << 20]).unwrap();
    let error = file("t.csv.gz", &gzip.finish().unwrap()).unwrap_err();
    assert!(error.contains("a line of more than 32 MB"), "{error}");
}

/// A dataset of all classes in both parts, with pixels up to 255.
fn datasets() -> impl Strategy<Value = Datasets> {
    let sides = (1..5usize, 1..5usize);
    let names = prop::collection::hash_set("[a-zA-Z=+@\"', /ü.-]{0,4}[a-z]", 2..5);
    (sides, names, any::<bool>(), any::<u64>()).prop_map(|((height, width), names, has_validation, seed)| {
        let mut class_names: Vec<String> = names
            .into_iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.eq_ignore_ascii_case("nan"))
            .collect();
        class_names.sort();
        class_names.dedup();
        let classes = class_names.len();
        let shape = ImageShape { height, width };
        let mut random = seed;
        let mut next = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as u8
        };
        let mut set = |count: usize| {
            let mut images: Vec<u8> = (0..count * shape.pixels()).map(|_| next()).collect();
            images[0] = 255;
            let labels = (0..count).map(|i| (i % classes) as u8).collect();
            Dataset::new(images, shape, labels, classes).unwrap()
        };
        Datasets {
            name: "set".to_owned(),
            train: set(2 * classes + 1),
            validation: has_validation.then(|| set(classes)),
            test: set(classes),
            class_names,
            preprocessing: Preprocessing::Whole,
            polarity: Polarity::LightOnDark,
        }
    })
}

/// The class and the pixels of each example, in order of them.
fn named(labels: &[u8], images: impl Iterator<Item = Vec<u8>>, names: &[String]) -> Vec<(String, Vec<u8>)> {
    labels.iter().map(|&label| names[usize::from(label)].clone()).zip(images).collect()
}

fn named_set(set: &Dataset, names: &[String]) -> Vec<(String, Vec<u8>)> {
    named(set.labels(), (0..set.len()).map(|i| set.image(i).to_vec()), names)
}

fn named_part(part: &LabeledPixels, names: &[String]) -> Vec<(String, Vec<u8>)> {
    named(part.labels(), (0..part.len()).map(|i| part.image(i).to_vec()), names)
}

fn read_back(directory: &TempDir, sets: &Datasets, format: ExportFormat) -> [Vec<(String, Vec<u8>)>; 3] {
    let path = directory.path().join("out");
    let path = if format == ExportFormat::Npz { path.with_extension("npz") } else { path };
    sets.export(format, &path).unwrap();
    assert!(matches!(sets.export(format, &path), Err(mlp_data::Error::Exists { .. })));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a temporary file is left");
    if format == ExportFormat::Png {
        let files = LabeledFiles::find(&path).unwrap();
        let read = |files: &Vec<(std::path::PathBuf, u8)>| {
            let mut files = files.clone();
            files.sort_by_key(|(path, _)| path.file_name().map(ToOwned::to_owned));
            let labels: Vec<u8> = files.iter().map(|(_, label)| *label).collect();
            named(
                &labels,
                files.iter().map(|(path, _)| GrayPicture::read(path).unwrap().pixels().to_vec()),
                &LabeledFiles::find(&path).unwrap().class_names,
            )
        };
        return [
            read(&files.train),
            files.validation.as_ref().map_or(Vec::new(), read),
            files.test.as_ref().map_or(Vec::new(), read),
        ];
    }
    let options = ArrayOptions { shape: Some(sets.train.shape()), ..ArrayOptions::default() };
    let found = open_with(&path, &options).unwrap();
    let part = |part: &Option<LabeledPixels>| {
        part.as_ref().map_or(Vec::new(), |part| named_part(part, &found.class_names))
    };
    [named_part(&found.train, &found.class_names), part(&found.validation), part(&found.test)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_exported_is_imported(all in datasets()) {
        for format in ExportFormat::ALL {
            let mut sets = all.clone();
            if matches!(format, ExportFormat::Csv | ExportFormat::Png) {
                // Names that a table or a directory changes.
                for name in &mut sets.class_names {
                    *name = name.replace(['=', '+', '@', '-', '/', '"', '.', '\''], "_").trim().to_owned();
                }
                let mut names = sets.class_names.clone();
                names.iter_mut().for_each(|name| *name = name.to_lowercase());
                names.sort();
                names.dedup();
                if names.len() < sets.class_names.len() {
                    continue;
                }
            }
            let directory = tempfile::tempdir().unwrap();
            let found = read_back(&directory, &sets, format);
            let names = &sets.class_names;
            let validation = sets.validation.as_ref().map_or(Vec::new(), |set| named_set(set, names));
            prop_assert_eq!(found, [named_set(&sets.train, names), validation, named_set(&sets.test, names)], "{}", format);
        }
    }

    #[test]
    fn no_content_makes_reading_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..4usize) {
        let heads: [&[u8]; 4] = [b"label,a,b\n", b"\x93NUMPY\x01\x00\x20\x00{'descr': '<f4', ", b"PK\x03\x04", b""];
        bytes.splice(0..0, heads[kind].iter().copied());
        let _ = file("x", &bytes);
    }

    #[test]
    fn a_damaged_archive_never_panics(place in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = npz(&[("x", images(3)), ("y", integers(&[1, 2, 3]))]);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = file("x.npz", &bytes);
    }
}
