//! Writing IDX.

use super::{ElementType, Idx, IdxData};
use crate::Error;
use crate::fs::write_atomically;
use flate2::{Compression, GzBuilder};
use std::io::{self, Write};
use std::path::Path;

/// Writes an array to `path` atomically, gzip-compressed if the name ends in `.gz`. The compressed
/// file has no name or time inside, so the same array gives the same bytes.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_idx(path: &Path, idx: &Idx) -> Result<(), Error> {
    write(path, &|out| idx.write_to(out))
}

/// [`write_idx`] for an array of bytes that is not copied.
pub(crate) fn write_bytes(path: &Path, shape: &[usize], elements: &[u8]) -> Result<(), Error> {
    write(path, &|out| {
        out.write_all(&header(ElementType::U8, shape))?;
        out.write_all(elements)
    })
}

fn write(path: &Path, content: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let compressed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    write_atomically(path, |out| {
        if compressed {
            let mut encoder = GzBuilder::new().write(out, Compression::default());
            content(&mut encoder)?;
            encoder.finish().map(drop)
        } else {
            content(out)
        }
    })
    .map_err(Error::io("write", path))
}

/// The header of an array: its rank and dimensions must fit, as those of [`Idx::new`] do.
pub(crate) fn header(element: ElementType, shape: &[usize]) -> Vec<u8> {
    let magic = [0, 0, element as u8, shape.len() as u8];
    magic.into_iter().chain(shape.iter().flat_map(|&dimension| (dimension as u32).to_be_bytes())).collect()
}

impl Idx {
    /// Writes the array uncompressed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&header(self.data.element(), &self.shape))?;
        match &self.data {
            IdxData::U8(elements) => out.write_all(elements),
            IdxData::I8(elements) => write_elements(out, elements, i8::to_be_bytes),
            IdxData::I16(elements) => write_elements(out, elements, i16::to_be_bytes),
            IdxData::I32(elements) => write_elements(out, elements, i32::to_be_bytes),
            IdxData::F32(elements) => write_elements(out, elements, f32::to_be_bytes),
            IdxData::F64(elements) => write_elements(out, elements, f64::to_be_bytes),
        }
    }
}

fn write_elements<T: Copy, const N: usize>(
    out: &mut dyn Write,
    elements: &[T],
    to_be_bytes: fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(N * elements.len().min(4096));
    for chunk in elements.chunks(4096) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(|&element| to_be_bytes(element)));
        out.write_all(&buffer)?;
    }
    Ok(())
}
