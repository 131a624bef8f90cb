//! Run directories: the names of a run's files, and the lock. A run directory is never overwritten,
//! and only one process at a time trains in it.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | the configuration, written first: a directory without it is not a run |
//! | `checkpoint.mlp` | the state of the training between two steps |
//! | `trace.csv`, `metrics.jsonl` | a line for each epoch; rewritten from the checkpoint after an interruption |
//! | `events.out.tfevents.mlp` | the same for TensorBoard, if asked for |
//! | `model.mlp`, `best.mlp` | the last and the best network, after training has ended or was stopped |
//! | `result.json` | how the run ended |
//! | `.lock` | locked while a process trains here |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mlp_data::fs::is_temporary;
use mlp_data::fs::{Disk, DiskFile};

use crate::config::metric::EpochRecord;
use crate::error::{Error, io_error};
use crate::number::Number;
use crate::run::checkpoint::Checkpoint;
use crate::run::result::RunResult;

const CONFIG: &str = "config.toml";
const CHECKPOINT: &str = "checkpoint.mlp";
const TRACE: &str = "trace.csv";
const METRICS: &str = "metrics.jsonl";
const EVENTS: &str = "events.out.tfevents.mlp";
const BEST: &str = "best.mlp";
const RESULT: &str = "result.json";
const LOCK: &str = ".lock";

/// The directory of a run, locked against other processes as long as this lives.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
    disk: Disk,
    _lock: Arc<DiskFile>,
}

impl RunDir {
    /// What the last model is called in a run directory.
    pub const MODEL: &str = "model.mlp";

    /// Takes `path` for a new run: creates it, with what is missing above it, or takes it if it is
    /// there and empty.
    ///
    /// # Errors
    /// [`Error::RunExists`] if it is not empty, [`Error::RunLocked`], [`Error::Io`] if it cannot be
    /// made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::create_on(&Disk::default(), path)
    }

    /// [`RunDir::create`], on this disk.
    ///
    /// # Errors
    /// As [`RunDir::create`].
    pub fn create_on(disk: &Disk, path: &Path) -> Result<Self, Error> {
        disk.create_dir_all(path).map_err(cannot_make(path))?;
        Self::take(disk, path)
    }

    /// Takes the first free one of `parent/name`, `parent/name-2`, `parent/name-3`, …
    ///
    /// # Errors
    /// [`Error::Io`] if none can be made.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, Error> {
        let disk = Disk::default();
        disk.create_dir_all(parent).map_err(io_error(parent, "cannot make the directory of runs"))?;
        let mut number = 1_u64;
        loop {
            let path = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
            // Creating it is what takes it, so that two runs started together get two directories.
            match disk.create_dir(&path) {
                Ok(()) => return Self::take(&disk, &path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(cannot_make(&path)(error)),
            }
        }
    }

    /// An empty directory, or one that was left before its configuration was written.
    fn take(disk: &Disk, path: &Path) -> Result<Self, Error> {
        // Once before anything is written into a directory that is somebody's, and once when nobody
        // else can write.
        Self::check_free(path)?;
        let run = Self::locked(disk, path)?;
        Self::check_free(path)?;
        run.sweep()?;
        Ok(run)
    }

    fn check_free(path: &Path) -> Result<(), Error> {
        let is_ours = |name: &str| name == LOCK || is_temporary(name);
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

    /// [`RunDir::open`], on this disk.
    ///
    /// # Errors
    /// As [`RunDir::open`].
    pub fn open_on(disk: &Disk, path: &Path) -> Result<Self, Error> {
        if !path.join(CONFIG).is_file() {
            return Err(Error::NoRun { path: path.to_owned() });
        }
        let run = Self::locked(disk, path)?;
        run.sweep()?;
        Ok(run)
    }

    fn locked(disk: &Disk, path: &Path) -> Result<Self, Error> {
        let lock = || disk.lock(&path.join(LOCK)).map_err(io_error(path, "cannot lock the run directory"));
        // Whoever looks at the run (`RunDir::is_running`) holds the lock for a moment, too.
        let lock = match lock()? {
            None => {
                std::thread::sleep(Duration::from_millis(50));
                lock()?
            }
            lock => lock,
        };
        let lock = lock.ok_or_else(|| Error::RunLocked { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), disk: disk.clone(), _lock: Arc::new(lock) })
    }

    /// Removes what was being written when a process was killed.
    fn sweep(&self) -> Result<(), Error> {
        for name in names(&self.path)?.iter().filter(|name| is_temporary(name)) {
            let path = self.path.join(name);
            self.disk.remove(&path).map_err(io_error(&path, "cannot remove an unfinished file"))?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Where the last model goes: `model.mlp`.
    pub fn model_path(&self) -> PathBuf {
        self.path.join(Self::MODEL)
    }

    /// Where the best model goes, if one is kept: `best.mlp`.
    pub fn best_path(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// Where the trace goes: `trace.csv`.
    pub fn trace_path(&self) -> PathBuf {
        self.path.join(TRACE)
    }

    pub(crate) fn metrics_path(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    pub(crate) fn events_path(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// Where the checkpoint is: `checkpoint.mlp`.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, toml: &str) -> Result<(), Error> {
        self.write(CONFIG, toml, "cannot write the configuration")
    }

    /// What is in `config.toml`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_config(path: &Path) -> Result<String, Error> {
        let path = path.join(CONFIG);
        fs::read_to_string(&path).map_err(io_error(&path, "cannot read the configuration"))
    }

    /// The last checkpoint; `None` if there is none yet.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn checkpoint<A: Number>(&self) -> Result<Option<Checkpoint<A>>, Error> {
        let path = self.checkpoint_path();
        if path.exists() { Checkpoint::load(&path).map(Some) } else { Ok(None) }
    }

    pub(crate) fn write_result(&self, result: &RunResult) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(result).expect("plain data");
        self.write(RESULT, &format!("{json}\n"), "cannot write the result")
    }

    /// How a run ended; `None` if it has not.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::FileInvalid`].
    pub fn result(path: &Path) -> Result<Option<RunResult>, Error> {
        let path = path.join(RESULT);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(io_error(&path, "cannot read the result"))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|error| invalid(&path, "result", &error))
    }

    /// The epochs of a run, as far as they have been written down.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::FileInvalid`].
    pub fn records(path: &Path) -> Result<Vec<EpochRecord>, Error> {
        let path = path.join(METRICS);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(io_error(&path, "cannot read the metrics"))?,
        };
        // A line without an end is one that somebody is writing, or was when it was killed.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines
            .map(|line| serde_json::from_str(line).map_err(|error| invalid(&path, "epoch", &error)))
            .collect()
    }

    /// Whether there is a run in a directory.
    pub fn is_run(path: &Path) -> bool {
        path.join(CONFIG).is_file()
    }

    /// Whether a process trains in a directory at this moment.
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

fn names(path: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(io_error(path, "cannot list the run directory"))?;
    Ok(entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn cannot_make(path: &Path) -> impl FnOnce(io::Error) -> Error {
    io_error(path, "cannot make the run directory")
}

fn invalid(path: &Path, what: &'static str, error: &serde_json::Error) -> Error {
    Error::FileInvalid { path: path.to_owned(), what, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_directory_is_never_taken_twice() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunDir::create_numbered(parent.path(), "mnist").unwrap().path().to_owned())
            .collect();
        assert_eq!(names, ["mnist", "mnist-2", "mnist-3"].map(|name| parent.path().join(name)));

        let path = parent.path().join("a/b");
        drop(RunDir::create(&path).unwrap());
        fs::write(path.join(".config.toml.1-0.tmp"), "half").unwrap();
        let run = RunDir::create(&path).expect("a directory without a run may be taken");
        assert!(!path.join(".config.toml.1-0.tmp").exists());
        assert!(matches!(RunDir::create(&path), Err(Error::RunLocked { .. })));
        run.write_config("epochs = 1\n").unwrap();
        drop(run);
        assert!(matches!(RunDir::create(&path), Err(Error::RunExists { .. })));
    }

    #[test]
    fn a_run_is_opened_by_one_at_a_time() {
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
    fn a_line_that_is_not_finished_is_no_epoch() {
        let parent = tempfile::tempdir().unwrap();
        let record = serde_json::to_string(&EpochRecord::default()).unwrap();
        fs::write(parent.path().join(METRICS), format!("{record}\n{record}")).unwrap();
        assert_eq!(RunDir::records(parent.path()).unwrap(), [EpochRecord::default()]);
        fs::write(parent.path().join(METRICS), "{}\n").unwrap();
        assert!(matches!(RunDir::records(parent.path()), Err(Error::FileInvalid { .. })));
    }
}
