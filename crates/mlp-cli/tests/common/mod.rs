//! Runs `mlp` in a scratch directory.

// Each test program includes this module and uses only a part of it.
#![allow(dead_code)]

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use mlp_data::catalog::MNIST_FILE_NAMES;
use mlp_data::idx::{Idx, IdxData, write_idx};

/// Flags for a small network that classifies the synthetic digits well.
pub(crate) const SMALL: &str = "--hidden 20 --epochs 4 --learning-rate 0.02";

/// A temporary directory to run `mlp` in.
pub(crate) struct Scratch(tempfile::TempDir);

/// The exit code and output of a process.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scratch {
    /// Creates an empty directory.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Creates a directory with a model of the synthetic digits, `run/model.mlp`. Each test binary
    /// trains only once with the same flags.
    pub(crate) fn trained(flags: &str) -> Self {
        type Files = Vec<(OsString, Vec<u8>)>;
        static RUNS: LazyLock<Mutex<HashMap<String, Files>>> = LazyLock::new(Mutex::default);
        let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
        let files = runs.entry(flags.to_owned()).or_insert_with(|| {
            let scratch = Self::new();
            scratch.mlp(&format!("train --dataset synthetic --run-dir run --no-report --quiet {flags}"));
            let files = fs::read_dir(scratch.path("run")).unwrap().map(Result::unwrap);
            files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect()
        });
        let scratch = Self::new();
        fs::create_dir(scratch.path("run")).unwrap();
        for (name, bytes) in files {
            fs::write(scratch.path("run").join(name), bytes).unwrap();
        }
        scratch
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The number of entries in a directory.
    pub(crate) fn count(&self, name: &str) -> usize {
        fs::read_dir(self.path(name)).unwrap().count()
    }

    /// The command `mlp FLAGS` in this directory.
    pub(crate) fn command(&self, flags: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlp"));
        command.current_dir(self.0.path()).args(flags.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// Starts `mlp FLAGS` with piped output.
    pub(crate) fn spawn(&self, flags: &str) -> Child {
        self.command(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `mlp FLAGS`.
    pub(crate) fn run(&self, flags: &str) -> Output {
        finish(self.spawn(flags))
    }

    /// Runs `mlp FLAGS`, which must succeed.
    #[track_caller]
    pub(crate) fn succeeds(&self, flags: &str) -> Output {
        let output = self.run(flags);
        assert_eq!(output.code, Some(0), "mlp {flags}: {}", output.stderr);
        output
    }

    /// Runs `mlp FLAGS`, which must succeed, and returns its standard output.
    #[track_caller]
    pub(crate) fn mlp(&self, flags: &str) -> String {
        self.succeeds(flags).stdout
    }

    /// Runs `mlp FLAGS`, which must end with exit code 2, and returns its standard error.
    #[track_caller]
    pub(crate) fn error(&self, flags: &str) -> String {
        let output = self.run(flags);
        assert_eq!(output.code, Some(2), "mlp {flags}: {}", output.stderr);
        output.stderr
    }

    /// Runs `mlp FLAGS`, which must end with exit code 2 and print only a one-line error that
    /// contains `expected`.
    #[track_caller]
    pub(crate) fn refuses(&self, flags: &str, expected: &str) {
        let Output { code, stdout, stderr } = self.run(flags);
        assert_eq!((code, &*stdout), (Some(2), ""), "mlp {flags}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "mlp {flags}: {stderr}");
        assert!(stderr.contains(expected), "mlp {flags}: {stderr}expected: {expected}");
        assert!(stderr.matches("(os error").count() <= 1, "repeated: {stderr}");
    }
}

/// Waits for a process to end.
pub(crate) fn finish(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    // A signal may interrupt the output within a character.
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Sends a process a signal, `INT` or `TERM`.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// Writes a dataset with the file names of MNIST. `shape` is height and width; `splits` are images
/// and labels for training and for testing.
pub(crate) fn write_dataset(directory: &Path, shape: [usize; 2], splits: [(&[u8], &[u8]); 2]) {
    fs::create_dir_all(directory).unwrap();
    for (names, (images, labels)) in MNIST_FILE_NAMES.chunks(2).zip(splits) {
        let write = |name, shape: &[usize], bytes: &[u8]| {
            write_idx(&directory.join(name), &Idx::new(shape.to_vec(), IdxData::U8(bytes.to_vec()))).unwrap();
        };
        write(names[0], &[labels.len(), shape[0], shape[1]], images);
        write(names[1], &[labels.len()], labels);
    }
}

/// Writes synthetic digits with the file names of MNIST.
pub(crate) fn write_digits(directory: &Path, train: usize, test: usize) {
    let sets = mlp_data::synthetic::digits(train, test, 0);
    let splits = [&sets.train, &sets.test].map(|set| (set.images(), set.labels()));
    write_dataset(directory, [28, 28], splits);
}

/// The bytes of a binary PGM file.
pub(crate) fn pgm(width: usize, pixels: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let pixels: Vec<u8> = pixels.into_iter().collect();
    let header = format!("P5 {width} {} 255\n", pixels.len() / width);
    [header.into_bytes(), pixels].concat()
}

/// Parses JSON.
pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
