//! Observers that write an epoch's record to a file: a table for people and spreadsheets, and lines of JSON for programs.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::events::{Control, Event, Observer};

/// Writes `trace.csv`: a line for each epoch, with all digits. Nothing in it depends on the time or the machine.
#[derive(Debug)]
pub struct TraceWriter(Lines);

/// Writes `metrics.jsonl`: an object for each epoch, with the seconds that it took.
#[derive(Debug)]
pub struct MetricsWriter(Lines);

impl TraceWriter {
    /// Begins a trace; the file must not be there yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::create(path)?;
        lines.write(
            "epoch,loss,accuracy,learning_rate,validation_loss,validation_accuracy,test_loss,test_accuracy",
        )?;
        Ok(Self(lines))
    }
}

impl MetricsWriter {
    /// Begins the file, which must not be there yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        Lines::create(path).map(Self)
    }
}

impl Observer for TraceWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            let sets = [record.validation, record.test].map(|outcome| {
                outcome.map_or(",".to_owned(), |outcome| format!("{},{}", outcome.loss, outcome.accuracy))
            });
            let (epoch, loss, accuracy, rate) =
                (record.epoch, record.loss, record.accuracy, record.learning_rate);
            self.0.write(&format!("{epoch},{loss},{accuracy},{rate},{}", sets.join(",")))?;
        }
        Ok(Control::Continue)
    }
}

impl Observer for MetricsWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            self.0.write(&serde_json::to_string(record).expect("plain data"))?;
        }
        Ok(Control::Continue)
    }
}

/// A new file, flushed after every line.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|reason| Error::Io {
            path: path.to_owned(),
            action: "cannot begin the file",
            reason,
        })?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn write(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.file, "{line}").and_then(|()| self.file.flush()).map_err(|reason| Error::Io {
            path: self.path.clone(),
            action: "cannot write a line",
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::events::{EpochRecord, Outcome};

    const RECORD: EpochRecord = EpochRecord {
        epoch: 1,
        learning_rate: 0.01,
        loss: 70.785_275_655_481_23,
        accuracy: 1.0 / 3.0,
        validation: Some(Outcome { loss: 0.5, accuracy: 0.25 }),
        test: None,
        seconds: 0.25,
    };

    #[test]
    fn the_trace_has_every_digit_and_no_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("trace.csv");
        TraceWriter::create(&path).unwrap().observe(&Event::EpochDone(RECORD)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1..], ["1,70.78527565548123,0.3333333333333333,0.01,0.5,0.25,,"]);
        assert!(lines.iter().all(|line| line.matches(',').count() == 7));
        assert!(matches!(TraceWriter::create(&path), Err(Error::Io { .. })), "a trace is not overwritten");
    }

    #[test]
    fn a_line_of_metrics_is_the_record() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        for _ in 0..2 {
            writer.observe(&Event::EpochDone(RECORD)).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let records: Vec<EpochRecord> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records, [RECORD; 2]);
    }
}
