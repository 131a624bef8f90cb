//! The files of a run with one entry per epoch: CSV for people and spreadsheets, JSON lines for
//! programs, and TensorBoard's events.

use std::io::Write;
use std::path::{Path, PathBuf};

use mlp_data::fs::{Disk, DiskFile};

use crate::error::io_error;
use crate::run::tensorboard;
use crate::{Control, EpochRecord, Error, Event, Observer};

/// Appends each epoch's record to a file.
///
/// A writer first replaces the file with the completed epochs, which repairs a file that ends in
/// the middle of an entry.
#[derive(Debug)]
pub struct EpochWriter {
    path: PathBuf,
    file: DiskFile,
    entry: fn(&EpochRecord) -> Vec<u8>,
}

const HEADER: &str =
    "epoch,loss,accuracy,learning_rate,validation_loss,validation_accuracy,test_loss,test_accuracy\n";

impl EpochWriter {
    /// Starts `trace.csv`: one row per epoch, with all digits. It does not depend on time or
    /// machine.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn csv(disk: &Disk, path: &Path, done: &[EpochRecord]) -> Result<Self, Error> {
        Self::start(disk, path, HEADER.into(), done, row)
    }

    /// Starts `metrics.jsonl`: one JSON object per epoch, including its duration in seconds.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn json_lines(disk: &Disk, path: &Path, done: &[EpochRecord]) -> Result<Self, Error> {
        Self::start(disk, path, Vec::new(), done, object)
    }

    /// Starts TensorBoard's event file: every metric of an epoch, and the learning rate. The times
    /// of completed epochs are counted back from now.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn tensorboard(disk: &Disk, path: &Path, done: &[EpochRecord]) -> Result<Self, Error> {
        Self::start(disk, path, tensorboard::events(done), &[], tensorboard::event)
    }

    fn start(
        disk: &Disk,
        path: &Path,
        mut content: Vec<u8>,
        done: &[EpochRecord],
        entry: fn(&EpochRecord) -> Vec<u8>,
    ) -> Result<Self, Error> {
        content.extend(done.iter().flat_map(entry));
        let written = disk.write_atomically(path, |file| file.write_all(&content));
        let file =
            written.and_then(|()| disk.append(path)).map_err(io_error(path, "cannot start the file"))?;
        Ok(Self { path: path.to_owned(), file, entry })
    }
}

impl Observer for EpochWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            let written = self.file.write_all(&(self.entry)(record));
            written.map_err(io_error(&self.path, "cannot write to the file"))?;
        }
        Ok(Control::Continue)
    }
}

fn row(record: &EpochRecord) -> Vec<u8> {
    let sets = [record.validation, record.test].map(|outcome| {
        outcome.map_or(",".to_owned(), |outcome| format!("{},{}", outcome.loss, outcome.accuracy))
    });
    let (epoch, loss, accuracy, rate) = (record.epoch, record.loss, record.accuracy, record.learning_rate);
    format!("{epoch},{loss},{accuracy},{rate},{}\n", sets.join(",")).into()
}

fn object(record: &EpochRecord) -> Vec<u8> {
    (serde_json::to_string(record).expect("plain data") + "\n").into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Outcome;

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
    fn the_trace_has_all_digits_and_no_time_and_starts_with_the_completed_epochs() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("trace.csv");
        let line = "1,70.78527565548123,0.3333333333333333,0.01,0.5,0.25,,";
        for (done, expected) in [(&[][..], 1), (&[RECORD; 2], 3)] {
            let mut writer = EpochWriter::csv(&Disk::default(), &path, done).unwrap();
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
        let mut writer = EpochWriter::json_lines(&Disk::default(), &path, &[RECORD]).unwrap();
        writer.observe(&Event::EpochDone(RECORD)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let records: Vec<EpochRecord> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records, [RECORD; 2]);
    }
}
