//! Writing a dataset in the formats that [`LabeledArrays`](super::LabeledArrays) and
//! [`LabeledFiles`](crate::picture::LabeledFiles) read.

mod npz;
mod pictures;
mod table;

use std::path::Path;

use crate::fs::directory::create_dir_atomically;
use crate::fs::write_atomically;
use crate::named::named;
use crate::{Dataset, Datasets, Error};

/// A format of datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A directory of CSV tables: a row `label,pixel0,pixel1,…` for each image, as on Kaggle.
    Csv,
    /// An .npz file with `x_train`, `y_train`, `x_test` and `y_test`, as of Keras.
    Npz,
    /// A directory of IDX files like those of MNIST.
    Idx,
    /// A directory of pictures: `train/CLASS/00001.png`.
    Png,
}

named!(ExportFormat, "format", Csv => "csv", Npz => "npz", Idx => "idx", Png => "png");

impl Datasets {
    /// Writes the dataset to a new file (.npz) or directory, atomically. Returns what the format
    /// cannot hold, one line each.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`], or [`Error::Description`] if the class names are invalid.
    ///
    /// # Example
    /// ```
    /// use mlp_data::arrays::{ArrayOptions, ExportFormat, LabeledArrays};
    /// use mlp_data::synthetic;
    ///
    /// let path = std::env::temp_dir().join(format!("mlp-export-{}.npz", std::process::id()));
    /// let sets = synthetic::digits(20, 10, 0);
    /// sets.export(ExportFormat::Npz, &path)?;
    /// let arrays = LabeledArrays::open(&path, &ArrayOptions::default())?.expect("arrays");
    /// assert_eq!(arrays.train.labels(), sets.train.labels());
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), mlp_data::Error>(())
    /// ```
    pub fn export(&self, format: ExportFormat, path: &Path) -> Result<Vec<String>, Error> {
        match format {
            ExportFormat::Csv => {
                create_dir_atomically(path, |directory| {
                    self.parts().try_for_each(|(name, set)| {
                        table::write(&directory.join(format!("{name}.csv")), set, &self.class_names)
                    })
                })?;
                Ok(table::notes(&self.class_names))
            }
            ExportFormat::Npz => {
                refuse_existing(path)?;
                let bytes = npz::to_bytes(self)?;
                write_atomically(path, |out| out.write_all(&bytes)).map_err(Error::io("write", path))?;
                Ok(Vec::new())
            }
            ExportFormat::Idx => {
                let origin = format!("exported from {}", self.name);
                self.write_dir(path, &origin, false).map(|()| Vec::new())
            }
            ExportFormat::Png => pictures::write(self, path),
        }
    }

    /// Writes a part of the dataset as a new CSV table, atomically. Returns what it cannot hold.
    ///
    /// # Errors
    /// [`Error::Exists`] or [`Error::Io`].
    pub fn export_table(&self, part: &Dataset, path: &Path) -> Result<Vec<String>, Error> {
        refuse_existing(path)?;
        table::write(path, part, &self.class_names)?;
        Ok(table::notes(&self.class_names))
    }

    /// The names and examples of the parts.
    fn parts(&self) -> impl Iterator<Item = (&'static str, &Dataset)> {
        let validation = self.validation.as_ref().map(|set| ("validation", set));
        [Some(("train", &self.train)), validation, Some(("test", &self.test))].into_iter().flatten()
    }
}

fn refuse_existing(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata() {
        Ok(_) => Err(Error::Exists { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}
