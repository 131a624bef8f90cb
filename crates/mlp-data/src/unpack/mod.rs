//! Datasets of pictures in one file: zip and tar archives of class directories, and Parquet files.
//! They are unpacked into a directory and searched like any other, so there is one pipeline for all
//! pictures.
//!
//! Archives may be hostile: nothing is written outside of the directory, and there is a limit on
//! what an archive of a given size may unpack to.

#[cfg(feature = "archives")]
mod archive;
mod budget;
#[cfg(feature = "parquet")]
mod columns;
#[cfg(feature = "archives")]
mod entries;
#[cfg(feature = "parquet")]
mod features;
#[cfg(feature = "parquet")]
mod pages;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod shards;
#[cfg(feature = "archives")]
mod tar;
#[cfg(feature = "archives")]
mod zip;

use std::path::Path;

use crate::Error;
use crate::picture::LabeledFiles;
#[cfg(feature = "archives")]
pub use archive::unpack;
#[cfg(feature = "parquet")]
pub use pages::is_contained;
#[cfg(feature = "parquet")]
pub use parquet::labeled_files as parquet_files;

/// Finds the labeled pictures of a dataset: a directory (see [`LabeledFiles::find`]), a zip or tar
/// archive of one (feature `archives`), or Parquet files as on the Hugging Face hub, one or a
/// directory of them (feature `parquet`).
///
/// What has to be unpacked goes to `workshop`, a directory that must not exist yet. The caller
/// removes it, also after an error.
///
/// # Errors
/// Those of [`LabeledFiles::find`]; [`Error::Packed`] if an archive or a Parquet file is damaged,
/// hostile, too large, encrypted or of an unsupported kind.
///
/// # Example
/// ```no_run
/// use mlp_data::unpack::labeled_files;
/// use std::path::Path;
///
/// let files = labeled_files(Path::new("drawings.zip"), Path::new("unpacked"))?;
/// println!("{} pictures in {} classes", files.train.len(), files.class_names.len());
/// std::fs::remove_dir_all("unpacked").ok();
/// # Ok::<(), mlp_data::Error>(())
/// ```
pub fn labeled_files(path: &Path, workshop: &Path) -> Result<LabeledFiles, Error> {
    #[cfg(feature = "archives")]
    if let Some(notes) = archive::unpack(path, workshop)? {
        let mut files = in_directory(workshop, workshop)?;
        files.notes.splice(0..0, notes);
        return Ok(files);
    }
    in_directory(path, workshop)
}

/// The pictures of a directory or a Parquet file.
fn in_directory(path: &Path, workshop: &Path) -> Result<LabeledFiles, Error> {
    #[cfg(feature = "parquet")]
    if let Some(files) = parquet_files(path, workshop)? {
        return Ok(files);
    }
    #[cfg(not(feature = "parquet"))]
    let _ = workshop;
    LabeledFiles::find(path)
}
