//! Opening files of tables and arrays, raw or gzip, and telling them apart by their content.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::stored::{refused, shown};
use crate::idx::{IdxData, read_idx};
use crate::npy::{Array, Npz, Values};
use crate::{Error, foreign};

/// Maximum size of the arrays of a file in bytes.
pub(super) const MAX_BYTES: u64 = 4_000_000_000;

/// Maximum size of the content relative to a compressed file: pictures do not compress better.
const MAX_EXPANSION: u64 = 256;

/// Contents up to this size are always read, so that a few blank pictures can be.
const ALWAYS_READ: u64 = 1 << 26;

/// Bytes of which at least the first are looked at to tell files apart.
const HEAD: usize = 1 << 16;

/// The kind of a file by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    Npy,
    Npz,
    Idx,
}

/// What to bring instead of a file of another kind.
const EXPECTED: &str =
    "expected a directory of pictures, a CSV table, NumPy arrays (.npz, .npy) or IDX files";

/// A file, uncompressed.
pub(super) struct Input {
    pub(super) reader: BufReader<Box<dyn Read>>,
    pub(super) kind: Kind,
    /// Maximum number of bytes in it.
    pub(super) limit: usize,
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (length, file) = open(path)?;
        let mut file = BufReader::with_capacity(HEAD, file);
        let is_gzip = file.fill_buf().map_err(Error::io("read", path))?.starts_with(&[0x1f, 0x8b]);
        let (reader, limit): (Box<dyn Read>, _) = if is_gzip {
            (Box::new(MultiGzDecoder::new(file)), expanded(length))
        } else {
            (Box::new(file), length)
        };
        let mut reader = BufReader::with_capacity(HEAD, reader);
        let head = reader.fill_buf().map_err(Error::io("read", path))?;
        let kind = kind(head).map_err(|found| refused(shown(path), format!("{found}; {EXPECTED}")))?;
        Ok(Self { reader, kind, limit: limit as usize })
    }
}

/// The maximum size of the content of a compressed file.
fn expanded(length: u64) -> u64 {
    length.saturating_mul(MAX_EXPANSION).clamp(ALWAYS_READ, MAX_BYTES)
}

fn open(path: &Path) -> Result<(u64, File), Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("inspect", path))?;
    if !metadata.is_file() {
        return Err(refused(shown(path), format!("it is not a regular file; {EXPECTED}")));
    }
    Ok((metadata.len(), file))
}

/// Returns the kind of a file, or what else it seems to be.
fn kind(head: &[u8]) -> Result<Kind, String> {
    match head {
        [] => return Err("it is empty".to_owned()),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => return Ok(Kind::Npy),
        [0, 0, 8..=0x0e, 1..=4, ..] => return Ok(Kind::Idx),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err("it is text in UTF-16; save it as CSV in UTF-8".to_owned());
        }
        _ => {}
    }
    // The first entry of an archive says whether it is one of arrays.
    if head.starts_with(b"PK") {
        let is_npz =
            head.get(..200.min(head.len())).unwrap_or_default().windows(4).any(|word| word == b".npy");
        return if is_npz {
            Ok(Kind::Npz)
        } else if head.windows(13).any(|word| word == b"[Content_Type") {
            Err("it is a spreadsheet; save it as CSV".to_owned())
        } else {
            Err("it is a zip archive without NumPy arrays; unpack it".to_owned())
        };
    }
    if let Some(found) = foreign::kind_of(head) {
        return Err(format!("it is {found}"));
    }
    if head.contains(&0) {
        let head: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        return Err(format!("it begins with {}", head.join(" ")));
    }
    Ok(Kind::Table)
}

/// Reads the only array of a file: .npy, .npz with one array, or IDX.
pub(super) fn read_array(path: &Path) -> Result<Array, Error> {
    let mut input = Input::open(path)?;
    match input.kind {
        Kind::Npy => {
            let array = Array::read(&mut input.reader, input.limit).map_err(|error| in_file(path, &error))?;
            match input.reader.read(&mut [0]) {
                Ok(0) => Ok(array),
                Ok(_) => {
                    Err(refused(shown(path), "extra bytes follow the end of the array; get the file again"))
                }
                Err(error) => Err(Error::io("read", path)(error)),
            }
        }
        Kind::Npz => {
            let mut archive = open_npz(path)?;
            match &archive.names()[..] {
                [only] => archive.read(only).map_err(|error| in_file(path, &error)),
                names => {
                    let problem =
                        format!("found {} arrays ({}); expected one", names.len(), names.join(", "));
                    Err(refused(shown(path), problem))
                }
            }
        }
        Kind::Idx => {
            let (shape, data) = read_idx(path)?.into_parts();
            let values = match data {
                IdxData::U8(values) => Values::U8(values),
                IdxData::I8(values) => Values::I64(values.into_iter().map(i64::from).collect()),
                IdxData::I16(values) => Values::I64(values.into_iter().map(i64::from).collect()),
                IdxData::I32(values) => Values::I64(values.into_iter().map(i64::from).collect()),
                IdxData::F32(values) => Values::F32(values),
                IdxData::F64(values) => Values::F64(values),
            };
            Ok(Array { shape, values })
        }
        Kind::Table => Err(refused(shown(path), format!("it is text; {EXPECTED}"))),
    }
}

/// Opens an archive of arrays.
pub(super) fn open_npz(path: &Path) -> Result<Npz<BufReader<File>>, Error> {
    let (length, file) = open(path)?;
    Npz::open(BufReader::new(file), expanded(length) as usize).map_err(|error| in_file(path, &error))
}

fn in_file(path: &Path, error: &Error) -> Error {
    refused(shown(path), error.to_string())
}
