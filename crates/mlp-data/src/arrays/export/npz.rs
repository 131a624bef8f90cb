//! Writes an .npz file with Keras' names.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::npy::{Array, Values};
use crate::{Datasets, Error};

/// Returns the file: images, labels, and the names of the classes.
pub(super) fn to_bytes(sets: &Datasets) -> Result<Vec<u8>, Error> {
    let mut arrays = Vec::new();
    for (name, set) in sets.parts() {
        let name = if name == "validation" { "val" } else { name };
        let shape = vec![set.len(), set.shape().height, set.shape().width];
        arrays.push((format!("x_{name}"), Array { shape, values: Values::U8(set.images().to_vec()) }));
        let labels = Array { shape: vec![set.len()], values: Values::U8(set.labels().to_vec()) };
        arrays.push((format!("y_{name}"), labels));
    }
    let names = Values::Texts(sets.class_names.clone());
    arrays.push(("class_names".to_owned(), Array { shape: vec![sets.class_names.len()], values: names }));
    let failed = |error: &dyn std::fmt::Display| Error::Npy { problem: error.to_string() };
    // Without a time, so that the same dataset gives the same bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let options = options.last_modified_time(DateTime::default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        let bytes = array.to_bytes();
        let options = options.large_file(bytes.len() > 1 << 30);
        archive.start_file(format!("{name}.npy"), options).map_err(|error| failed(&error))?;
        archive.write_all(&bytes).map_err(|error| failed(&error))?;
    }
    Ok(archive.finish().map_err(|error| failed(&error))?.into_inner())
}
