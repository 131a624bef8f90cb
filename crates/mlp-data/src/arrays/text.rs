//! The records of a text table: delimiter, lines, and a limit on the size of a record.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::files::{Input, Kind};
use super::stored::{refused, shown};
use crate::Error;

/// Maximum number of bytes in a record: a row of the largest image, with many digits.
const MAX_RECORD: u64 = 1 << 25;

/// A table of which records are read one by one.
pub(super) struct Text {
    reader: Reader<Watched>,
    seen: Rc<RefCell<Seen>>,
    lines: u64, // that have ended
    record: ByteRecord,
    place: String,
}

impl Text {
    /// Opens a table, and finds its delimiter in the first line.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut input = Input::open(path)?;
        if input.kind != Kind::Table {
            return Err(refused(shown(path), "it is not text; expected a CSV table"));
        }
        let head = input.reader.fill_buf().map_err(Error::io("read", path))?;
        let delimiter = delimiter(head);
        let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        input.reader.consume(mark);
        let seen = Rc::new(RefCell::new(Seen::default()));
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(
            Watched { reader: Box::new(input.reader), limit: input.limit as u64, seen: Rc::clone(&seen) },
        );
        Ok(Self { reader, seen, lines: 0, record: ByteRecord::new(), place: shown(path) })
    }

    /// Reads the next record that is not empty, with its line, from 1.
    pub(super) fn next(&mut self) -> Result<Option<(u32, &ByteRecord)>, Error> {
        self.seen.borrow_mut().since_record = 0;
        let more = self.reader.read_byte_record(&mut self.record);
        let more = more.map_err(|error| refused(&self.place, error.to_string()))?;
        // The position of a record is that of the empty lines before it, so lines are counted here.
        let end = self.reader.position().byte();
        let mut seen = self.seen.borrow_mut();
        let mut last = None;
        while let Some(&place) = seen.line_ends.front().filter(|place| **place < end) {
            seen.line_ends.pop_front();
            (last, self.lines) = (Some(place), self.lines + 1);
        }
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        let is_ended = last.is_some_and(|place| place + 1 == end);
        let line = self.lines + 1 - inside - u64::from(is_ended);
        Ok(more.then(|| (u32::try_from(line).unwrap_or(u32::MAX), &self.record)))
    }
}

/// The most frequent delimiter of the first line.
fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: &u8| {
        let mut is_quoted = false;
        let outside = line.iter().filter(|&&byte| {
            is_quoted ^= byte == b'"';
            byte == *delimiter && !is_quoted
        });
        outside.count()
    };
    // The last of equals is returned: a comma.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// What has been read ahead of the records.
#[derive(Default)]
struct Seen {
    bytes: u64,
    since_record: u64,
    line_ends: VecDeque<u64>, // places of bytes
}

/// Finds the ends of lines, and fails when a record takes too much.
struct Watched {
    reader: Box<dyn Read>,
    limit: u64, // of bytes
    seen: Rc<RefCell<Seen>>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let mut seen = self.seen.borrow_mut();
        let first = seen.bytes;
        let ends = buffer[..count].iter().zip(first..).filter(|(byte, _)| **byte == b'\n');
        seen.line_ends.extend(ends.map(|(_, place)| place));
        seen.bytes += count as u64;
        seen.since_record += count as u64;
        if seen.bytes > self.limit {
            return Err(io::Error::other(format!(
                "more than {} MB of text in a small file",
                self.limit >> 20
            )));
        }
        if seen.since_record > MAX_RECORD {
            return Err(io::Error::other(format!("a line of more than {} MB", MAX_RECORD >> 20)));
        }
        Ok(count)
    }
}

/// A field without spaces around it; bytes that are not UTF-8 are replaced.
pub(super) fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.trim_ascii()).into_owned()
}

/// A field that is stored, without spaces around it.
///
/// # Errors
/// If it is not UTF-8: what is replaced could make labels equal that are not.
pub(super) fn utf8(field: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(field.trim_ascii());
    text.map(str::to_owned).map_err(|_| "text that is not UTF-8; save the table as CSV in UTF-8".to_owned())
}

/// A number, or `None`. An empty field is missing, which is NaN.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    match field.trim_ascii() {
        [] => Some(f64::NAN),
        &[a @ b'0'..=b'9'] => Some(f64::from(a - b'0')),
        &[a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(f64::from(10 * (a - b'0') + (b - b'0'))),
        field => std::str::from_utf8(field).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_most_frequent_of_the_first_line() {
        for (line, expected) in [
            ("label,a,b\n1;2;3;4", b','),
            ("label;a;b", b';'),
            ("label\ta\tb", b'\t'),
            ("\"a;b;c;d\",1,2", b','),
            ("1", b','),
        ] {
            assert_eq!(delimiter(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_record_is_at_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.csv");
        for (text, lines) in [
            ("a,b\n1,2\n3,4", &[1, 2, 3][..]),
            ("\u{feff}a,b\r\n\r\n\r\n1,2\r\n3,4\r\n", &[1, 4, 5]),
            ("\n\na,b\n\n\"1\n1\",2\n3,4\n\n5,6\n\n", &[3, 5, 7, 9]),
            ("a,b\n\n1,2", &[1, 3]),
        ] {
            std::fs::write(&path, text).unwrap();
            let mut table = Text::open(&path).unwrap();
            let mut found = Vec::new();
            while let Some((line, _)) = table.next().unwrap() {
                found.push(line);
            }
            assert_eq!(found, lines, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_parsed_and_a_missing_one_is_nan() {
        for (field, expected) in [
            ("7", Some(7.0)),
            (" 42 ", Some(42.0)),
            ("255", Some(255.0)),
            ("0.5", Some(0.5)),
            ("1e2", Some(100.0)),
            ("x", None),
        ] {
            assert_eq!(number(field.as_bytes()), expected, "{field}");
        }
        assert!(number(b" ").unwrap().is_nan());
    }
}
