//! Run directories: file names and the lock. A run directory is never overwritten, and only one
//! process at a time trains in it.
//!
//! | file | contents |
//! |---|---|
//! | `config.toml` | configuration, written first: a directory without it is not a run |
//! | `checkpoint.mlp` | state of the training between two steps |
//! | `checkpoint.previous.mlp` | the one before it, in case that cannot be read |
//! | `trace.csv`, `metrics.jsonl` | one line per epoch; rewritten from the checkpoint on resume |
//! | `events.out.tfevents.mlp` | the same for TensorBoard, if requested |
//! | `model.mlp`, `best.mlp` | last and best network, once training has ended or was stopped |
//! | `result.json` | how the run ended |
//! | `report.html` | report, written by the program after training |
//! | `.lock` | locked while a process trains here |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mlp_data::fs::{Disk, Lock, final_name};
use serde::de::DeserializeOwned;

use crate::error::io_error;
use crate::{Checkpoint, EpochRecord, Error, Number, RunResult};

const CONFIG: &str = "config.toml";
const CHECKPOINT: &str = "checkpoint.mlp";
const PREVIOUS: &str = "checkpoint.previous.mlp";
const TRACE: &str = "trace.csv";
const METRICS: &str = "metrics.jsonl";
const EVENTS: &str = "events.out.tfevents.mlp";
const BEST: &str = "best.mlp";
const RESULT: &str = "result.json";
const REPORT: &str = "report.html";
const LOCK: &str = ".lock";

/// The files of a run without its report, in an order in which each can be the last that is copied.
/// All are written atomically, and so leave temporary files if that is interrupted.
pub(crate) const FILES: [&str; 9] =
    [CONFIG, PREVIOUS, CHECKPOINT, TRACE, METRICS, EVENTS, BEST, RunDir::MODEL, RESULT];

/// The directory of a run, locked against other processes until it is dropped. If it is renamed or
/// replaced in the meantime, nothing more is written to it.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
    disk: Disk, // holds the lock
    is_locked: bool,
}

impl RunDir {
    /// File name of the last model.
    pub const MODEL: &str = "model.mlp";

    /// Creates the directory of a new run, with its parents, or uses an empty one.
    ///
    /// # Errors
    /// [`Error::RunExists`] if it is not empty, [`Error::RunLocked`], [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::create_on(&Disk::default(), path)
    }

    /// Like [`RunDir::create`], with all file operations on `disk`.
    ///
    /// # Errors
    /// Those of [`RunDir::create`].
    pub fn create_on(disk: &Disk, path: &Path) -> Result<Self, Error> {
        disk.create_dir_all(path).map_err(cannot_create(path))?;
        Self::take(disk, path)
    }

    /// Creates the first free one of `parent/name`, `parent/name-2`, `parent/name-3`, …
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, Error> {
        let disk = Disk::default();
        disk.create_dir_all(parent).map_err(io_error(parent, "cannot create the directory of runs"))?;
        let mut number = 1_u64;
        loop {
            let path = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
            // `create_dir` decides, so that two runs started together get two directories.
            match disk.create_dir(&path) {
                Ok(()) => return Self::take(&disk, &path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(cannot_create(&path)(error)),
            }
        }
    }

    /// Locks a directory that is empty, or was abandoned before its configuration was written.
    fn take(disk: &Disk, path: &Path) -> Result<Self, Error> {
        // Checked before anything is written into it, and again when nobody else can write.
        Self::check_free(path)?;
        let run = Self::locked(disk, path)?;
        Self::check_free(path)?;
        run.sweep()?;
        Ok(run)
    }

    fn check_free(path: &Path) -> Result<(), Error> {
        let is_ours = |name: &str| name == LOCK || is_unfinished(name);
        if names(path)?.iter().all(|name| is_ours(name)) {
            Ok(())
        } else {
            Err(Error::RunExists { path: path.to_owned() })
        }
    }

    /// Opens a run to resume it.
    ///
    /// # Errors
    /// [`Error::NoRun`], [`Error::RunLocked`], [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_on(&Disk::default(), path)
    }

    /// Like [`RunDir::open`], with all file operations on `disk`.
    ///
    /// # Errors
    /// Those of [`RunDir::open`].
    pub fn open_on(disk: &Disk, path: &Path) -> Result<Self, Error> {
        if !Self::is_run(path) {
            return Err(Error::NoRun { path: path.to_owned() });
        }
        let run = Self::locked(disk, path)?;
        run.sweep()?;
        Ok(run)
    }

    fn locked(disk: &Disk, path: &Path) -> Result<Self, Error> {
        let lock = || disk.lock(&path.join(LOCK)).map_err(io_error(path, "cannot lock the run directory"));
        let mut found = lock()?;
        if matches!(found, Lock::Busy) {
            // `RunDir::is_running` in another process also holds the lock for a moment.
            std::thread::sleep(Duration::from_millis(50));
            found = lock()?;
        }
        let (lock, is_locked) = match found {
            Lock::Held(lock) => (lock, true),
            Lock::Unsupported(lock) => (lock, false),
            Lock::Busy => return Err(Error::RunLocked { path: path.to_owned() }),
        };
        Ok(Self { path: path.to_owned(), disk: disk.holding(Arc::new(lock)), is_locked })
    }

    /// Returns whether the directory is locked; false if its file system has no locks.
    pub fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Removes the temporary files of a killed process.
    fn sweep(&self) -> Result<(), Error> {
        for name in names(&self.path)?.iter().filter(|name| is_unfinished(name)) {
            let path = self.path.join(name);
            self.disk.remove(&path).map_err(io_error(&path, "cannot remove an unfinished file"))?;
        }
        Ok(())
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The path of the last model, `model.mlp`.
    pub fn model_path(&self) -> PathBuf {
        self.path.join(Self::MODEL)
    }

    /// The path of the best model, `best.mlp`.
    pub fn best_path(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// The path of the trace, `trace.csv`.
    pub fn trace_path(&self) -> PathBuf {
        self.path.join(TRACE)
    }

    pub(crate) fn metrics_path(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    pub(crate) fn events_path(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// The path of the checkpoint, `checkpoint.mlp`.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    pub(crate) fn previous_checkpoint_path(&self) -> PathBuf {
        self.path.join(PREVIOUS)
    }

    /// The path of the report, `report.html`.
    pub fn report_path(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_report(&self, html: &str) -> Result<(), Error> {
        self.write(REPORT, html, "cannot write the report")
    }

    /// Removes `result.json`, if there is one: the run is not over after all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_result(&self) -> Result<(), Error> {
        let path = self.path.join(RESULT);
        match self.disk.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.exists() => Ok(()),
            removed => removed.map_err(io_error(&path, "cannot remove the result")),
        }
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, toml: &str) -> Result<(), Error> {
        self.write(CONFIG, toml, "cannot write the configuration")
    }

    /// Reads `config.toml`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_config(path: &Path) -> Result<String, Error> {
        let path = path.join(CONFIG);
        fs::read_to_string(&path).map_err(io_error(&path, "cannot read the configuration"))
    }

    /// Reads the last checkpoint, or the one before it if the last is missing or damaged, which
    /// [`Checkpoint::fallback`] tells; `None` if there is none yet.
    ///
    /// # Errors
    /// Those of [`Checkpoint::load`] for the last checkpoint.
    pub fn checkpoint<A: Number>(&self) -> Result<Option<Checkpoint<A>>, Error> {
        let (path, previous) = (self.checkpoint_path(), self.previous_checkpoint_path());
        let reason = match path.exists().then(|| Checkpoint::load(&path)) {
            Some(Ok(checkpoint)) => return Ok(Some(checkpoint)),
            Some(Err(error)) => Some(error),
            None => None,
        };
        match (previous.exists().then(|| Checkpoint::load(&previous)), reason) {
            (Some(Ok(mut checkpoint)), reason) => {
                let missing = || format!("{}: no such file", path.display());
                let reason = reason.map_or_else(missing, |error| error.to_string());
                checkpoint.fallback = Some(format!("{reason}; resuming from {PREVIOUS}"));
                Ok(Some(checkpoint))
            }
            (_, Some(error)) => Err(error),
            (previous, None) => previous.transpose(),
        }
    }

    pub(crate) fn write_result(&self, result: &RunResult) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(result).expect("plain data");
        self.write(RESULT, &format!("{json}\n"), "cannot write the result")
    }

    /// Reads the result of a run; `None` if it has not ended.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::FileInvalid`].
    pub fn result(path: &Path) -> Result<Option<RunResult>, Error> {
        let path = path.join(RESULT);
        let text = read_if_exists(&path, "cannot read the result")?;
        text.map(|text| parse(&path, "result", &text)).transpose()
    }

    /// Reads the records of the epochs written so far.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::FileInvalid`].
    pub fn records(path: &Path) -> Result<Vec<EpochRecord>, Error> {
        let path = path.join(METRICS);
        let text = read_if_exists(&path, "cannot read the metrics")?.unwrap_or_default();
        // A last line without a newline is incomplete.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| parse(&path, "epoch", line)).collect()
    }

    /// Returns whether a directory holds a run.
    pub fn is_run(path: &Path) -> bool {
        path.join(CONFIG).is_file()
    }

    /// Returns whether a process is training in a directory.
    pub fn is_running(path: &Path) -> bool {
        let lock = File::open(path.join(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn write(&self, name: &str, text: &str, action: &'static str) -> Result<(), Error> {
        let path = self.path.join(name);
        let written = self.disk.write_atomically(&path, |file| file.write_all(text.as_bytes()));
        written.map_err(io_error(&path, action))
    }
}

/// Returns whether a file name is that of a temporary file of a run.
fn is_unfinished(name: &str) -> bool {
    final_name(name).is_some_and(|name| name == REPORT || FILES.contains(&name))
}

fn names(path: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(io_error(path, "cannot list the run directory"))?;
    Ok(entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn cannot_create(path: &Path) -> impl FnOnce(io::Error) -> Error {
    io_error(path, "cannot create the run directory")
}

fn read_if_exists(path: &Path, action: &'static str) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => text.map(Some).map_err(io_error(path, action)),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, what: &'static str, json: &str) -> Result<T, Error> {
    let invalid = |error: serde_json::Error| Error::FileInvalid {
        path: path.to_owned(),
        what,
        reason: error.to_string(),
    };
    serde_json::from_str(json).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_directory_is_never_reused() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunDir::create_numbered(parent.path(), "mnist").unwrap().path().to_owned())
            .collect();
        assert_eq!(names, ["mnist", "mnist-2", "mnist-3"].map(|name| parent.path().join(name)));

        let path = parent.path().join("a/b");
        drop(RunDir::create(&path).unwrap());
        fs::write(path.join(".config.toml.1-0.tmp"), "half").unwrap();
        let run = RunDir::create(&path).expect("a directory without a run can be used");
        assert!(!path.join(".config.toml.1-0.tmp").exists());
        assert!(matches!(RunDir::create(&path), Err(Error::RunLocked { .. })));
        drop(run);
        // What looks like a temporary file may be a user's.
        for name in [".x.tmp", ".notes.1-0.tmp", ".config.toml.tmp"] {
            fs::write(path.join(name), "precious").unwrap();
            assert!(matches!(RunDir::create(&path), Err(Error::RunExists { .. })), "{name}");
            fs::remove_file(path.join(name)).unwrap();
        }
        let run = RunDir::create(&path).unwrap();
        run.write_config("epochs = 1\n").unwrap();
        drop(run);
        assert!(matches!(RunDir::create(&path), Err(Error::RunExists { .. })));
    }

    #[test]
    fn a_run_can_be_open_only_once() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        assert!(matches!(RunDir::open(&path), Err(Error::NoRun { .. })));
        RunDir::create(&path).unwrap().write_config("epochs = 1\n").unwrap();
        assert!(!RunDir::is_running(&path));
        let run = RunDir::open(&path).unwrap();
        assert!(RunDir::is_running(&path));
        assert!(matches!(RunDir::open(&path), Err(Error::RunLocked { .. })));
        drop(run);
        assert!(RunDir::open(&path).is_ok());
    }

    #[test]
    fn an_incomplete_line_of_metrics_is_ignored() {
        let parent = tempfile::tempdir().unwrap();
        let record = serde_json::to_string(&EpochRecord::default()).unwrap();
        fs::write(parent.path().join(METRICS), format!("{record}\n{record}")).unwrap();
        assert_eq!(RunDir::records(parent.path()).unwrap(), [EpochRecord::default()]);
        fs::write(parent.path().join(METRICS), "{}\n").unwrap();
        assert!(matches!(RunDir::records(parent.path()), Err(Error::FileInvalid { .. })));
    }
}
