//! Whatever is wrong with a file or a flag is said in one line, with exit code 2, and nothing is left behind.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use mlp_data::catalog::MNIST_FILE_NAMES;
use mlp_data::idx::{Idx, IdxData, write_idx};

const TRAIN_IMAGES: &str = MNIST_FILE_NAMES[0];
const TRAIN_LABELS: &str = MNIST_FILE_NAMES[1];
const TEST_IMAGES: &str = MNIST_FILE_NAMES[2];
const TEST_LABELS: &str = MNIST_FILE_NAMES[3];

/// A directory with a small dataset that goes by the name of mnist, to be spoilt.
struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        let scratch = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir_all(scratch.directory.path().join("data/mnist")).unwrap();
        let sets = mlp_data::synthetic::digits(60, 20, 0);
        for (set, images, labels) in
            [(&sets.train, TRAIN_IMAGES, TRAIN_LABELS), (&sets.test, TEST_IMAGES, TEST_LABELS)]
        {
            let pixels = Idx::new(vec![set.len(), 28, 28], IdxData::U8(set.images().to_vec()));
            write_idx(&scratch.file(images), &pixels).unwrap();
            let classes = Idx::new(vec![set.len()], IdxData::U8(set.labels().to_vec()));
            write_idx(&scratch.file(labels), &classes).unwrap();
        }
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path("data/mnist").join(name)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file(name)).unwrap();
        change(&mut bytes);
        fs::write(self.file(name), bytes).unwrap();
    }

    fn mlp(&self, flags: &str) -> Command {
        let mut command = Command::cargo_bin("mlp").unwrap();
        command.current_dir(self.directory.path()).args(flags.split_whitespace());
        command
    }

    /// Runs `mlp FLAGS`, which must fail with exit code 2 and one line that contains `expected`.
    #[track_caller]
    fn refuses(&self, flags: &str, expected: &str) {
        let output = self.mlp(flags).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "mlp {flags}: {stderr}");
        assert!(
            output.stdout.is_empty(),
            "mlp {flags} printed {:?}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(
            stderr.starts_with("error: ") && stderr.trim_end().lines().count() == 1,
            "mlp {flags}: {stderr}"
        );
        assert!(stderr.contains(expected), "mlp {flags}: {stderr}expected: {expected}");
        assert!(stderr.matches("(os error").count() <= 1, "said twice: {stderr}");
    }

    /// Trains for one epoch and returns the model's path.
    fn model(&self) -> PathBuf {
        self.mlp("train --quiet --epochs 1 --batch-size 20 --hidden 5 --run-dir run").assert().success();
        self.path("run/model.mlp")
    }
}

/// What is wrong, how it comes about, and what must be said of it.
type DataCase = (&'static str, fn(&Scratch), &'static str);

const DATA_CASES: &[DataCase] = &[
    ("truncated", |s| s.change(TRAIN_IMAGES, |b| b.truncate(1000)), "train-images-idx3-ubyte"),
    ("trailing bytes", |s| s.change(TEST_LABELS, |b| b.push(0)), "t10k-labels-idx1-ubyte"),
    (
        "oversized header",
        |s| s.change(TRAIN_IMAGES, |b| b[4..16].copy_from_slice(&[0xFF; 12])),
        "train-images-idx3-ubyte",
    ),
    ("wrong magic", |s| s.change(TRAIN_LABELS, |b| b[0] = 0x4D), "train-labels-idx1-ubyte"),
    (
        "images and labels swapped",
        |s| {
            let (images, labels) = (s.file(TRAIN_IMAGES), s.file(TRAIN_LABELS));
            fs::rename(&images, s.path("swap")).unwrap();
            fs::rename(&labels, &images).unwrap();
            fs::rename(s.path("swap"), &labels).unwrap();
        },
        "are the files of images and labels swapped?",
    ),
    ("label out of range", |s| s.change(TRAIN_LABELS, |b| b[20] = 10), "label 10"),
    (
        "fewer labels than images",
        |s| {
            s.change(TEST_LABELS, |b| {
                b[7] = 19;
                b.pop();
            })
        },
        "19",
    ),
    ("empty", |s| s.change(TRAIN_IMAGES, Vec::clear), "train-images-idx3-ubyte"),
    (
        "a directory instead of a file",
        |s| {
            fs::remove_file(s.file(TEST_IMAGES)).unwrap();
            fs::create_dir(s.file(TEST_IMAGES)).unwrap();
        },
        "t10k-images-idx3-ubyte",
    ),
    #[cfg(unix)]
    (
        // A mode of 000 would not stop root; a link to itself cannot be read by anybody.
        "unreadable",
        |s| {
            fs::remove_file(s.file(TEST_IMAGES)).unwrap();
            std::os::unix::fs::symlink(s.file(TEST_IMAGES), s.file(TEST_IMAGES)).unwrap();
        },
        "t10k-images-idx3-ubyte",
    ),
    (
        "a .gz that is neither gzip nor IDX",
        |s| {
            fs::remove_file(s.file(TRAIN_IMAGES)).unwrap();
            fs::write(s.file("train-images-idx3-ubyte.gz"), "<html>not found</html>").unwrap();
        },
        "train-images-idx3-ubyte.gz",
    ),
];

#[test]
fn a_bad_data_file_is_named_in_one_line() {
    for (what, spoil, expected) in DATA_CASES {
        let scratch = Scratch::new();
        spoil(&scratch);
        eprintln!("case: {what}");
        // As a directory, so that nothing is fetched where a file is missing or cannot be read; a label's range is that of
        // the catalog's mnist.
        let dataset = if *what == "label out of range" { "mnist" } else { "data/mnist" };
        scratch.refuses(&format!("train --quiet --batch-size 20 --dataset {dataset}"), expected);
        assert!(!scratch.path("runs").exists(), "{what}: a run directory was left behind");
    }
}

#[test]
fn a_bad_flag_is_refused_before_anything_is_written() {
    let scratch = Scratch::new();
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
        ("--schedule one-cycle --warmup-epochs 1", "has a warm-up of its own"),
        ("--until accuracy=0.9", "`accuracy=0.9` is no target"),
        ("--recipe no-such", "unknown recipe `no-such`; expected one of textbook"),
        ("--recipe no/such.toml", "no/such.toml: cannot read the recipe"),
        ("--set learningrate=1", "unknown field `learningrate`"),
        ("--set epochs=many", "invalid type: string \"many\""),
        ("--monitor validation-loss", "asks for a validation set, and there is none"),
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
fn a_bad_choice_is_refused_before_anything_is_downloaded() {
    let scratch = Scratch::new();
    scratch.refuses("train --quiet --dataset kmnist --epochs 0", "epochs is 0; expected at least 1");
    assert!(!scratch.path("data/kmnist").exists(), "the download was begun");
}

#[test]
fn a_bad_model_is_refused() {
    let scratch = Scratch::new();
    let good = fs::read(scratch.model()).unwrap();
    let spoilt = |name: &str, change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        fs::write(scratch.path(name), bytes).unwrap();
    };
    spoilt("version", |b| b[8] = 9);
    spoilt("flipped", |b| b[1000] ^= 4);
    spoilt("truncated", |b| b.truncate(500));
    spoilt("appended", |b| b.push(0));
    spoilt("empty", Vec::clear);
    fs::create_dir(scratch.path("directory")).unwrap();
    for (name, expected) in [
        ("version", "model format version 9; this program reads version 2"),
        ("flipped", "the checksum does not match"),
        ("truncated", "500 bytes; expected"),
        ("appended", "bytes; expected"),
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
fn a_model_is_not_evaluated_on_images_of_another_form() {
    let scratch = Scratch::new();
    let model = scratch.model();
    let other = scratch.path("other");
    fs::create_dir(&other).unwrap();
    for (images, labels) in [(TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)] {
        write_idx(&other.join(images), &Idx::new(vec![3, 4, 5], IdxData::U8(vec![7; 60]))).unwrap();
        write_idx(&other.join(labels), &Idx::new(vec![3], IdxData::U8(vec![0, 1, 9]))).unwrap();
    }
    let flags = format!("eval {} --dataset {}", model.display(), other.display());
    scratch.refuses(&flags, "images of 4x5; the model takes images of 28x28");
}

#[test]
fn a_run_is_never_overwritten() {
    let scratch = Scratch::new();
    let before = fs::read(scratch.model()).unwrap();
    let flags = "train --quiet --epochs 1 --batch-size 20 --hidden 5 --seed 1 --run-dir run";
    scratch.refuses(flags, "run: the run directory exists and is not empty; runs are never overwritten");
    assert_eq!(fs::read(scratch.path("run/model.mlp")).unwrap(), before);
}

#[test]
fn other_commands_refuse_nonsense_too() {
    let scratch = Scratch::new();
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
        ("gradcheck --batch-size 18446744073709551615", "expected at most 16777216 numbers"),
        ("gradcheck --batch-size 99999999999", "expected at most 16777216 numbers"),
        ("descend --learning-rate=-inf", "learning rate is -inf"),
        ("gradcheck --hidden 0", "layer 1 has"),
        ("data show mnist --index 60", "index 60 in the train set of mnist; expected 0 to 59"),
        ("data show mnist --class 10", "class 10 in mnist; expected 0 to 9"),
        ("data fetch mnits", "mnist"),
    ] {
        scratch.refuses(flags, expected);
    }
    assert!(!Path::new(&scratch.path("picture.gif")).exists());
}

#[test]
fn a_run_that_cannot_be_gone_on_with() {
    let scratch = Scratch::new();
    scratch.refuses("train --resume nowhere", "nowhere: no run: there is no config.toml in it");
    scratch.model();
    // As if it had been killed before it wrote its result.
    let run = |name: &str| scratch.path("run").join(name);
    fs::remove_file(run("result.json")).unwrap();

    let config = fs::read_to_string(run("config.toml")).unwrap();
    fs::write(run("config.toml"), config.replace("seed = 0", "seed = 1")).unwrap();
    scratch.refuses(
        "train --quiet --resume run",
        "run (its config.toml must not change): cannot resume: the checkpoint is of a training with another configuration",
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

    scratch.change(TRAIN_IMAGES, |bytes| bytes[1000] ^= 1);
    scratch.refuses(
        "train --quiet --resume run",
        "run: the dataset mnist has changed since the run began; expected SHA-256",
    );
    scratch.change(TRAIN_IMAGES, |bytes| bytes[1000] ^= 1);
    scratch.mlp("train --quiet --resume run").assert().success();
}

#[test]
fn commands_about_runs_that_have_none() {
    let scratch = Scratch::new();
    scratch.refuses("runs", "runs: cannot list the runs: No such file or directory");
    scratch.model();
    scratch.refuses("compare run", "one run; expected two or more to compare");
    scratch.refuses("compare run data", "data: no run: there is no config.toml in it");
    fs::write(scratch.path("run/result.json"), "{").unwrap();
    scratch.refuses("compare run run", "run/result.json: the result in it is not valid: ");
}

#[test]
fn sweeps_and_range_tests_that_cannot_be() {
    let scratch = Scratch::new();
    for (flags, expected) in [
        (
            "sweep --quiet --vary dropout=0..0.5",
            "dropout=0..0.5 is a range; expected --random N with it, or a list of values",
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
            "rates from 1 to 0.1; expected two finite numbers above 0, the smaller one first",
        ),
        ("lr-find --json --steps 1", "steps is 1; expected 2 to 1000000"),
        ("lr-find --json --plot rates.gif", "rates.gif: unknown image format"),
        ("verify-resume --max-time 1s --batch-size 20", "a time budget ends a run at another step each time"),
        ("train --quiet --batch-size 20 --run-dir /proc/run", "/proc/run: cannot make the run directory: "),
        (
            "train --quiet --batch-size 20 --run-dir data/mnist/train-images-idx3-ubyte/run",
            "cannot make the run directory: Not a directory",
        ),
    ] {
        scratch.refuses(flags, expected);
    }
    assert!(!scratch.path("runs").exists() && !scratch.path("data/.lock").exists());
}

#[test]
fn images_to_validate_on_of_another_form() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("small")).unwrap();
    for (images, labels) in [(TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)] {
        write_idx(&scratch.path("small").join(images), &Idx::new(vec![1, 2, 2], IdxData::U8(vec![0; 4])))
            .unwrap();
        write_idx(&scratch.path("small").join(labels), &Idx::new(vec![1], IdxData::U8(vec![0]))).unwrap();
    }
    scratch.refuses(
        "train --batch-size 20 --validation-set small",
        "small: validation images of 2x2 in 1 classes; expected 28x28 in 10, as in mnist",
    );
    assert!(!scratch.path("runs").exists());
}
