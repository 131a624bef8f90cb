//! Datasets larger than memory: images that stay in their file, and `mlp data augment`.

use std::fs;
use std::time::Duration;

use crate::common::{Output, Scratch, finish};
use mlp_data::catalog::MNIST_FILE_NAMES;
use mlp_data::idx::{Idx, IdxData, write_idx};

/// Images whose file has just more than 1 GiB, from which it is mapped.
const IMAGES: u32 = (1 << 30) / 784 + 1;

/// Creates `set`, a dataset of black images in a file that takes no room on disk.
fn create_black_images(scratch: &Scratch) {
    let directory = scratch.path("set");
    fs::create_dir(&directory).unwrap();
    let [images, labels, test, test_labels] = MNIST_FILE_NAMES.map(|name| directory.join(name));
    let head = [[0, 0, 8, 3], IMAGES.to_be_bytes(), [0, 0, 0, 28], [0, 0, 0, 28]].concat();
    fs::write(&images, head).unwrap();
    restore(&images);
    let digits = |count: usize| IdxData::U8((0..count).map(|i| (i % 10) as u8).collect());
    write_idx(&labels, &Idx::new(vec![IMAGES as usize], digits(IMAGES as usize))).unwrap();
    write_idx(&test, &Idx::new(vec![10, 28, 28], IdxData::U8(vec![0; 7840]))).unwrap();
    write_idx(&test_labels, &Idx::new(vec![10], digits(10))).unwrap();
}

/// Gives the file of images its length; the end is zeros.
fn restore(images: &std::path::Path) {
    let file = fs::OpenOptions::new().write(true).open(images).unwrap();
    file.set_len(16 + 784 * u64::from(IMAGES)).unwrap();
}

/// The maximum resident memory of a process so far, in megabytes.
#[cfg(target_os = "linux")]
fn max_resident(process: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().unwrap() >> 10)
}

const TRAIN: &str = "--dataset set --hidden 20 --batch-size 500 --epochs 1 --seed 1 --no-report --quiet";

#[test]
#[cfg(target_os = "linux")]
fn images_in_a_file_take_little_memory_and_a_file_that_shrinks_ends_the_run_with_a_message() {
    let scratch = Scratch::new();
    create_black_images(&scratch);
    for (name, shuffle) in [("all", ""), ("blocks", "--shuffle-block 100")] {
        let begin = format!("train {TRAIN} {shuffle} --checkpoint-every 100steps --run-dir");
        let mut child = scratch.spawn(&format!("{begin} whole-{name}"));
        let mut megabytes = 0;
        while child.try_wait().unwrap().is_none() {
            megabytes = max_resident(child.id()).unwrap_or_default().max(megabytes);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(finish(child).code, Some(0));
        assert!((50..800).contains(&megabytes), "{megabytes} MB for a file of 1,024 MB");

        let child = scratch.spawn(&format!("{begin} {name}"));
        while !scratch.path(format!("{name}/checkpoint.mlp")).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let images = scratch.path("set").join(MNIST_FILE_NAMES[0]);
        fs::OpenOptions::new().write(true).open(&images).unwrap().set_len(100_000).unwrap();
        let Output { code, stderr, .. } = finish(child);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("train-images-idx3-ubyte changed while it was in use: it "), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr}");
        let truncated = scratch.error(&format!("train --resume {name} --quiet"));
        assert!(truncated.contains("is truncated"), "{truncated}");
        restore(&images);
        scratch.succeeds(&format!("train --resume {name} --no-report --quiet"));
        let model = |run: &str| scratch.bytes(&format!("{run}/model.mlp"));
        assert!(model(name) == model(&format!("whole-{name}")), "{name}");
    }
}

/// The bytes of all files in a directory.
fn files(scratch: &Scratch, directory: &str) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = fs::read_dir(scratch.path(directory)).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn an_augmented_dataset_is_the_same_after_any_number_of_kills() {
    let scratch = Scratch::new();
    let flags = "data augment synthetic --copies 25 --rotation 10 --seed 5";
    let printed = scratch.mlp(&format!("{flags} --to whole"));
    assert_eq!(printed, "whole: 250,000 training and 2,000 test images of 28x28 in 10 classes\n");
    let mut kills = 0;
    for wait in (0..).map(|kill| 30 + 40 * (kill % 7)) {
        let mut child = scratch.spawn(&format!("{flags} --to killed --threads {}", 1 + kills % 3));
        if kills < 12 {
            std::thread::sleep(Duration::from_millis(wait));
            child.kill().unwrap();
            kills += 1;
        }
        let Output { code, stderr, .. } = finish(child);
        let is_there = scratch.path("killed").exists();
        if code == Some(0) {
            break;
        }
        // A kill after the rename leaves a complete directory.
        assert!(code.is_none(), "{stderr}");
        if is_there {
            break;
        }
    }
    let (found, expected) = (files(&scratch, "killed"), files(&scratch, "whole"));
    assert!(expected.iter().all(|file| found.contains(file)), "after {kills} kills");
    assert!(!scratch.path("killed.unfinished").exists() && !scratch.path("whole.unfinished").exists());
}

#[test]
fn an_augmented_dataset_trains_like_the_epochs_that_it_holds() {
    let scratch = Scratch::new();
    scratch.mlp("data augment synthetic --copies 2 --to twice --seed 3");
    let shown = scratch.mlp("data show twice --index 10005 --count 2");
    assert!(shown.contains("10005: ") && shown.contains("10006: "), "{shown}");
    let info = scratch.mlp("data info twice");
    assert!(info.lines().any(|line| line.split_whitespace().eq(["images", "20,000", "2,000"])), "{info}");
    scratch.succeeds("train --dataset twice --hidden 20 --epochs 1 --shuffle-block 50 --quiet --run-dir run");
    let config = scratch.text("run/config.toml");
    assert!(config.contains("shuffle_block = 50"), "{config}");
}

#[test]
fn an_augmentation_that_cannot_be_written_is_refused() {
    let scratch = Scratch::new();
    scratch.refuses("data augment synthetic --copies 2 --to . --seed 1", "already exists");
    let flags = "data augment synthetic --to x --copies";
    scratch.refuses(
        &format!("{flags} 429497"),
        "429497 copies of 10000 images are too many for an IDX file; expected at most 429496 copies",
    );
    scratch.refuses(&format!("{flags} 400000"), "x.unfinished needs 2,990,723 MB on disk, and ");
    scratch.refuses(&format!("{flags} 2 --class-rotation 10=3"), "expected labels from 0 to 9");
    scratch.refuses(&format!("{flags} 2 --elastic-sigma 0.1"), "elastic sigma is 0.1; expected 0.5 or more");
    assert_eq!(scratch.count("."), 0);
    scratch.refuses("train --dataset synthetic --shuffle-block 0", "shuffle block is 0; expected 1 or more");
}
