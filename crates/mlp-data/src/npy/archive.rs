//! NumPy's .npz format, a zip archive of .npy files.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::Array;
use super::array::invalid;
use crate::Error;
use crate::memory::{is_available, megabytes};

/// An .npz file: a zip archive of arrays.
pub struct Npz<R> {
    archive: ZipArchive<R>,
    left: usize, // bytes that may still be unpacked, whatever the entries share
}

impl<R: Read + Seek> Npz<R> {
    /// Opens an archive. All arrays that are read take at most `limit` bytes together.
    ///
    /// # Errors
    /// [`Error::Npy`] if it is not a zip archive.
    pub fn open(reader: R, limit: usize) -> Result<Self, Error> {
        let archive = ZipArchive::new(reader).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { archive, left: limit })
    }

    /// The names of the arrays, without `.npy`.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().flatten();
        names.map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned()).collect()
    }

    /// Reads an array.
    ///
    /// # Errors
    /// [`Error::Npy`] if it is missing or invalid.
    pub fn read(&mut self, name: &str) -> Result<Array, Error> {
        let file = self.archive.by_name(&format!("{name}.npy"));
        let file = file.map_err(|error| invalid(error.to_string()))?;
        let allowed = self.left as u64 + (1 << 17);
        let bytes = file.size().min(allowed);
        if !is_available(bytes) {
            return Err(invalid(format!("{}, more than this process can allocate", megabytes(bytes))));
        }
        let mut file = file.take(allowed);
        let array = Array::read(&mut file, self.left)?;
        // The archive's checksum is checked only when the end is read.
        if file.read(&mut [0]).map_err(|error| invalid(error.to_string()))? > 0 {
            return Err(invalid("trailing bytes".to_owned()));
        }
        self.left = self.left.saturating_sub((allowed - file.limit()) as usize);
        Ok(array)
    }
}
