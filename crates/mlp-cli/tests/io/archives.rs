//! `mlp data import` reads archives and Parquet files like directories, and leaves nothing behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{Scratch, finish, signal};

/// A square of 8x8 pixels with a bar of some width.
fn bar(width: usize) -> Vec<u8> {
    let mut file = b"P5 8 8 255\n".to_vec();
    file.extend((0..64).map(|i| if i % 8 < width { 20 } else { 240 }));
    file
}

/// Writes a directory of two classes, and `drawings.tar` of it with another top-level directory.
fn drawings(scratch: &Scratch, count: usize, extra: &[(&str, &[u8])]) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let path = scratch.path("drawings").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("top/{name}"), content).unwrap();
    };
    for i in 0..count {
        add(&format!("thin/{i}.pgm"), &bar(1 + i % 3));
        add(&format!("wide/{i}.pgm"), &bar(4 + i % 3));
    }
    extra.iter().for_each(|(name, content)| add(name, content));
    fs::write(scratch.path("drawings.tar"), tar.into_inner().unwrap()).unwrap();
}

/// The names in a directory.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_archive_makes_the_same_dataset_as_its_directory() {
    let scratch = Scratch::new();
    drawings(&scratch, 6, &[]);
    let one = scratch.succeeds("data import drawings --to sets/directory --raw");
    let other = scratch.succeeds("data import drawings.tar --to sets/archive --raw");
    assert_eq!(one.stdout.replace("directory", "archive"), other.stdout);
    assert_eq!(names(&scratch.path("sets")), ["archive", "directory"]);
    for name in names(&scratch.path("sets/directory")) {
        let of = |set: &str| scratch.bytes(&format!("sets/{set}/{name}"));
        if name == "dataset.toml" {
            let text = scratch.text("sets/archive/dataset.toml");
            assert!(text.contains("drawings.tar, as images of 8x8"), "{text}");
        } else {
            assert_eq!(of("archive"), of("directory"), "{name}");
        }
    }
    assert!(other.stderr.contains("using the subdirectories of drawings.tar: top\n"), "{}", other.stderr);
}

#[test]
fn errors_and_notes_name_the_archive_and_nothing_is_left_behind() {
    let scratch = Scratch::new();
    drawings(&scratch, 3, &[("thin/bad.png", b"no picture"), ("wide/blank.pgm", b"P5 1 1 255\n\0")]);
    let error = scratch.error("data import drawings.tar --to sets/mine");
    assert!(error.contains("drawings.tar: top/thin/bad.png: it begins with 6e 6f 20 70"), "{error}");
    assert!(!scratch.path("sets").exists());
    assert_eq!(names(&scratch.path("")), ["drawings", "drawings.tar"]);
    let said = scratch.succeeds("data import drawings.tar --to mine --skip-bad").stderr;
    assert!(said.contains("blank: 1 picture, the first is top/wide/blank.pgm"), "{said}");
    assert!(!said.contains(".tmp"), "{said}");
    assert_eq!(names(&scratch.path("")), ["drawings", "drawings.tar", "mine"]);

    let archive = scratch.bytes("drawings.tar");
    fs::write(scratch.path("cut.tar"), &archive[..2000]).unwrap();
    scratch.refuses("data import cut.tar --to other", "cut.tar: a damaged or truncated tar archive (");
    fs::write(scratch.path("drawings.rar"), b"Rar!\x1a\x07").unwrap();
    scratch.refuses("data import drawings.rar --to other", "drawings.rar: it is a RAR archive; unpack it");
    assert!(names(&scratch.path("")).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn an_archive_in_an_archive_is_named() {
    let scratch = Scratch::new();
    drawings(&scratch, 2, &[]);
    let inner = scratch.bytes("drawings.tar");
    for (names, said) in [
        (
            &["inner.tar"][..],
            "outer.tar: found no pictures, only 1 .tar; unpack the archives in it and import",
        ),
        (&["data/inner.tgz", "readme.txt"], "outer.tar: data: found no pictures, only 1 .tgz; unpack the"),
        (
            &["train.zip", "test.zip", "x.csv"],
            "outer.tar: found no pictures, only 1 .csv, 2 .zip; unpack the",
        ),
    ] {
        let mut tar = tar::Builder::new(Vec::new());
        for name in names {
            let content = if name.ends_with("csv") { b"id,label\n1,0\n" } else { &inner[..] };
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content).unwrap();
        }
        fs::write(scratch.path("outer.tar"), tar.into_inner().unwrap()).unwrap();
        scratch.refuses("data import outer.tar --to mine", said);
    }
}

#[cfg(unix)]
#[test]
fn a_signal_removes_what_was_unpacked() {
    let scratch = Scratch::new();
    drawings(&scratch, 4000, &[]);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child = scratch.spawn("data import drawings.tar --to mine");
        let start = Instant::now();
        let is_unpacking = || names(&scratch.path("")).iter().any(|name| name.ends_with(".unpacked.tmp"));
        while !is_unpacking() {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, name);
        let output = finish(child);
        assert_eq!((output.code, &*output.stderr), (Some(code), ""));
        assert_eq!(names(&scratch.path("")), ["drawings", "drawings.tar"]);
    }
}

#[test]
fn parquet_files_become_a_dataset() {
    let scratch = Scratch::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mlp-data/tests/parquet");
    fs::copy(fixtures.join("lists.parquet"), scratch.path("train.parquet")).unwrap();
    let said =
        scratch.succeeds("data import train.parquet --to mine --polarity light-on-dark --test-share 0.5");
    assert_eq!(said.stdout, "mine: images of 3x3 in 2 classes, 2 training and 2 test images\n");
    let description = scratch.text("mine/dataset.toml");
    assert!(description.contains(r#"class_names = ["9", "10"]"#), "{description}");
    assert_eq!(names(&scratch.path("")), ["mine", "train.parquet"]);
}
