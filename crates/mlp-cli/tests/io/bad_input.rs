//! Errors in files and flags are one line, with exit code 2, and leave no files behind.

use std::fs;
use std::path::PathBuf;

use crate::common::{Scratch, write_dataset, write_digits};
use mlp_data::catalog::MNIST_FILE_NAMES;

const TRAIN_IMAGES: &str = MNIST_FILE_NAMES[0];
const TRAIN_LABELS: &str = MNIST_FILE_NAMES[1];
const TEST_IMAGES: &str = MNIST_FILE_NAMES[2];
const TEST_LABELS: &str = MNIST_FILE_NAMES[3];

/// A directory with a small dataset named mnist.
fn with_mnist() -> Scratch {
    let scratch = Scratch::new();
    write_digits(&scratch.path("data/mnist"), 60, 20);
    scratch
}

/// The path of a file of that dataset.
fn file(scratch: &Scratch, name: &str) -> PathBuf {
    scratch.path("data/mnist").join(name)
}

/// Changes the bytes of a file of that dataset.
fn change(scratch: &Scratch, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file(scratch, name)).unwrap();
    change(&mut bytes);
    fs::write(file(scratch, name), bytes).unwrap();
}

/// Trains a model, `run/model.mlp`, and returns its bytes.
fn train(scratch: &Scratch) -> Vec<u8> {
    scratch.mlp("train --quiet --epochs 1 --batch-size 20 --hidden 5 --run-dir run");
    scratch.bytes("run/model.mlp")
}

/// A name, the damage, and what the error must contain.
type DataCase = (&'static str, fn(&Scratch), &'static str);

const DATA_CASES: &[DataCase] = &[
    ("truncated", |s| change(s, TRAIN_IMAGES, |b| b.truncate(1000)), "train-images-idx3-ubyte"),
    ("trailing bytes", |s| change(s, TEST_LABELS, |b| b.push(0)), "t10k-labels-idx1-ubyte"),
    (
        "oversized header",
        |s| change(s, TRAIN_IMAGES, |b| b[4..16].copy_from_slice(&[0xFF; 12])),
        "train-images-idx3-ubyte",
    ),
    ("wrong magic", |s| change(s, TRAIN_LABELS, |b| b[0] = 0x4D), "train-labels-idx1-ubyte"),
    (
        "images and labels swapped",
        |s| {
            let (images, labels) = (file(s, TRAIN_IMAGES), file(s, TRAIN_LABELS));
            fs::rename(&images, s.path("swap")).unwrap();
            fs::rename(&labels, &images).unwrap();
            fs::rename(s.path("swap"), &labels).unwrap();
        },
        "are the files of images and labels swapped?",
    ),
    ("label out of range", |s| change(s, TRAIN_LABELS, |b| b[20] = 10), "label 10"),
    (
        "fewer labels than images",
        |s| {
            change(s, TEST_LABELS, |b| {
                b[7] = 19;
                b.pop();
            })
        },
        "19",
    ),
    ("empty", |s| change(s, TRAIN_IMAGES, Vec::clear), "train-images-idx3-ubyte"),
    (
        "a directory instead of a file",
        |s| {
            fs::remove_file(file(s, TEST_IMAGES)).unwrap();
            fs::create_dir(file(s, TEST_IMAGES)).unwrap();
        },
        "t10k-images-idx3-ubyte",
    ),
    #[cfg(unix)]
    (
        // Root ignores file permissions, but nobody can read a link to itself.
        "unreadable",
        |s| {
            fs::remove_file(file(s, TEST_IMAGES)).unwrap();
            std::os::unix::fs::symlink(file(s, TEST_IMAGES), file(s, TEST_IMAGES)).unwrap();
        },
        "t10k-images-idx3-ubyte",
    ),
    (
        "a .gz that is neither gzip nor IDX",
        |s| {
            fs::remove_file(file(s, TRAIN_IMAGES)).unwrap();
            fs::write(file(s, "train-images-idx3-ubyte.gz"), "<html>not found</html>").unwrap();
        },
        "train-images-idx3-ubyte.gz",
    ),
];

#[test]
fn errors_name_the_bad_data_file() {
    for (what, damage, expected) in DATA_CASES {
        let scratch = with_mnist();
        damage(&scratch);
        eprintln!("case: {what}");
        // As a directory, so that missing or unreadable files are not downloaded. Only the mnist of
        // the catalog has a range of labels.
        let dataset = if *what == "label out of range" { "mnist" } else { "data/mnist" };
        scratch.refuses(&format!("train --quiet --batch-size 20 --dataset {dataset}"), expected);
        assert!(!scratch.path("runs").exists(), "{what}: a run directory was left behind");
    }
}

#[test]
fn bad_flags_are_errors_before_anything_is_written() {
    let scratch = with_mnist();
    for (flags, expected) in [
        ("--batch-size 0", "batch size is 0; expected 1 to 60"),
        ("--batch-size 61", "batch size is 61; expected 1 to 60, the number of training examples"),
        ("--learning-rate nan", "learning rate is NaN; expected a finite number above 0"),
        ("--learning-rate inf", "learning rate is inf"),
        ("--learning-rate 0", "learning rate is 0"),
        ("--hidden 0", "hidden layer 1 has 0 units"),
        ("--hidden 100,0", "hidden layer 2 has 0 units"),
        ("--hidden 99999999999", "too large"),
        ("--learning-rate -0.1", "learning rate is -0.1"),
        ("--learning-rate 1e-46", "learning rate is 0.0000000000000000000000000000000000000000000001"),
        ("--epochs 18446744073709551615", "expected at most 4294967295"),
        ("--hidden 5000000", "too large; expected at most 268435456 parameters in all"),
        ("--epochs 0", "epochs is 0; expected at least 1"),
        ("--dropout 1", "dropout is 1; expected from 0 to below 1"),
        ("--momentum nan", "momentum is NaN; expected from 0 to below 1"),
        ("--patience 0", "patience is 0; expected 1 or more"),
        ("--schedule one-cycle --warmup-epochs 1", "has its own warm-up"),
        ("--until accuracy=0.9", "`accuracy=0.9` is not a target"),
        ("--recipe no-such", "unknown recipe `no-such`; expected one of textbook"),
        ("--recipe no/such.toml", "no/such.toml: cannot read the recipe"),
        ("--set learningrate=1", "unknown field `learningrate`"),
        ("--set epochs=many", "invalid type: string \"many\""),
        ("--monitor validation-loss", "needs a validation set, but there is none"),
        ("--validation 0.001", "0.001 of 60 examples"),
        ("--rng numpy --seed 4294967296", "seed 4294967296 is too large for the numpy stream"),
        ("--dataset mnits", "mnist"),
        ("--dataset no/such/directory", "no/such/directory"),
    ] {
        scratch.refuses(&format!("train --quiet --batch-size 20 {flags}"), expected);
        assert!(!scratch.path("runs").exists(), "{flags}: a run directory was left behind");
    }
}

#[test]
fn bad_flags_are_errors_before_a_download() {
    let scratch = with_mnist();
    scratch.refuses("train --quiet --dataset kmnist --epochs 0", "epochs is 0; expected at least 1");
    assert!(!scratch.path("data/kmnist").exists(), "the download was started");
}

#[test]
fn a_bad_model_is_an_error() {
    let scratch = with_mnist();
    let good = train(&scratch);
    let damaged = |name: &str, change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        fs::write(scratch.path(name), bytes).unwrap();
    };
    damaged("version", |b| b[8] = 9);
    damaged("flipped", |b| b[1000] ^= 4);
    damaged("truncated", |b| b.truncate(500));
    damaged("appended", |b| b.push(0));
    damaged("empty", Vec::clear);
    fs::create_dir(scratch.path("directory")).unwrap();
    for (name, expected) in [
        ("version", "model format version 9; this program reads version 2"),
        ("flipped", "the checksum does not match"),
        ("truncated", "500 bytes; the header says"),
        ("appended", "bytes; the header says"),
        ("empty", "not a model file: it begins with nothing"),
        ("directory", "a directory; expected a model file"),
        ("missing", "cannot read the model"),
        ("data/mnist/t10k-labels-idx1-ubyte", "not a model file"),
    ] {
        for command in ["eval", "summary"] {
            scratch.refuses(&format!("{command} {name}"), expected);
            scratch.refuses(&format!("{command} {name}"), name);
        }
    }
}

#[test]
fn images_of_another_size_than_the_models_are_an_error() {
    let scratch = with_mnist();
    train(&scratch);
    write_dataset(&scratch.path("other"), [4, 5], [(&[7; 60], &[0, 1, 9]); 2]);
    scratch.refuses("eval run/model.mlp --dataset other", "images of 4x5; the model takes images of 28x28");
}

#[test]
fn a_run_is_never_overwritten() {
    let scratch = with_mnist();
    let before = train(&scratch);
    let flags = "train --quiet --epochs 1 --batch-size 20 --hidden 5 --seed 1 --run-dir run";
    scratch.refuses(flags, "run: the run directory is not empty, and runs are never overwritten");
    assert_eq!(scratch.bytes("run/model.mlp"), before);
}

#[test]
fn bad_flags_of_other_commands_are_errors() {
    let scratch = with_mnist();
    for (flags, expected) in [
        ("descend --learning-rate nan", "learning rate is NaN"),
        ("descend --start inf", "start is inf"),
        ("descend --steps 99999999", "steps is 99999999; expected at most"),
        (
            "descend --plot picture.gif",
            "picture.gif: unknown image format; expected a name ending in .svg or .png",
        ),
        ("gradcheck --batch-size 0", "batch size is 0"),
        ("gradcheck --classes 0", "classes is 0"),
        ("gradcheck --dropout 1", "dropout is 1; expected from 0 to below 1"),
        ("gradcheck --batch-size 18446744073709551615", "expected at most 16777216 inputs in total"),
        ("gradcheck --batch-size 99999999999", "expected at most 16777216 inputs in total"),
        ("descend --learning-rate=-inf", "learning rate is -inf"),
        ("gradcheck --hidden 0", "layer 1 has"),
        ("data show mnist --index 60", "the train set of mnist has no index 60; expected 0 to 59"),
        ("data show mnist --class 10", "mnist has no class 10; expected 0 to 9"),
        ("data fetch mnits", "mnist"),
    ] {
        scratch.refuses(flags, expected);
    }
    assert!(!scratch.path("picture.gif").exists());
}

#[test]
fn flags_that_conflict_with_resume_are_named() {
    let scratch = Scratch::new();
    for (flags, named) in [
        ("--recipe fast", "--recipe"),
        ("--set seed=1", "--set seed=1"),
        ("--batch-size 10", "--batch-size"),
        ("--kernel portable", "--kernel"),
        ("--max-time 5s --seed 3", "--max-time"),
    ] {
        for command in ["train", "sweep"] {
            let expected = format!(
                "{named} cannot be used with --resume: a run keeps the configuration it started with"
            );
            scratch.refuses(&format!("{command} --resume run {flags}"), &expected);
        }
    }
    scratch.refuses("sweep --resume run --epochs 10", "--epochs cannot be used with --resume");
}

#[test]
fn a_damaged_or_changed_run_cannot_be_resumed() {
    let scratch = with_mnist();
    scratch.refuses("train --resume nowhere", "nowhere: not a run directory: it has no config.toml");
    train(&scratch);
    // As if the run had been killed.
    let run = |name: &str| scratch.path("run").join(name);
    fs::remove_file(run("result.json")).unwrap();
    let _ = fs::remove_file(run("checkpoint.previous.mlp"));

    let config = fs::read_to_string(run("config.toml")).unwrap();
    fs::write(run("config.toml"), config.replace("seed = 0", "seed = 1")).unwrap();
    scratch.refuses(
        "train --quiet --resume run",
        "run (its config.toml must not change): cannot resume: the checkpoint has another configuration",
    );
    fs::write(run("config.toml"), "epochs = ").unwrap();
    scratch.refuses("train --quiet --resume run", "run/config.toml, line 1: ");
    fs::write(run("config.toml"), &config).unwrap();

    let checkpoint = fs::read(run("checkpoint.mlp")).unwrap();
    fs::write(run("checkpoint.mlp"), &checkpoint[..checkpoint.len() - 1]).unwrap();
    scratch.refuses("train --quiet --resume run", "run/checkpoint.mlp: ");
    fs::write(run("checkpoint.mlp"), fs::read(run("model.mlp")).unwrap()).unwrap();
    scratch
        .refuses("train --quiet --resume run", "run/checkpoint.mlp: not a checkpoint file: it begins with");
    fs::write(run("checkpoint.mlp"), &checkpoint).unwrap();

    change(&scratch, TRAIN_IMAGES, |bytes| bytes[1000] ^= 1);
    scratch.refuses(
        "train --quiet --resume run",
        "run: the training set of mnist is not the one the run started with; expected hash",
    );
    change(&scratch, TRAIN_IMAGES, |bytes| bytes[1000] ^= 1);
    scratch.mlp("train --quiet --resume run");
}

#[test]
fn missing_or_damaged_runs_are_errors() {
    let scratch = with_mnist();
    scratch.refuses("runs", "runs: cannot list the runs: No such file or directory");
    train(&scratch);
    scratch.refuses("compare run", "one run; expected two or more to compare");
    scratch.refuses("compare run data", "data: not a run directory: it has no config.toml");
    fs::write(scratch.path("run/result.json"), "{").unwrap();
    scratch.refuses("compare run run", "run/result.json: invalid result: ");
}

#[test]
fn bad_flags_of_sweep_and_lr_find_are_errors() {
    let scratch = with_mnist();
    for (flags, expected) in [
        (
            "sweep --quiet --vary dropout=0..0.5",
            "dropout=0..0.5 is a range; expected a list of values, or --random N",
        ),
        ("sweep --quiet --vary nothing=1,2", "nothing=1: unknown field `nothing`, expected one of"),
        ("sweep --quiet --vary epochs=1,0", "epochs=0: epochs is 0; expected at least 1"),
        ("sweep --quiet --random 0 --vary seed=1,2", "0 runs; expected 1 to 100000"),
        (
            "sweep --quiet --resume nowhere",
            "nowhere/sweep.toml: cannot read the sweep: No such file or directory",
        ),
        (
            "sweep --quiet --vary seed=1,2 --batch-size 20 --sweep-dir data",
            "data: not empty; resume a sweep with --resume",
        ),
        (
            "lr-find --json --from 1 --to 0.1",
            "learning rates from 1 to 0.1; expected two finite numbers above 0, the smaller one first",
        ),
        ("lr-find --json --steps 1", "steps is 1; expected 2 to 1000000"),
        ("lr-find --json --plot rates.gif", "rates.gif: unknown image format"),
        ("verify-resume --max-time 1s --batch-size 20", "runs with a time limit are not reproducible"),
        ("train --quiet --batch-size 20 --run-dir /proc/run", "/proc/run: cannot create the run directory: "),
        (
            "train --quiet --batch-size 20 --run-dir data/mnist/train-images-idx3-ubyte/run",
            "cannot create the run directory: Not a directory",
        ),
    ] {
        scratch.refuses(flags, expected);
    }
    assert!(!scratch.path("runs").exists() && !scratch.path("data/.lock").exists());
}

#[test]
fn a_validation_set_with_images_of_another_size_is_an_error() {
    let scratch = with_mnist();
    write_dataset(&scratch.path("small"), [2, 2], [(&[0; 4], &[0]); 2]);
    scratch.refuses(
        "train --batch-size 20 --validation-set small",
        "small: validation images of 2x2; expected 28x28, as in mnist",
    );
    assert!(!scratch.path("runs").exists());
}
