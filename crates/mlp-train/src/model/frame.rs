//! The header of model and checkpoint files, which identifies a file and proves it complete. Only
//! this file uses bincode.
//!
//! ```text
//! offset  bytes
//!      0      8  magic: 0x89, three letters, CR LF 0x1A LF (as PNG, detects changed line endings)
//!      8      4  format version, little-endian
//!     12      8  length of the content, little-endian
//!     20     32  SHA-256 of the content
//!     52      …  content: bincode, fixed-width little-endian integers
//! ```
//!
//! Reading takes memory in proportion to the file's length: at most 64 kB or eight times the
//! content for a text whose length is wrong, and arrays grow as their bytes are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::error::DecodeError;
use bincode::serde::decode_from_slice;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::error::check_memory;

const HEADER: usize = 52;

/// Maximum content size: five copies of the largest network in double precision (weights, EMA,
/// best, two optimizer states) and 64 MiB for the rest.
const LIMIT: usize = mlp_core::Architecture::MAX_PARAMETERS.saturating_mul(5 * 8).saturating_add(1 << 26);

type Bincode<const LIMIT: usize> = Configuration<LittleEndian, Fixint, Limit<LIMIT>>;

const fn bincode<const LIMIT: usize>() -> Bincode<LIMIT> {
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<LIMIT>()
}

/// Decodes with the smallest of a few limits that the content needs, since bincode takes the limit
/// as a constant and allocates a text before it reads the text's bytes.
fn decode<C: DeserializeOwned>(content: &[u8]) -> Result<(C, usize), DecodeError> {
    macro_rules! within {
        ($($limit:literal)*) => {
            match content.len() {
                $(0..=$limit => decode_from_slice(content, bincode::<$limit>()),)*
                _ => decode_from_slice(content, bincode::<LIMIT>()),
            }
        };
    }
    within!(0x1_0000 0x8_0000 0x40_0000 0x200_0000 0x1000_0000 0x8000_0000)
}

/// A kind of file.
pub(crate) struct Frame {
    pub(crate) what: &'static str,    // its name in errors: "model"
    pub(crate) reading: &'static str, // the failed action in I/O errors
    pub(crate) letters: [u8; 3],      // of the magic
    pub(crate) version: u32,
}

impl Frame {
    fn magic(&self) -> [u8; 8] {
        let [a, b, c] = self.letters;
        [0x89, a, b, c, b'\r', b'\n', 0x1A, b'\n']
    }

    /// Returns the bytes of a file with this content.
    pub(crate) fn wrap(&self, content: &impl Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.wrap_into(content, &mut bytes);
        bytes
    }

    /// Like [`Frame::wrap`], into a reused buffer.
    pub(crate) fn wrap_into(&self, content: &impl Serialize, bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.resize(HEADER, 0);
        bincode::serde::encode_into_std_write(content, bytes, bincode::<LIMIT>())
            .expect("plain data into memory");
        let (header, content) = bytes.split_at_mut(HEADER);
        header[..8].copy_from_slice(&self.magic());
        header[8..12].copy_from_slice(&self.version.to_le_bytes());
        header[12..20].copy_from_slice(&(content.len() as u64).to_le_bytes());
        header[20..].copy_from_slice(&Sha256::digest(content));
    }

    /// Returns the SHA-256 of the content in hexadecimal, from a file's bytes.
    pub(crate) fn sha256(bytes: &[u8]) -> String {
        hexadecimal(&bytes[20..HEADER])
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::OtherFile`], or one of the `File…` variants of [`Error`].
    pub(crate) fn read<C: DeserializeOwned>(&self, path: &Path) -> Result<C, Error> {
        let what = self.what;
        let io = |reason| Error::Io { path: path.to_owned(), action: self.reading, reason };
        let mut file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(io(io::Error::other(format!("a directory; expected a {what} file"))));
        }
        let mut header = Vec::with_capacity(HEADER);
        file.by_ref().take(HEADER as u64).read_to_end(&mut header).map_err(io)?;
        let magic = self.magic();
        if !header.starts_with(&magic) {
            let found = match &header[..header.len().min(magic.len())] {
                [] => "nothing: it is empty".to_owned(),
                bytes => format!("\"{}\"", bytes.escape_ascii()),
            };
            return Err(Error::OtherFile { path: path.to_owned(), what, found });
        }
        let length_error = |found, expected| Error::FileLength { path: path.to_owned(), found, expected };
        if header.len() < HEADER {
            return Err(length_error(header.len() as u64, HEADER as u64));
        }
        let found = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
        if found != self.version {
            return Err(Error::FileVersion { path: path.to_owned(), what, found, expected: self.version });
        }
        let length = u64::from_le_bytes(header[12..20].try_into().expect("eight bytes"));
        let expected = length.saturating_add(HEADER as u64);
        if metadata.len() != expected {
            return Err(length_error(metadata.len(), expected));
        }
        if length > LIMIT as u64 {
            return Err(self.invalid(path, format!("{length} bytes; expected at most {LIMIT}")));
        }
        // The content, and its arrays, which grow and then become a network.
        check_memory(path, self.reading, length.saturating_mul(5))?;
        let mut content = Vec::with_capacity(length as usize);
        file.take(length).read_to_end(&mut content).map_err(io)?;
        if content.len() as u64 != length {
            return Err(length_error(content.len() as u64 + HEADER as u64, expected));
        }
        let digest = Sha256::digest(&content);
        if digest[..] != header[20..] {
            let (found, expected) = (hexadecimal(&digest), hexadecimal(&header[20..]));
            return Err(Error::FileChecksum { path: path.to_owned(), found, expected });
        }
        match decode(&content) {
            Ok((decoded, used)) if used == content.len() => Ok(decoded),
            Ok((_, used)) => Err(self.invalid(path, format!("{} trailing bytes", content.len() - used))),
            Err(error) => Err(self.invalid(path, error.to_string())),
        }
    }

    /// The error for a file with a correct checksum but invalid content.
    pub(crate) fn invalid(&self, path: &Path, reason: String) -> Error {
        Error::FileInvalid { path: path.to_owned(), what: self.what, reason }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
