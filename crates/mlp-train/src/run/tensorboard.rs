//! TensorBoard's event format for scalars: records of TensorFlow's `TFRecordWriter`
//! (`tensorflow/core/lib/io/record_writer.h`) with the messages of
//! `tensorflow/core/util/event.proto` and `framework/summary.proto`.
//!
//! ```text
//! bytes  a record
//!     8  length of the data, little-endian
//!     4  masked CRC-32C of the length
//!     …  data: an Event
//!     4  masked CRC-32C of the data
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::{EpochRecord, Metric};

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

/// Returns the start of a file: its version, and the completed epochs with times back from now.
pub(super) fn events(done: &[EpochRecord]) -> Vec<u8> {
    let mut time = now() - done.iter().map(|record| record.seconds).sum::<f64>();
    let mut bytes = version(time);
    for record in done {
        time += record.seconds;
        bytes.extend(event_at(record, time));
    }
    bytes
}

/// Returns the record of an epoch that ends now.
pub(super) fn event(record: &EpochRecord) -> Vec<u8> {
    event_at(record, now())
}

fn now() -> f64 {
    // A clock set before 1970 is charted as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn version(wall_time: f64) -> Vec<u8> {
    encode(&Entry { wall_time, step: 0, file_version: Some("brain.Event:2".into()), summary: None })
}

fn event_at(record: &EpochRecord, wall_time: f64) -> Vec<u8> {
    let rate = ("learning-rate".to_owned(), record.learning_rate);
    let metrics = Metric::ALL.into_iter().filter_map(|metric| Some((tag(metric), metric.of(record)?)));
    let values = metrics.chain([rate]).map(|(tag, value)| Scalar { tag, value: value as f32 }).collect();
    let (step, summary) = (record.epoch as i64, Some(Summary { values }));
    encode(&Entry { wall_time, step, file_version: None, summary })
}

/// Turns `train-loss` into `loss/train`; TensorBoard groups charts by the part before the slash.
fn tag(metric: Metric) -> String {
    let name = metric.name();
    name.split_once('-').map_or_else(|| name.to_owned(), |(set, what)| format!("{what}/{set}"))
}

fn encode(entry: &Entry) -> Vec<u8> {
    let data = entry.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let checksum = |part: &[u8]| masked(crc32c::crc32c(part)).to_le_bytes();
    [&length[..], &checksum(&length), &data, &checksum(&data)].concat()
}

/// TensorFlow's mask for stored checksums.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_matches_tensorflow() {
        // TensorFlow's output for Event(wall_time=0, file_version="brain.Event:2").
        let bytes = version(0.0);
        assert_eq!(bytes[..8], 15_u64.to_le_bytes());
        assert_eq!(&bytes[12..27], b"\x1a\x0dbrain.Event:2");
        assert_eq!(bytes.len(), 31);
        // The check value of CRC-32C, and the mask of zero.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(masked(0), 0xA282_EAD8);
    }
}
