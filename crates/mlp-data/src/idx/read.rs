//! Reading IDX, raw or gzip, told apart by the first bytes and never by the name. The bytes are not
//! trusted: nothing is allocated that the file could not fill, gzip is never inflated beyond what
//! the header promises, and bytes left over at the end are an error.

use super::ahead;
use super::array::{ElementType, Idx, IdxData, element_count};
use crate::Error;
use flate2::bufread::GzDecoder;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The longest header there is: magic number and 255 dimensions.
const HEADER_MAX: u64 = 4 + 4 * 255;

/// Deflate cannot pack tighter than this: two bits can stand for 258 bytes, hence 258 · 8 / 2 =
/// 1032 for one.
const DEFLATE_RATIO_MAX: u64 = 1032;

/// Elements of several bytes are decoded from this much at a time.
const STEP: usize = 1 << 18;

/// The buffer of a file: large enough for a decoder, and so small that the long reads of raw bytes
/// go around it.
const BUFFER: usize = 1 << 16;

/// How the bytes lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Raw,
    Gzip,
}

/// Reads an IDX file, raw or gzip-compressed (found by content, whatever the name).
///
/// # Errors
/// One for each way in which a file can be bad; see [`Error`].
///
/// # Example
/// ```
/// use mlp_data::idx::{Idx, IdxData, read_idx, write_idx};
/// let path = std::env::temp_dir().join(format!("mlp-read-idx-{}.gz", std::process::id()));
/// write_idx(&path, &Idx::new(vec![3], IdxData::U8(vec![5, 0, 4])))?;
/// assert_eq!(read_idx(&path)?.shape(), [3]);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_idx(path: &Path) -> Result<Idx, Error> {
    let (file, stored) = open(path)?;
    read(BufReader::with_capacity(BUFFER, file), stored, path, u64::MAX)
}

/// Reads the same, but refuses a file whose header promises more than `most` bytes before any of
/// them is read: for files of which it is known how large they can be, and that are not to be
/// believed.
#[cfg(feature = "fetch")]
pub(crate) fn read_idx_at_most(path: &Path, most: u64) -> Result<Idx, Error> {
    let (file, stored) = open(path)?;
    read(BufReader::with_capacity(BUFFER, file), stored, path, most)
}

/// Reads the same from memory; `origin` is the path to name in errors.
///
/// # Errors
/// As [`read_idx`].
pub fn parse(bytes: &[u8], origin: &Path) -> Result<Idx, Error> {
    read(bytes, bytes.len() as u64, origin, u64::MAX)
}

/// Opens a file for reading and tells its size.
fn open(path: &Path) -> Result<(File, u64), Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("inspect", path))?;
    if metadata.is_dir() {
        return Err(Error::IsDirectory { path: path.to_owned() });
    }
    Ok((file, metadata.len()))
}

impl Encoding {
    /// Tells the encoding by the first bytes of `reader`, consuming none.
    fn detect(reader: &mut impl BufRead, path: &Path) -> Result<Self, Error> {
        let head = reader.fill_buf().map_err(Error::io("read", path))?;
        match head {
            [] => Err(Error::Empty { path: path.to_owned() }),
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0] | [0, 0, ..] => Ok(Self::Raw),
            _ => Err(not_idx(path, "it", head)),
        }
    }
}

fn not_idx(path: &Path, place: &'static str, head: &[u8]) -> Error {
    let found: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Error::NotIdx { path: path.to_owned(), place, found: found.join(" ") }
}

/// `stored` is the number of bytes that `reader` has, compressed or not; `most` the number that may
/// come out of them.
fn read(mut reader: impl BufRead, stored: u64, path: &Path, most: u64) -> Result<Idx, Error> {
    let encoding = Encoding::detect(&mut reader, path)?;
    let origin = Origin { path, stored, most, encoding };
    match encoding {
        Encoding::Raw => read_array(&mut reader, &origin),
        Encoding::Gzip => {
            let mut decoder = GzDecoder::new(reader);
            let idx = read_array(&mut decoder, &origin)?;
            let rest = decoder.get_mut().fill_buf().map_err(Error::io("read", path))?;
            if !rest.is_empty() {
                return Err(Error::TrailingGzip { path: path.to_owned() });
            }
            Ok(idx)
        }
    }
}

/// Where the bytes come from: what errors need to say, and what bounds them.
struct Origin<'a> {
    path: &'a Path,
    stored: u64,
    most: u64,
    encoding: Encoding,
}

impl Origin<'_> {
    /// The most bytes that can come out of what is stored.
    fn capacity(&self) -> u64 {
        match self.encoding {
            Encoding::Raw => self.stored,
            Encoding::Gzip => self.stored.saturating_mul(DEFLATE_RATIO_MAX),
        }
    }

    fn oversized(&self, shape: &[usize]) -> Error {
        Error::Oversized { path: self.path.to_owned(), shape: shape.to_owned(), stored: self.stored }
    }

    fn truncated(&self, expected: u64, found: u64) -> Error {
        Error::Truncated { path: self.path.to_owned(), expected, found }
    }

    /// Fills `buffer` from `reader`; `done` bytes came before it, `expected` are promised in all.
    fn fill(&self, reader: &mut impl Read, buffer: &mut [u8], done: u64, expected: u64) -> Result<(), Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => return Err(self.truncated(expected, done + filled as u64)),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(self.truncated(expected, done + filled as u64));
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Checks that nothing follows. The read past the end is also what makes the decoder compare
    /// its checksum.
    fn finish(&self, reader: &mut impl Read, expected: u64) -> Result<(), Error> {
        loop {
            return match reader.read(&mut [0]) {
                Ok(0) => Ok(()),
                Ok(_) => Err(Error::TrailingBytes { path: self.path.to_owned(), expected }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(self.failed(error)),
            };
        }
    }

    /// The operating system's errors have a number; the others are the decoder's.
    fn failed(&self, error: io::Error) -> Error {
        if error.raw_os_error().is_some() {
            return Error::io("read", self.path)(error);
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the end of the stream is missing".to_owned(),
            _ => error.to_string(),
        };
        Error::Gzip { path: self.path.to_owned(), reason }
    }
}

/// What the header promises after itself, and where to read it.
struct Body<'a, R> {
    reader: &'a mut R,
    origin: &'a Origin<'a>,
    shape: &'a [usize],
    header: u64,
    expected: u64,
    count: usize,
}

fn read_array<R: Read>(reader: &mut R, origin: &Origin<'_>) -> Result<Idx, Error> {
    let mut magic = [0; 4];
    origin.fill(reader, &mut magic, 0, 4)?;
    let [zero_0, zero_1, code, rank] = magic;
    if [zero_0, zero_1] != [0, 0] {
        let place = if origin.encoding == Encoding::Gzip { "its gzip content" } else { "it" };
        return Err(not_idx(origin.path, place, &magic));
    }
    let element = ElementType::from_code(code)
        .ok_or_else(|| Error::ElementType { path: origin.path.to_owned(), code })?;

    let mut dimensions = [0; HEADER_MAX as usize - 4];
    let dimensions = &mut dimensions[..4 * usize::from(rank)];
    let header = 4 + dimensions.len() as u64;
    origin.fill(reader, dimensions, 4, header)?;
    let shape: Vec<usize> = dimensions
        .chunks_exact(4)
        .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
        .collect();

    let oversized = || origin.oversized(&shape);
    let count = element_count(&shape).ok_or_else(oversized)?;
    let bytes = count.checked_mul(element.size()).ok_or_else(oversized)?;
    let expected = (bytes as u64).checked_add(header).ok_or_else(oversized)?;
    if expected > origin.capacity() {
        return Err(match origin.encoding {
            Encoding::Raw => origin.truncated(expected, origin.stored),
            Encoding::Gzip => oversized(),
        });
    }
    if expected > origin.most {
        return Err(Error::Mismatch {
            path: origin.path.to_owned(),
            what: "content",
            expected: format!("at most {} bytes", origin.most),
            found: format!("{element} with shape {shape:?}, {expected} bytes"),
        });
    }

    let mut body = Body { reader, origin, shape: &shape, header, expected, count };
    let data = match element {
        ElementType::U8 => IdxData::U8(body.bytes()?),
        ElementType::I8 => IdxData::I8(body.decode(i8::from_be_bytes)?),
        ElementType::I16 => IdxData::I16(body.decode(i16::from_be_bytes)?),
        ElementType::I32 => IdxData::I32(body.decode(i32::from_be_bytes)?),
        ElementType::F32 => IdxData::F32(body.decode(f32::from_be_bytes)?),
        ElementType::F64 => IdxData::F64(body.decode(f64::from_be_bytes)?),
    };
    origin.finish(reader, expected)?;
    Ok(Idx { shape, data })
}

impl<R: Read> Body<'_, R> {
    /// Room for all elements. The pages are touched only as the bytes arrive, so a lying header
    /// costs nothing.
    fn reserve<T>(&self) -> Result<Vec<T>, Error> {
        let mut elements = Vec::new();
        elements.try_reserve_exact(self.count).map_err(|_| self.origin.oversized(self.shape))?;
        Ok(elements)
    }

    /// Bytes as they are, straight into their final place.
    fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        if self.origin.encoding == Encoding::Gzip && self.count > ahead::STEP {
            return self.inflate();
        }
        // A file reads into what is reserved without filling it with zeros first.
        let mut elements = self.reserve()?;
        let end = self.reader.by_ref().take(self.count as u64).read_to_end(&mut elements);
        match end {
            Ok(_) if elements.len() == self.count => Ok(elements),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(self.origin.failed(error)),
            _ => Err(self.origin.truncated(self.expected, self.header + elements.len() as u64)),
        }
    }

    /// The same from a decoder, which is busy enough without waiting for memory.
    fn inflate(&mut self) -> Result<Vec<u8>, Error> {
        // Where there is no room this is an error, but `vec!` aborts; hidden, or the compiler would
        // leave it out.
        drop(black_box(self.reserve::<u8>()?));
        let mut elements = vec![0; self.count];
        let mut done = self.header;
        ahead::write_in_steps(&mut elements, |step| {
            self.origin.fill(self.reader, step, done, self.expected)?;
            done += step.len() as u64;
            Ok(())
        })?;
        Ok(elements)
    }

    /// Elements of `N` bytes.
    fn decode<T, const N: usize>(&mut self, from_be_bytes: fn([u8; N]) -> T) -> Result<Vec<T>, Error> {
        let mut elements = self.reserve()?;
        let mut buffer = vec![0; STEP.min(self.count * N)];
        while elements.len() < self.count {
            let done = elements.len();
            let step = &mut buffer[..((self.count - done) * N).min(STEP)];
            self.origin.fill(self.reader, step, self.header + (done * N) as u64, self.expected)?;
            elements.extend(step.as_chunks::<N>().0.iter().map(|&bytes| from_be_bytes(bytes)));
        }
        Ok(elements)
    }
}
