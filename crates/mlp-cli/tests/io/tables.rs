//! Importing datasets that are tables or arrays of pixels, and exporting datasets.

use std::fmt::Write as _;
use std::fs;

use crate::common::{Scratch, pgm};
use mlp_data::{Dataset, Datasets, Polarity, synthetic};

/// A table of synthetic digits, with the pixels as `pixel` writes them.
fn table(digits: &Dataset, header: bool, pixel: impl Fn(u8) -> String) -> String {
    let mut text = String::new();
    if header {
        text.push_str("label");
        (0..digits.pixels()).for_each(|i| write!(text, ",pixel{i}").unwrap());
        text.push('\n');
    }
    for (i, label) in digits.labels().iter().enumerate() {
        write!(text, "{label}").unwrap();
        digits.image(i).iter().for_each(|&level| write!(text, ",{}", pixel(level)).unwrap());
        text.push('\n');
    }
    text
}

fn digits(count: usize, seed: u64) -> Dataset {
    synthetic::digits(count, 1, seed).train
}

/// The examples of a set in order of pixels.
fn sorted(sets: &[&Dataset]) -> Vec<(Vec<u8>, u8)> {
    let of = |set: &Dataset| -> Vec<_> {
        (0..set.len()).map(|i| (set.image(i).to_vec(), set.labels()[i])).collect()
    };
    let mut all: Vec<_> = sets.iter().flat_map(|set| of(set)).collect();
    all.sort();
    all
}

#[test]
fn a_table_is_imported_byte_for_byte_and_trained_on() {
    let scratch = Scratch::new();
    let digits = digits(100, 0);
    fs::write(scratch.path("train.csv"), table(&digits, true, |level| level.to_string())).unwrap();
    let output = scratch.succeeds("data import train.csv --to set");
    assert_eq!(output.stdout, "set: images of 28x28 in 10 classes, 80 training and 20 test images\n");
    for said in ["784 pixels in a row: images of 28x28\n", "polarity light-on-dark: 0 of 100 pictures"] {
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    let sets = Datasets::open_dir(&scratch.path("set")).unwrap();
    assert_eq!(sorted(&[&sets.train, &sets.test]), sorted(&[&digits]));
    assert_eq!(sets.polarity, Polarity::LightOnDark);
    scratch.mlp("train --dataset set --batch-size 8 --epochs 1 --run-dir run --no-report --quiet");

    // Dark on light, as fractions, without a header: the same images.
    let fraction = |level: u8| format!("{:.4}", f64::from(255 - level) / 255.0);
    fs::write(scratch.path("paper.csv"), table(&digits, false, fraction)).unwrap();
    let said = scratch.succeeds("data import paper.csv --to paper").stderr;
    for expected in [
        "paper.csv: the labels are in the first column, numbers from 0 to 9",
        "pixels from 0 to 1: scaled from 0..1 to 0..255",
        "polarity dark-on-light: 100 of 100 pictures have a light background; all were inverted",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let paper = Datasets::open_dir(&scratch.path("paper")).unwrap();
    assert_eq!((paper.train, paper.test), (sets.train, sets.test));
}

#[test]
fn odd_examples_of_a_table_are_named_by_their_line() {
    let scratch = Scratch::new();
    let digits = digits(60, 1);
    let mut text = table(&digits, true, |level| level.to_string());
    text.push_str(&format!("3{}\n", ",0".repeat(784)));
    let second = text.lines().nth(1).unwrap().to_owned();
    writeln!(text, "{second}").unwrap();
    fs::write(scratch.path("t.csv"), text).unwrap();
    let said = scratch.succeeds("data import t.csv --to set").stderr;
    for expected in [
        "blank: 1 picture, the first is t.csv, line 62\n",
        "duplicate of an image in the same class: 1 picture, the first is t.csv, line 63, same as t.csv, line 2\n",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn an_unclear_table_is_refused_with_the_flag_that_decides() {
    let scratch = Scratch::new();
    let rows: String = (0..40).map(|i| format!("{},0,{},0,{}\n", i % 2, 93 - i, i % 2)).collect();
    fs::write(scratch.path("t.csv"), &rows).unwrap();
    scratch.refuses("data import t.csv --to set", "could both be labels (first: numbers from 0 to 1; last: ");
    scratch.refuses("data import t.csv --to set --label-column 7", "--label-column: no column 7; found 5");
    let with = "data import t.csv --to set --label-column -1";
    scratch
        .refuses(with, "t.csv: pixels from 0 to 93; expected 0 to 255, or 0 to 1; give the value of white");
    scratch.refuses(&format!("{with} --max-value 50"), "the largest pixel is 93, above --max-value 50");
    scratch.succeeds(&format!("{with} --max-value 255 --polarity light-on-dark"));
    let sets = Datasets::open_dir(&scratch.path("set")).unwrap();
    assert_eq!(sets.train.images().iter().max(), Some(&93));
    fs::write(scratch.path("wide.csv"), rows.replace("\n", ",5,6\n")).unwrap();
    let with = "data import wide.csv --to wide --label-column 0 --max-value 100";
    scratch.refuses(with, "6 pixels in a row, which is not a square; expected a number such as 784");
    let said = scratch.mlp(&format!("{with} --size 2x3"));
    assert!(said.starts_with("wide: images of 2x3 in 2 classes"), "{said}");
    fs::create_dir_all(scratch.path("pictures/a")).unwrap();
    fs::write(scratch.path("pictures/a/1.png"), "").unwrap();
    scratch.refuses("data import pictures --to p --max-value 1", "--max-value is only for tables and arrays");
}

#[test]
fn files_of_other_kinds_are_named() {
    let scratch = Scratch::new();
    fs::write(scratch.path("digits.mat"), b"MATLAB 5.0 MAT-file, \0\0").unwrap();
    scratch.refuses("data import digits.mat --to x", "digits.mat: it is a MATLAB file; save it as .npz");
    fs::write(scratch.path("test.csv"), "p0,p1,p2,p3\n1,2,3,4\n").unwrap();
    scratch
        .refuses("data import test.csv --to x", "no label column: a test set without labels, as from Kaggle");
    scratch.refuses(
        "train --dataset test.csv --run-dir x",
        "`mlp data import` makes one from pictures, CSV tables",
    );
    fs::create_dir(scratch.path("k")).unwrap();
    fs::copy(scratch.path("test.csv"), scratch.path("k/test.csv")).unwrap();
    scratch.refuses(
        "train --dataset k --run-dir x",
        "make one from pictures, CSV tables or NumPy arrays with `mlp data",
    );
}

#[test]
fn an_exported_dataset_is_imported_again() {
    let scratch = Scratch::new();
    let mut sets = synthetic::digits(60, 30, 3);
    sets.validation = Some(digits(20, 4));
    sets.class_names = (0..10).map(|class| format!("class {class}")).collect();
    sets.write_dir(&scratch.path("set"), "", true).unwrap();
    for (format, to) in [("csv", "tables"), ("npz", "set.npz"), ("idx", "idx"), ("png", "pictures")] {
        let said = scratch.mlp(&format!("data export set --to {to} --format {format}"));
        let parts = "60 training, 20 validation and 30 test images of 28x28 in 10 classes";
        assert_eq!(said, format!("{to}: {format}, {parts}\n"));
        scratch.mlp(&format!("data import {to} --to {format}-again"));
        let again = Datasets::open_dir(&scratch.path(format!("{format}-again"))).unwrap();
        assert_eq!(again.class_names, sets.class_names, "{format}");
        assert_eq!(sorted(&[&again.train]), sorted(&[&sets.train]), "{format}");
        assert_eq!(sorted(&[&again.test]), sorted(&[&sets.test]), "{format}");
        assert_eq!(
            sorted(&[again.validation.as_ref().unwrap()]),
            sorted(&[sets.validation.as_ref().unwrap()])
        );
        scratch.refuses(&format!("data export set --to {to} --format {format}"), "already exists");
    }
    scratch.refuses("data export set --to x", "unknown format; expected a name ending in .npz or .csv");
    scratch.refuses(
        "data export set --to x.csv",
        "x.csv is one table, and a dataset has a training and a test part",
    );
    scratch.refuses(
        "data export set --to x.npz --split test",
        "--split writes one CSV table; npz always has all parts",
    );
    let said = scratch.mlp("data export set --to x.csv --split test");
    assert_eq!(said, "x.csv: csv, 30 test images of 28x28 in 10 classes\n");
    assert_eq!(scratch.text("x.csv"), scratch.text("tables/test.csv"));
}

#[test]
fn exported_class_names_are_never_formulas_or_paths() {
    let scratch = Scratch::new();
    let mut sets = synthetic::digits(30, 10, 3);
    sets.class_names = ["=1+1", "a/b", "..", "c,d", "4", "5", "6", "7", "8", "9"].map(str::to_owned).to_vec();
    sets.write_dir(&scratch.path("set"), "", true).unwrap();
    let output = scratch.succeeds("data export set --to tables --format csv");
    assert!(
        output.stderr.contains("class names that a spreadsheet could run as formulas are changed: '=1+1"),
        "{}",
        output.stderr
    );
    let table = scratch.text("tables/train.csv");
    assert!(table.contains("\n'=1+1,") && table.contains("\n\"c,d\",") && !table.contains("\n="));
    let output = scratch.succeeds("data export set --to pictures --format png");
    assert!(output.stderr.contains("are changed: a/b is in a-b"), "{}", output.stderr);
    assert_eq!(scratch.count("pictures/train"), 10);
}

#[test]
fn a_table_of_pictures_makes_the_same_dataset_as_directories() {
    let scratch = Scratch::new();
    let digits = digits(80, 4);
    let mut table = "image_id;digit\n".to_owned();
    for (i, label) in digits.labels().iter().enumerate() {
        let file = pgm(28, digits.image(i).iter().copied());
        for path in [format!("classes/{label}/{i:02}.pgm"), format!("listed/images/{i:02}.pgm")] {
            fs::create_dir_all(scratch.path(&path).parent().unwrap()).unwrap();
            fs::write(scratch.path(&path), &file).unwrap();
        }
        writeln!(table, "{i:02};{label}").unwrap();
    }
    writeln!(table, "80;3").unwrap();
    fs::write(scratch.path("listed/images/more.pgm"), pgm(28, [0; 784])).unwrap();
    fs::write(scratch.path("listed/labels.csv"), &table).unwrap();
    let mut tar = tar::Builder::new(fs::File::create(scratch.path("listed.tar")).unwrap());
    tar.append_dir_all("top", scratch.path("listed")).unwrap();
    tar.finish().unwrap();
    scratch.mlp("data import classes --to a --raw");
    for (source, to) in [("listed", "b"), ("listed/labels.csv", "c"), ("listed.tar", "d")] {
        let said = scratch.succeeds(&format!("data import {source} --to {to} --raw")).stderr;
        for expected in [
            "labels from labels.csv\n",
            "labels.csv: 1 of 81 rows without a picture, left out, the first is 80 in line 82\n",
            "images/more.pgm\n",
        ] {
            assert!(said.contains(expected) && !said.contains(".tmp"), "{source}: {said}");
        }
        let [one, other] = ["a", to].map(|set| Datasets::open_dir(&scratch.path(set)).unwrap());
        assert_eq!((one.train, one.test, one.class_names), (other.train, other.test, other.class_names));
    }
    let flags = "data import listed/labels.csv --to e";
    scratch.refuses(&format!("{flags} --max-value 1"), "--max-value is only for tables and arrays of pixels");
    scratch.refuses(&format!("{flags} --label-column kind"), "--label-column: no column kind; found 2");
    fs::write(scratch.path("listed/labels.csv"), table.replace(";3\n", ";Cat\n").replace(";4\n", ";cat\n"))
        .unwrap();
    let said = scratch.succeeds(flags).stderr;
    assert!(
        said.contains("the classes cat and Cat differ only in case") || said.contains("Cat and cat"),
        "{said}"
    );
    let one: String = table.lines().map(|line| format!("{}1\n", &line[..line.len() - 1])).collect();
    fs::write(scratch.path("listed/labels.csv"), one.replace("image_id;digi1", "image_id;digit")).unwrap();
    scratch.refuses("data import listed --to f", "has only one class, 1; expected at least two classes");
}
