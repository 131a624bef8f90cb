//! Observers that write each epoch's record to a file: a CSV table for people and spreadsheets, and
//! JSON lines for programs. Each file begins with the epochs done before, so that one that was
//! interrupted in the middle of a line is whole again.

use std::io::Write;
use std::path::{Path, PathBuf};

use mlp_data::fs::{Disk, DiskFile};

use crate::config::metric::EpochRecord;
use crate::error::{Error, io_error};
use crate::training::events::{Control, Event, Observer};

/// Writes `trace.csv`: a line for each epoch, with all digits. Nothing in it depends on the time or
/// the machine.
#[derive(Debug)]
pub struct TraceWriter(Appender);

/// Writes `metrics.jsonl`: an object for each epoch, with the seconds that it took.
#[derive(Debug)]
pub struct MetricsWriter(Appender);

const HEADER: &str =
    "epoch,loss,accuracy,learning_rate,validation_loss,validation_accuracy,test_loss,test_accuracy\n";

impl TraceWriter {
    /// Begins a trace, in place of the one that is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(disk: &Disk, path: &Path, done: &[EpochRecord]) -> Result<Self, Error> {
        let text = HEADER.to_owned() + &done.iter().map(row).collect::<String>();
        Appender::begin(disk, path, text.as_bytes()).map(Self)
    }
}

impl MetricsWriter {
    /// Begins the file, in place of the one that is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(disk: &Disk, path: &Path, done: &[EpochRecord]) -> Result<Self, Error> {
        let text: String = done.iter().map(object).collect();
        Appender::begin(disk, path, text.as_bytes()).map(Self)
    }
}

impl Observer for TraceWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            self.0.append(row(record).as_bytes())?;
        }
        Ok(Control::Continue)
    }
}

impl Observer for MetricsWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            self.0.append(object(record).as_bytes())?;
        }
        Ok(Control::Continue)
    }
}

fn row(record: &EpochRecord) -> String {
    let sets = [record.validation, record.test].map(|outcome| {
        outcome.map_or(",".to_owned(), |outcome| format!("{},{}", outcome.loss, outcome.accuracy))
    });
    let (epoch, loss, accuracy, rate) = (record.epoch, record.loss, record.accuracy, record.learning_rate);
    format!("{epoch},{loss},{accuracy},{rate},{}\n", sets.join(","))
}

fn object(record: &EpochRecord) -> String {
    serde_json::to_string(record).expect("plain data") + "\n"
}

/// A file that grows at its end.
#[derive(Debug)]
pub(crate) struct Appender {
    path: PathBuf,
    file: DiskFile,
}

impl Appender {
    /// Puts a file of this content in place of the one that is there.
    pub(crate) fn begin(disk: &Disk, path: &Path, content: &[u8]) -> Result<Self, Error> {
        let file =
            disk.write_atomically(path, |file| file.write_all(content)).and_then(|()| disk.append(path));
        let file = file.map_err(io_error(path, "cannot begin the file"))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(io_error(&self.path, "cannot write to the file"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::metric::Outcome;

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
    fn the_trace_has_every_digit_and_no_time_and_goes_on_after_what_was_done() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("trace.csv");
        let line = "1,70.78527565548123,0.3333333333333333,0.01,0.5,0.25,,";
        for (done, expected) in [(&[][..], 1), (&[RECORD; 2], 3)] {
            let mut writer = TraceWriter::begin(&Disk::default(), &path, done).unwrap();
            writer.observe(&Event::EpochDone(RECORD)).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[1..], vec![line; expected]);
            assert!(lines.iter().all(|line| line.matches(',').count() == 7));
        }
    }

    #[test]
    fn a_line_of_metrics_is_the_record() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::begin(&Disk::default(), &path, &[RECORD]).unwrap();
        writer.observe(&Event::EpochDone(RECORD)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let records: Vec<EpochRecord> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records, [RECORD; 2]);
    }
}
