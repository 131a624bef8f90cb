//! Run directories: one for each run, holding its configuration, its trace and its model, and never overwritten.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mlp_data::atomic::write_atomically;

use crate::error::Error;
use crate::model::Model;
use crate::writers::{MetricsWriter, TraceWriter};

/// The directory of a run.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Takes `path` for a new run: creates it, with what is missing above it, or takes it if it is there and empty.
    ///
    /// # Errors
    /// [`Error::RunExists`] if it is not empty, [`Error::Io`] if it cannot be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let io =
            |reason| Error::Io { path: path.to_owned(), action: "cannot make the run directory", reason };
        fs::create_dir_all(path).map_err(io)?;
        if fs::read_dir(path).map_err(io)?.next().is_some() {
            return Err(Error::RunExists { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Takes the first free one of `parent/name`, `parent/name-2`, `parent/name-3`, …
    ///
    /// # Errors
    /// [`Error::Io`] if none can be made.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self, Error> {
        fs::create_dir_all(parent).map_err(|reason| Error::Io {
            path: parent.to_owned(),
            action: "cannot make the directory of runs",
            reason,
        })?;
        let mut number = 1_u64;
        loop {
            let path = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
            // Creating it is what takes it, so that two runs started together get two directories.
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(reason) => {
                    return Err(Error::Io { path, action: "cannot make the run directory", reason });
                }
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the model goes: `model.mlp`.
    pub fn model_path(&self) -> PathBuf {
        self.path.join("model.mlp")
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, toml: &str) -> Result<(), Error> {
        let path = self.path.join("config.toml");
        write_atomically(&path, |file| file.write_all(toml.as_bytes())).map_err(|reason| Error::Io {
            path,
            action: "cannot write the configuration",
            reason,
        })
    }

    /// Writes `model.mlp`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_model(&self, model: &Model) -> Result<(), Error> {
        model.save(&self.model_path())
    }

    /// An observer that writes `trace.csv`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn trace_writer(&self) -> Result<TraceWriter, Error> {
        TraceWriter::create(&self.path.join("trace.csv"))
    }

    /// An observer that writes `metrics.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn metrics_writer(&self) -> Result<MetricsWriter, Error> {
        MetricsWriter::create(&self.path.join("metrics.jsonl"))
    }
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

        let run = RunDir::create(&parent.path().join("a/b")).unwrap();
        assert!(RunDir::create(run.path()).is_ok(), "an empty directory may be taken");
        run.write_config("epochs = 1\n").unwrap();
        assert!(matches!(RunDir::create(run.path()), Err(Error::RunExists { .. })));
    }
}
