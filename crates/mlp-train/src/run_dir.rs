//! Run directories: one for each run, holding its configuration, its trace and its model, and never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use mlp_data::atomic::write_atomically;
use serde::Serialize;

use crate::error::Error;
use crate::events::{Control, Event, Observer};
use crate::model::Model;

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

    /// Writes `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, config: &impl Serialize) -> Result<(), Error> {
        let path = self.path.join("config.json");
        let mut json = serde_json::to_vec_pretty(config).expect("plain data");
        json.push(b'\n');
        write_atomically(&path, |file| file.write_all(&json)).map_err(|reason| Error::Io {
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
}

/// Writes a line of `epoch,loss,accuracy,seconds` for each epoch, with all digits, and flushes it.
#[derive(Debug)]
pub struct TraceWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl TraceWriter {
    /// Begins a trace; the file must not be there yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|reason| Error::Io {
            path: path.to_owned(),
            action: "cannot begin the trace",
            reason,
        })?;
        let mut writer = Self { path: path.to_owned(), file: BufWriter::new(file) };
        writer.line(format_args!("epoch,loss,accuracy,seconds"))?;
        Ok(writer)
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> Result<(), Error> {
        writeln!(self.file, "{line}").and_then(|()| self.file.flush()).map_err(|reason| Error::Io {
            path: self.path.clone(),
            action: "cannot write the trace",
            reason,
        })
    }
}

impl Observer for TraceWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            let (epoch, loss, accuracy) = (record.epoch, record.loss, record.accuracy);
            self.line(format_args!("{epoch},{loss},{accuracy},{:.6}", record.seconds))?;
        }
        Ok(Control::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EpochRecord;

    #[test]
    fn a_run_directory_is_never_taken_twice() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunDir::create_numbered(parent.path(), "mnist").unwrap().path().to_owned())
            .collect();
        assert_eq!(names, ["mnist", "mnist-2", "mnist-3"].map(|name| parent.path().join(name)));

        let run = RunDir::create(&parent.path().join("a/b")).unwrap();
        assert!(RunDir::create(run.path()).is_ok(), "an empty directory may be taken");
        run.write_config(&"x").unwrap();
        assert!(matches!(RunDir::create(run.path()), Err(Error::RunExists { .. })));
    }

    #[test]
    fn the_trace_has_every_digit() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunDir::create(parent.path()).unwrap();
        let mut writer = run.trace_writer().unwrap();
        let record =
            EpochRecord { epoch: 1, loss: 70.785_275_655_481_23, accuracy: 1.0 / 3.0, seconds: 0.25 };
        writer.observe(&Event::EpochDone(record)).unwrap();
        let text = fs::read_to_string(run.path().join("trace.csv")).unwrap();
        assert_eq!(text, "epoch,loss,accuracy,seconds\n1,70.78527565548123,0.3333333333333333,0.250000\n");
        assert!(matches!(run.trace_writer(), Err(Error::Io { .. })), "a trace is not overwritten");
    }
}
