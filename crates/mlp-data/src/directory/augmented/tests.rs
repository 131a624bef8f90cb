//! Augmented copies: their bytes, and writes that fail anywhere.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fs::{Gate, Operation};
use crate::synthetic;

const COPIES: u64 = 5;

/// Fails at the operation with this number, counted from 0.
struct FailsAt(usize, AtomicUsize);

impl Gate for FailsAt {
    fn pass(&self, _: Operation, _: &Path) -> io::Result<()> {
        let is_it = self.1.fetch_add(1, Ordering::Relaxed) == self.0;
        if is_it { Err(io::Error::other("refused")) } else { Ok(()) }
    }
}

fn copies() -> Copies {
    let limits = Augmentation { class_rotation: vec![(1, 2.5)], ..Augmentation::default() };
    Copies { copies: COPIES, limits, seed: 3 }
}

fn sets() -> Datasets {
    let validation = Some(synthetic::digits(7, 0, 2).train);
    Datasets { validation, ..synthetic::digits(21, 10, 1) }
}

/// Writes in steps of 10 images.
fn write(disk: &Disk, directory: &Path, copies: &Copies, threads: usize) -> Result<Vec<u64>, Error> {
    let mut counts = Vec::new();
    let mut observe = |count| counts.push(count);
    sets().write_augmented_on(disk, directory, copies, threads, 7845, &mut observe)?;
    Ok(counts)
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn every_copy_is_the_one_that_training_sees() {
    let directory = tempfile::tempdir().unwrap();
    let (sets, mut written) = (sets(), Vec::new());
    for threads in [1, 2, 3, 40] {
        let path = directory.path().join(format!("threads-{threads}"));
        let counts = write(&Disk::default(), &path, &copies(), threads).unwrap();
        assert!(counts.iter().copied().eq((0..=100).step_by(10).chain([105])), "{counts:?}");
        written.push(files(&path));
        assert_eq!(written[0], written[written.len() - 1], "{threads} threads");
        assert_eq!(written[0].len(), 7, "{:?}", written[0].keys());
    }
    let read = Datasets::open_dir(&directory.path().join("threads-1")).unwrap();
    assert_eq!((&read.test, &read.validation), (&sets.test, &sets.validation));
    assert_eq!(read.class_names, sets.class_names);
    let mut augmenter = Augmenter::new(&copies().limits, sets.train.shape(), 3);
    for number in 0..read.train.len() {
        let (copy, index) = (number / 21, number % 21);
        let mut expected = sets.train.image(index).to_vec();
        if copy > 0 {
            augmenter.image(&sets.train, copy as u64 - 1, index, &mut expected);
        }
        assert_eq!(read.train.image(number), expected, "copy {copy} of image {index}");
        assert_eq!(read.train.labels()[number], sets.train.labels()[index]);
    }
}

#[test]
fn a_write_that_failed_anywhere_resumes_to_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    write(&Disk::default(), &whole, &copies(), 2).unwrap();
    let (expected, mut resumed) = (files(&whole), 0);
    for number in 0.. {
        let path = directory.path().join(format!("failed-{number}"));
        let disk = Disk::with_gate(Arc::new(FailsAt(number, AtomicUsize::new(0))));
        if write(&disk, &path, &copies(), 2).is_ok() {
            assert!(number > 60, "{number} operations");
            break;
        }
        // Only the clean-up may fail after the rename.
        if path.exists() {
            assert!(files(&path).len() >= expected.len(), "failure {number}");
            continue;
        }
        let counts = write(&Disk::default(), &path, &copies(), 2).unwrap();
        resumed += usize::from(counts[0] > 0);
        assert_eq!(files(&path), expected, "failure {number}");
    }
    assert!(resumed > 30, "{resumed}");
    let left = files_named(directory.path(), ".unfinished");
    assert!(left.is_empty(), "{left:?}");
}

fn files_named(directory: &Path, part: &str) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.contains(part)).collect()
}

/// An unfinished write, of 20 images.
fn unfinished(directory: &Path) -> PathBuf {
    let path = directory.join("set");
    let operations = 8 + 2 * 7;
    let disk = Disk::with_gate(Arc::new(FailsAt(operations, AtomicUsize::new(0))));
    write(&disk, &path, &copies(), 1).unwrap_err();
    path
}

#[test]
fn bytes_after_the_last_step_on_disk_are_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    write(&Disk::default(), &whole, &copies(), 1).unwrap();
    let path = unfinished(directory.path());
    let images = Datasets::unfinished_dir(&path).join(MNIST_FILE_NAMES[0]);
    let mut bytes = fs::read(&images).unwrap();
    bytes.extend([9; 3000]);
    fs::write(&images, bytes).unwrap();
    assert!(write(&Disk::default(), &path, &copies(), 1).unwrap()[0] > 0);
    assert_eq!(files(&path), files(&whole));
}

#[test]
fn an_unfinished_directory_that_lost_images_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = unfinished(directory.path());
    let images = Datasets::unfinished_dir(&path).join(MNIST_FILE_NAMES[0]);
    OpenOptions::new().write(true).open(images).unwrap().set_len(500).unwrap();
    assert_eq!(write(&Disk::default(), &path, &copies(), 1).unwrap()[0], 0);
}

#[test]
fn what_cannot_be_written_is_an_error_of_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = unfinished(directory.path());
    let error = |copies: &Copies| {
        let error = write(&Disk::default(), &path, copies, 1).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let seed = error(&Copies { seed: 4, ..copies() });
    assert!(seed.contains("left unfinished with other settings: found 5 copies"), "{seed}");
    assert!(seed.contains("seed 3") && seed.contains("expected 5 copies") && seed.contains("seed 4"));
    let limits = Augmentation { class_rotation: vec![(1, 2.6)], ..copies().limits };
    assert!(error(&Copies { limits, ..copies() }).contains("class rotation 1=2.6, scale"));
    let most = u64::from(u32::MAX) / 21;
    assert_eq!(
        error(&Copies { copies: most + 1, ..copies() }),
        format!(
            "{} copies of 21 images are too many for an IDX file; expected at most {most} copies",
            most + 1
        )
    );
    let unfinished = Datasets::unfinished_dir(&path);
    let held = Disk::default().lock(&unfinished.join(LOCK)).unwrap();
    assert!(error(&copies()).starts_with("another process is writing "));
    drop(held);
    fs::write(unfinished.join(STATE), "images = 3").unwrap();
    assert!(error(&copies()).contains("unfinished.toml was left unfinished with other settings"));
    fs::create_dir(&path).unwrap();
    assert!(error(&copies()).ends_with("already exists; give another name, or remove it"));
}
