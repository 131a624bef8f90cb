//! TensorBoard's event file: an observer that writes an epoch's numbers as scalars. The format is
//! that of TensorFlow's `TFRecordWriter` (`tensorflow/core/lib/io/record_writer.h`) around the
//! protocol buffers of `tensorflow/core/util/event.proto` and `framework/summary.proto`, of which
//! only what a scalar needs is here.
//!
//! ```text
//! bytes  a record
//!     8  length of the data, little-endian
//!     4  masked CRC-32C of the length
//!     …  data: an Event
//!     4  masked CRC-32C of the data
//! ```

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use mlp_data::fs::Disk;
use prost::Message;

use crate::config::metric::{EpochRecord, Metric};
use crate::error::Error;
use crate::run::writers::Appender;
use crate::training::events::{Control, Event, Observer};

/// Writes `events.out.tfevents.mlp`: every number of an epoch that there is, under the name of its
/// metric, and the learning rate.
#[derive(Debug)]
pub struct TensorBoardWriter(Appender);

#[derive(Message)]
struct Entry {
    #[prost(double, tag = "1")]
    wall_time: f64, // seconds since 1970
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

#[derive(Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    value: f32,
}

impl TensorBoardWriter {
    /// Begins the file with the epochs done before, in place of the one that is there. The times of
    /// these are reckoned back from now.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(disk: &Disk, path: &Path, done: &[EpochRecord]) -> Result<Self, Error> {
        let mut time = now() - done.iter().map(|record| record.seconds).sum::<f64>();
        let mut bytes = Vec::new();
        let version =
            Entry { wall_time: time, step: 0, file_version: Some("brain.Event:2".into()), summary: None };
        push(&mut bytes, &version);
        for record in done {
            time += record.seconds;
            push(&mut bytes, &entry(record, time));
        }
        Appender::begin(disk, path, &bytes).map(Self)
    }
}

impl Observer for TensorBoardWriter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let Event::EpochDone(record) = event {
            let mut bytes = Vec::new();
            push(&mut bytes, &entry(record, now()));
            self.0.append(&bytes)?;
        }
        Ok(Control::Continue)
    }
}

fn now() -> f64 {
    // A clock before 1970 shows in the chart as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn entry(record: &EpochRecord, wall_time: f64) -> Entry {
    let rate = ("learning-rate".to_owned(), record.learning_rate);
    let metrics = Metric::ALL.into_iter().filter_map(|metric| Some((tag(metric), metric.of(record)?)));
    let values = metrics.chain([rate]).map(|(tag, value)| Scalar { tag, value: value as f32 }).collect();
    Entry { wall_time, step: record.epoch as i64, file_version: None, summary: Some(Summary { values }) }
}

/// `loss/train`: what stands before the stroke is one group of charts.
fn tag(metric: Metric) -> String {
    let name = metric.name();
    name.split_once('-').map_or_else(|| name.to_owned(), |(set, what)| format!("{what}/{set}"))
}

fn push(bytes: &mut Vec<u8>, entry: &Entry) {
    let data = entry.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    for part in [&length[..], &data] {
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(&masked(crc32c::crc32c(part)).to_le_bytes());
    }
}

/// TensorFlow's mask, for checksums that are stored beside what they are of.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_tensorflows_own() {
        // What TensorFlow's writer makes of Event(wall_time=0, file_version="brain.Event:2"), the
        // zero left out.
        let mut bytes = Vec::new();
        let version =
            Entry { wall_time: 0.0, step: 0, file_version: Some("brain.Event:2".into()), summary: None };
        push(&mut bytes, &version);
        assert_eq!(bytes[..8], 15_u64.to_le_bytes());
        assert_eq!(&bytes[12..27], b"\x1a\x0dbrain.Event:2");
        assert_eq!(bytes.len(), 31);
        // CRC-32C of nine digits, the check value of the polynomial; and the mask of zero.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(masked(0), 0xA282_EAD8);
    }
}
