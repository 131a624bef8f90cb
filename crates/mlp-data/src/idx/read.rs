//! Reading IDX, raw or gzip, detected by content and never by name. The bytes are not trusted:
//! nothing is allocated that the file could not fill, gzip is never inflated beyond what the header
//! promises, and trailing bytes are an error.

use super::ahead;
use super::array::{ElementType, Idx, IdxData, element_count};
use crate::{Error, MappedFile, foreign};
use flate2::bufread::GzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Deflate's best ratio: two bits can encode 258 bytes, so one byte encodes 258 · 8 / 2.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Bytes decoded at a time where elements have several bytes.
const STEP: usize = 1 << 16;

/// The buffer of a file: large enough for a decoder, and small enough that long reads of raw bytes
/// bypass it.
const BUFFER: usize = 1 << 16;

/// The maximum size of a header: 255 dimensions.
const HEADER: usize = 4 + 4 * 255;

/// Reads an IDX file, raw or gzip-compressed (detected by content).
///
/// # Errors
/// [`Error::Io`], [`Error::NotIdx`], and a variant for each kind of damage.
pub fn read_idx(path: &Path) -> Result<Idx, Error> {
    read_idx_at_most(path, u64::MAX)
}

/// [`read_idx`], refusing a file whose header promises more than `most` bytes before any of them is
/// read: for untrusted files of known size.
pub(crate) fn read_idx_at_most(path: &Path, most: u64) -> Result<Idx, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("inspect", path))?;
    if metadata.is_dir() {
        return Err(Error::NotIdx { path: path.to_owned(), found: "it is a directory".to_owned() });
    }
    read(BufReader::with_capacity(BUFFER, file), metadata.len(), path, most)
}

/// An uncompressed file of bytes, mapped.
pub(crate) struct MappedIdx {
    pub(crate) shape: Vec<usize>,
    pub(crate) file: MappedFile,
    /// Where the elements start. They end with the file.
    pub(crate) start: usize,
}

/// Maps an uncompressed file of bytes. Returns `None` for any other file, which [`read_idx`] reads
/// or refuses.
///
/// # Errors
/// As [`read_idx`].
pub(crate) fn map_idx(path: &Path) -> Result<Option<MappedIdx>, Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let stored = file.metadata().map_err(Error::io("inspect", path))?.len();
    let mut reader = BufReader::with_capacity(HEADER, &mut file);
    if !is_raw(reader.fill_buf().map_err(Error::io("read", path))?) {
        return Ok(None);
    }
    let mut source = Source { reader, path, stored, is_gzip: false, done: 0, expected: 4 };
    let header = source.header(u64::MAX)?;
    if header.element != ElementType::U8 {
        return Ok(None);
    }
    if stored > source.expected {
        return Err(Error::TrailingBytes { path: path.to_owned(), expected: source.expected });
    }
    let start = source.done as usize;
    Ok(Some(MappedIdx { shape: header.shape, file: MappedFile::map(file, path)?, start }))
}

/// [`read_idx`] from memory; `origin` is the path to name in errors.
///
/// # Errors
/// As [`read_idx`].
pub fn parse(bytes: &[u8], origin: &Path) -> Result<Idx, Error> {
    read(bytes, bytes.len() as u64, origin, u64::MAX)
}

/// `stored` is the size of the file, `most` the limit of its uncompressed size.
fn read(mut reader: impl BufRead, stored: u64, path: &Path, most: u64) -> Result<Idx, Error> {
    let head = reader.fill_buf().map_err(Error::io("read", path))?;
    match head {
        [] => Err(Error::NotIdx { path: path.to_owned(), found: "it is empty".to_owned() }),
        [0x1f, 0x8b, ..] => {
            let reader = GzDecoder::new(reader);
            let mut source = Source { reader, path, stored, is_gzip: true, done: 0, expected: 4 };
            let idx = source.read_array(most)?;
            let rest = source.reader.get_mut().fill_buf().map_err(Error::io("read", path))?;
            if rest.is_empty() {
                Ok(idx)
            } else {
                Err(source.damaged("extra bytes follow the end of its gzip stream"))
            }
        }
        head if is_raw(head) => {
            Source { reader, path, stored, is_gzip: false, done: 0, expected: 4 }.read_array(most)
        }
        _ => Err(not_idx(path, "it", head)),
    }
}

fn is_raw(head: &[u8]) -> bool {
    matches!(head, [0] | [0, 0, ..]) && foreign::kind_of(head).is_none()
}

fn not_idx(path: &Path, place: &'static str, head: &[u8]) -> Error {
    let found = foreign::kind_of(head).map_or_else(
        || {
            let head: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("{place} starts with {}", head.join(" "))
        },
        |kind| format!("{place} is {kind}"),
    );
    Error::NotIdx { path: path.to_owned(), found }
}

/// The uncompressed bytes of a file, with what errors need to say.
struct Source<'a, R> {
    reader: R,
    path: &'a Path,
    stored: u64,
    is_gzip: bool,
    /// Bytes read so far, and bytes promised so far.
    done: u64,
    expected: u64,
}

/// What the header of a file declares.
struct Header {
    element: ElementType,
    shape: Vec<usize>,
    count: usize,
}

impl<R: Read> Source<'_, R> {
    /// Reads the header and checks that the file can hold what it declares.
    fn header(&mut self, most: u64) -> Result<Header, Error> {
        let mut magic = [0; 4];
        self.fill(&mut magic)?;
        let [zero_0, zero_1, code, rank] = magic;
        if [zero_0, zero_1] != [0, 0] {
            return Err(not_idx(self.path, if self.is_gzip { "its gzip content" } else { "it" }, &magic));
        }
        let element = ElementType::from_code(code)
            .ok_or_else(|| Error::ElementType { path: self.path.to_owned(), code })?;

        let mut dimensions = vec![0; 4 * usize::from(rank)];
        self.expected += dimensions.len() as u64;
        self.fill(&mut dimensions)?;
        let dimensions = dimensions.as_chunks::<4>().0;
        let shape: Vec<usize> = dimensions.iter().map(|&bytes| u32::from_be_bytes(bytes) as usize).collect();

        let oversized =
            || Error::Oversized { path: self.path.to_owned(), shape: shape.clone(), stored: self.stored };
        let count = element_count(&shape).ok_or_else(oversized)?;
        let bytes = count.checked_mul(element.size()).ok_or_else(oversized)?;
        let expected = (bytes as u64).checked_add(self.expected).ok_or_else(oversized)?;
        if self.is_gzip && expected > self.stored.saturating_mul(MAX_DEFLATE_RATIO) {
            return Err(oversized());
        }
        if !self.is_gzip && expected > self.stored {
            return Err(Error::Truncated { path: self.path.to_owned(), expected, found: self.stored });
        }
        if expected > most {
            return Err(Error::Mismatch {
                path: self.path.to_owned(),
                what: "content",
                expected: format!("at most {most} bytes"),
                found: format!("{element} with shape {shape:?}, {expected} bytes"),
            });
        }
        self.expected = expected;
        Ok(Header { element, shape, count })
    }

    fn read_array(&mut self, most: u64) -> Result<Idx, Error> {
        let Header { element, shape, count } = self.header(most)?;
        Error::check_memory((count * element.size()) as u64).map_err(Error::in_file(self.path))?;
        let data = match element {
            ElementType::U8 => IdxData::U8(self.bytes(count)?),
            ElementType::I8 => IdxData::I8(self.decode(count, i8::from_be_bytes)?),
            ElementType::I16 => IdxData::I16(self.decode(count, i16::from_be_bytes)?),
            ElementType::I32 => IdxData::I32(self.decode(count, i32::from_be_bytes)?),
            ElementType::F32 => IdxData::F32(self.decode(count, f32::from_be_bytes)?),
            ElementType::F64 => IdxData::F64(self.decode(count, f64::from_be_bytes)?),
        };
        self.finish()?;
        Ok(Idx { shape, data })
    }

    /// Reads bytes straight into their final place. The pages of the reserved memory are touched
    /// only as the bytes arrive, so a lying header costs nothing.
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Error> {
        if self.is_gzip && count > ahead::STEP {
            let mut elements = vec![0; count];
            ahead::write_in_steps(&mut elements, |step| self.fill(step))?;
            return Ok(elements);
        }
        // A file reads into reserved memory without filling it with zeros first.
        let mut elements = Vec::with_capacity(count);
        let end = self.reader.by_ref().take(count as u64).read_to_end(&mut elements);
        self.done += elements.len() as u64;
        match end {
            Ok(_) if elements.len() == count => Ok(elements),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(self.failed(error)),
            _ => Err(self.truncated()),
        }
    }

    /// Reads elements of `N` bytes.
    fn decode<T, const N: usize>(
        &mut self,
        count: usize,
        from_be_bytes: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, Error> {
        let mut elements = Vec::with_capacity(count);
        let mut buffer = vec![0; STEP.min(count * N)];
        while elements.len() < count {
            let step = &mut buffer[..((count - elements.len()) * N).min(STEP)];
            self.fill(step)?;
            elements.extend(step.as_chunks::<N>().0.iter().map(|&bytes| from_be_bytes(bytes)));
        }
        Ok(elements)
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<(), Error> {
        while !buffer.is_empty() {
            match self.reader.read(buffer) {
                Ok(0) => return Err(self.truncated()),
                Ok(count) => {
                    self.done += count as u64;
                    buffer = &mut buffer[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(self.truncated()),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Checks that nothing follows. Reading past the end also verifies gzip's checksum.
    fn finish(&mut self) -> Result<(), Error> {
        loop {
            return match self.reader.read(&mut [0]) {
                Ok(0) => Ok(()),
                Ok(_) => Err(Error::TrailingBytes { path: self.path.to_owned(), expected: self.expected }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(self.failed(error)),
            };
        }
    }

    fn truncated(&self) -> Error {
        Error::Truncated { path: self.path.to_owned(), expected: self.expected, found: self.done }
    }

    /// Errors with a number are the operating system's, the others the decoder's.
    fn failed(&self, error: io::Error) -> Error {
        if error.raw_os_error().is_some() {
            return Error::io("read", self.path)(error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("the end of the stream is missing"),
            _ => self.damaged(&error.to_string()),
        }
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Gzip { path: self.path.to_owned(), reason: reason.to_owned() }
    }
}
