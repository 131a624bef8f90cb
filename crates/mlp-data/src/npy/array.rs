//! NumPy's .npy format (`numpy/lib/_format_impl.py`) for numbers and strings.
//!
//! The crate `npyz` would bring thirty packages, and allocates whatever header length a file
//! states, up to 4 GiB; here every allocation is limited.
//!
//! ```text
//! bytes  a .npy file
//!     6  0x93 "NUMPY"
//!     2  format version: 1.0, 2.0 or 3.0
//!     2  header length, little-endian (4 bytes from version 2.0)
//!     …  header: {'descr': '<f8', 'fortran_order': False, 'shape': (784, 100), },
//!        padded with spaces to a multiple of 64
//!     …  values
//! ```

use std::io::Read;

use crate::Error;
use crate::text::printable;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Maximum header length. NumPy writes 118 bytes.
const MAX_HEADER: usize = 1 << 16;

/// An array of numbers or strings.
///
/// # Example
/// ```
/// use mlp_data::npy::{Array, Values};
/// let array = Array { shape: vec![2, 1], values: Values::F32(vec![0.5, 1.0]) };
/// assert_eq!(Array::read(&mut &array.to_bytes()[..], 1000)?, array);
/// # Ok::<(), mlp_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub values: Values,
}

/// The elements of an array. Other types of numbers are read as the next wider one of these.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Values {
    U8(Vec<u8>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    Texts(Vec<String>),
}

impl Array {
    /// Creates a zero-dimensional array of one string.
    pub fn text(text: &str) -> Self {
        Self { shape: Vec::new(), values: Values::Texts(vec![text.to_owned()]) }
    }

    /// Returns the bytes of a .npy file.
    ///
    /// # Panics
    /// If there are thousands of dimensions.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (descr, data) = match &self.values {
            Values::U8(values) => ("|u1".to_owned(), values.clone()),
            Values::F32(values) => ("<f4".to_owned(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::F64(values) => ("<f8".to_owned(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::I64(values) => ("<i8".to_owned(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::Texts(texts) => code_points(texts),
        };
        // A Python tuple: only one of length 1 ends with a comma.
        let shape = match &self.shape[..] {
            [size] => format!("{size},"),
            sizes => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
        };
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        let fixed = MAGIC.len() + 4;
        let padded = (fixed + header.len() + 1).next_multiple_of(64) - fixed;
        header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
        header.push('\n');
        let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
        [&MAGIC[..], &[1, 0], &length, header.as_bytes(), &data].concat()
    }

    /// Reads a .npy file whose values take at most `limit` bytes. Memory is in proportion to the
    /// bytes that are there.
    ///
    /// # Errors
    /// [`Error::Npy`] if it is damaged, too large, or of another type.
    pub fn read(reader: &mut impl Read, limit: usize) -> Result<Self, Error> {
        let header = Header::read(reader)?;
        let count = header.shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        let bytes = count.and_then(|count| count.checked_mul(header.size)).filter(|&bytes| bytes <= limit);
        let bytes =
            bytes.ok_or_else(|| invalid(format!("shape {:?} is more than {limit} bytes", header.shape)))?;
        let mut data = Vec::new();
        reader.take(bytes as u64).read_to_end(&mut data).map_err(|error| invalid(error.to_string()))?;
        let Header { shape, kind, big_endian, size, fortran_order } = header;
        if data.len() != bytes {
            let found = data.len();
            return Err(invalid(format!("{found} bytes of values; expected {bytes} for shape {shape:?}")));
        }
        if big_endian && size > 0 {
            let word = if kind == 'U' { 4 } else { size };
            data.chunks_exact_mut(word).for_each(<[u8]>::reverse);
        }
        let values = match (kind, size) {
            ('u' | 'b', 1) => Values::U8(data),
            ('f', 4) => Values::F32(numbers(&data, f32::from_le_bytes)),
            ('f', _) => Values::F64(numbers(&data, f64::from_le_bytes)),
            ('i', 1) => Values::I64(numbers(&data, |[v]: [u8; 1]| i64::from(v as i8))),
            ('i', 2) => Values::I64(numbers(&data, |v| i64::from(i16::from_le_bytes(v)))),
            ('i', 4) => Values::I64(numbers(&data, |v| i64::from(i32::from_le_bytes(v)))),
            ('i', _) => Values::I64(numbers(&data, i64::from_le_bytes)),
            ('u', 2) => Values::I64(numbers(&data, |v| i64::from(u16::from_le_bytes(v)))),
            ('u', 4) => Values::I64(numbers(&data, |v| i64::from(u32::from_le_bytes(v)))),
            // Saturates: no pixel or label is that large.
            ('u', _) => {
                Values::I64(numbers(&data, |v| i64::try_from(u64::from_le_bytes(v)).unwrap_or(i64::MAX)))
            }
            ('S', _) => Values::Texts(byte_texts(&data, size)?),
            _ => Values::Texts(texts(&data, size)?),
        };
        let values = if fortran_order && shape.len() > 1 { values.by_rows(&shape) } else { values };
        Ok(Self { shape, values })
    }
}

impl Values {
    /// Converts column-major to row-major order.
    fn by_rows(self, shape: &[usize]) -> Self {
        match self {
            Self::U8(values) => Self::U8(by_rows(&values, shape)),
            Self::F32(values) => Self::F32(by_rows(&values, shape)),
            Self::F64(values) => Self::F64(by_rows(&values, shape)),
            Self::I64(values) => Self::I64(by_rows(&values, shape)),
            Self::Texts(values) => Self::Texts(by_rows(&values, shape)),
        }
    }
}

pub(super) fn invalid(problem: String) -> Error {
    Error::Npy { problem }
}

fn numbers<T, const N: usize>(data: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks().0.iter().map(|&bytes| convert(bytes)).collect()
}

struct Header {
    shape: Vec<usize>,
    kind: char,
    size: usize, // bytes of a value
    big_endian: bool,
    fortran_order: bool,
}

impl Header {
    fn read(reader: &mut impl Read) -> Result<Self, Error> {
        let mut fixed = [0; 8];
        let truncated = |_| invalid("truncated header".to_owned());
        reader.read_exact(&mut fixed).map_err(truncated)?;
        if fixed[..6] != *MAGIC {
            let found = fixed[..6].escape_ascii();
            return Err(invalid(format!("it begins with \"{found}\"; expected \"\\x93NUMPY\"")));
        }
        let mut length = [0; 4];
        let digits = if fixed[6] == 1 { 2 } else { 4 };
        reader.read_exact(&mut length[..digits]).map_err(truncated)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(invalid(format!("a header of {length} bytes; expected at most {MAX_HEADER}")));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(truncated)?;
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text).ok_or_else(|| {
            let found = match text.split("'descr':").nth(1).unwrap_or_default().trim_start().get(..4) {
                Some("'|O'") => "Python objects; save it with `.astype(str)`, or `.astype(float)`".to_owned(),
                Some("'<f2" | "'>f2") => "half precision; save it with `.astype('float32')`".to_owned(),
                _ => format!("header {}", printable(text.trim_end())),
            };
            invalid(format!("{found}; expected integers, f4, f8 or strings"))
        })
    }

    /// Parses the dictionary as NumPy writes it.
    fn parse(text: &str) -> Option<Self> {
        let entry = |key: &str| text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
        let descr = entry("descr")?.strip_prefix('\'')?.split_once('\'')?.0;
        let mut letters = descr.chars();
        let (order, kind, digits) = (letters.next()?, letters.next()?, letters.as_str());
        let size = match (kind, digits.parse::<usize>().ok()?) {
            ('f', size @ (4 | 8)) | ('i' | 'u', size @ (1 | 2 | 4 | 8)) | ('b', size @ 1) | ('S', size) => {
                size
            }
            ('U', letters) => letters.checked_mul(4)?,
            _ => return None,
        };
        let shape = entry("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
        Some(Self {
            shape: sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?,
            kind,
            size,
            big_endian: match order {
                '<' => false,
                // A single byte has no order.
                '|' if size <= 1 || kind == 'S' => false,
                // Nor do the bytes of a string.
                '>' => kind != 'S',
                _ => return None,
            },
            fortran_order: entry("fortran_order")?.starts_with("True"),
        })
    }
}

/// Returns NumPy's type for strings, and all strings padded to the longest, four bytes a character.
fn code_points(texts: &[String]) -> (String, Vec<u8>) {
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let padded = |text: &String| {
        text.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest).collect::<Vec<_>>()
    };
    let bytes = texts.iter().flat_map(padded).flat_map(u32::to_le_bytes).collect();
    (format!("<U{longest}"), bytes)
}

/// Decodes strings of `size` bytes each, four bytes a character.
fn texts(data: &[u8], size: usize) -> Result<Vec<String>, Error> {
    if size == 0 {
        return Err(invalid("strings of length 0".to_owned()));
    }
    let text = |bytes: &[u8]| {
        let letters = bytes.as_chunks().0.iter().map(|&letter| char::from_u32(u32::from_le_bytes(letter)));
        let text: Option<String> = letters.collect();
        text.map(|text| text.trim_end_matches('\0').to_owned())
            .ok_or_else(|| invalid("a string that is not Unicode".to_owned()))
    };
    data.chunks_exact(size).map(text).collect()
}

/// Decodes strings of `size` bytes each, one byte a character.
fn byte_texts(data: &[u8], size: usize) -> Result<Vec<String>, Error> {
    if size == 0 {
        return Err(invalid("strings of length 0".to_owned()));
    }
    let text = |bytes: &[u8]| {
        let text =
            std::str::from_utf8(bytes).map_err(|_| invalid("a string that is not UTF-8".to_owned()))?;
        Ok(text.trim_end_matches('\0').to_owned())
    };
    data.chunks_exact(size).map(text).collect()
}

/// Converts column-major to row-major order.
fn by_rows<A: Clone>(values: &[A], shape: &[usize]) -> Vec<A> {
    // The position in the file of each element, counted up like an odometer, last dimension first.
    let mut strides = vec![1_usize; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1].wrapping_mul(shape[axis - 1]);
    }
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    // Not a loop over the shape: there may be 2^60 rows of no columns.
    let next = |_| {
        let value = values[place].clone();
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
        value
    };
    (0..values.len()).map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Array, String> {
        Array::read(&mut &bytes[..], 1000).map_err(|error| error.to_string())
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn the_header_matches_numpy_to_the_byte() {
        // np.lib.format.write_array(f, np.array([[1, 2]], dtype='<f4')) and of shape (3,).
        let bytes = Array { shape: vec![1, 2], values: Values::F32(vec![1.0, 2.0]) }.to_bytes();
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
        assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(&bytes[10..10 + header.len()], header.as_bytes());
        assert_eq!((bytes[127], bytes.len()), (b'\n', 128 + 8));
        let bytes = Array { shape: vec![3], values: Values::F64(vec![0.0; 3]) }.to_bytes();
        assert!(bytes[10..].starts_with(b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"));
        assert!(
            Array::text("a").to_bytes()[10..]
                .starts_with(b"{'descr': '<U1', 'fortran_order': False, 'shape': (), }")
        );
    }

    #[test]
    fn arrays_survive_writing_and_reading() {
        let texts = ["T-shirt", "", "é€"].map(str::to_owned).to_vec();
        for values in [
            Values::U8(vec![0, 7, 255]),
            Values::F32(vec![1.5, -0.0, f32::MAX]),
            Values::F64(vec![1.5, 1e300, f64::MIN_POSITIVE]),
            Values::I64(vec![28, -1, i64::MAX]),
            Values::Texts(texts),
        ] {
            let array = Array { shape: vec![3], values };
            assert_eq!(read(&array.to_bytes()), Ok(array));
        }
        for rows in [2, 1 << 60] {
            let array = Array { shape: vec![rows, 0], values: Values::F64(Vec::new()) };
            let mut bytes = array.to_bytes();
            assert_eq!(read(&bytes), Ok(array.clone()));
            let order = bytes.windows(5).position(|word| word == b"False").unwrap();
            bytes[order..order + 5].copy_from_slice(b"True ");
            assert_eq!(read(&bytes), Ok(array));
        }
    }

    #[test]
    fn fortran_order_and_big_endian_numbers_are_converted() {
        let data: Vec<u8> = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|v| v.to_be_bytes()).collect();
        let array =
            read(&file("{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }\n", &data)).unwrap();
        let values = Values::F32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(array, Array { shape: vec![2, 3], values });
    }

    #[test]
    fn invalid_files_are_errors() {
        let header = |descr: &str, shape: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
        };
        for (bytes, expected) in [
            (b"PK\x03\x04".to_vec(), "truncated"),
            (b"PK\x03\x04    ".to_vec(), "it begins with"),
            (file(&header("<f2", "(2,)"), &[0; 4]), "half precision; save it with `.astype('float32')`"),
            (file(&header("<c8", "(2,)"), &[0; 4]), "header {'descr': '<c8'"),
            (file(&header("|O", "(2,)"), &[0; 4]), "Python objects; save it with `.astype(str)`"),
            (file(&header("<f4", "(2,)"), &[0; 7]), "7 bytes of values; expected 8 for shape [2]"),
            (file(&header("<f8", "(1000000, 1000000)"), &[]), "more than 1000 bytes"),
            (file(&header("<f8", "(4611686018427387904, 4)"), &[]), "more than 1000 bytes"),
            (file(&header("<U1", "(1,)"), &0xD800_u32.to_le_bytes()), "not Unicode"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "a header of 4294967295 bytes"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
