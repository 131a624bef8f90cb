//! Writing a dataset as a directory that [`Datasets::open_dir`] reads.

use std::path::Path;

use super::description::FILE_NAME;
use super::files::VALIDATION_FILE_NAMES;
use crate::catalog::MNIST_FILE_NAMES;
use crate::fs::directory::create_dir_atomically;
use crate::fs::write_atomically;
use crate::idx::write_bytes;
use crate::{Dataset, Datasets, Description, Error};

impl Datasets {
    /// Writes the datasets as a new directory, atomically. `origin` describes where the images came
    /// from; with `compressed` the files are gzip.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`], or [`Error::Description`] if the class names are invalid.
    ///
    /// # Example
    /// ```
    /// use mlp_data::{Datasets, synthetic};
    /// let directory = std::env::temp_dir().join(format!("mlp-write-dir-{}", std::process::id()));
    /// let sets = synthetic::digits(20, 10, 0);
    /// sets.write_dir(&directory, "drawn", true)?;
    /// let read = Datasets::open_dir(&directory)?;
    /// assert_eq!((read.train, read.class_names), (sets.train, sets.class_names));
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), mlp_data::Error>(())
    /// ```
    pub fn write_dir(&self, directory: &Path, origin: &str, compressed: bool) -> Result<(), Error> {
        let description = Description {
            class_names: self.class_names.clone(),
            preprocessing: self.preprocessing,
            polarity: self.polarity,
            origin: origin.to_owned(),
        };
        let text = description.to_toml(&directory.join(FILE_NAME))?;
        create_dir_atomically(directory, |directory| {
            let [train, train_labels, ..] = MNIST_FILE_NAMES;
            write_set(&self.train, directory, [train, train_labels], compressed)?;
            self.write_others(directory, compressed)?;
            write_text(&text, directory)
        })
    }

    /// Writes the test set and, if there is one, the validation set.
    pub(super) fn write_others(&self, directory: &Path, compressed: bool) -> Result<(), Error> {
        let [.., test, test_labels] = MNIST_FILE_NAMES;
        write_set(&self.test, directory, [test, test_labels], compressed)?;
        let validation = self.validation.as_ref();
        validation.map_or(Ok(()), |set| write_set(set, directory, VALIDATION_FILE_NAMES, compressed))
    }
}

fn write_set(set: &Dataset, directory: &Path, names: [&str; 2], compressed: bool) -> Result<(), Error> {
    let extension = if compressed { ".gz" } else { "" };
    let [images, labels] = names.map(|name| directory.join(format!("{name}{extension}")));
    write_bytes(&images, &[set.len(), set.shape().height, set.shape().width], set.images())?;
    write_bytes(&labels, &[set.len()], set.labels())?;
    set.check_unchanged()
}

/// Writes the text of `dataset.toml`.
pub(super) fn write_text(text: &str, directory: &Path) -> Result<(), Error> {
    let path = directory.join(FILE_NAME);
    write_atomically(&path, |out| out.write_all(text.as_bytes())).map_err(Error::io("write", &path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{ImageShape, Polarity, Preprocessing, synthetic};

    #[test]
    fn a_written_directory_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let mut sets = synthetic::digits(30, 10, 1);
        sets.class_names = (0..10).map(|class| format!("the {class}")).collect();
        sets.preprocessing = Preprocessing::Digit;
        sets.polarity = Polarity::LightOnDark;
        sets.validation = Some(synthetic::digits(7, 0, 2).train);
        for (name, compressed) in [("raw", false), ("a/b/gz", true)] {
            let path = directory.path().join(name);
            sets.write_dir(&path, "drawn", compressed).unwrap();
            let read = Datasets::open_dir(&path).unwrap();
            assert_eq!((&read.train, &read.test), (&sets.train, &sets.test));
            assert_eq!((&read.validation, read.polarity), (&sets.validation, sets.polarity));
            assert_eq!(
                (read.class_names, read.preprocessing),
                (sets.class_names.clone(), Preprocessing::Digit)
            );
            assert_eq!(fs::read_dir(&path).unwrap().count(), 7);
            assert_eq!(path.join("t10k-labels-idx1-ubyte.gz").exists(), compressed);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "a temporary directory is left");
    }

    #[test]
    fn an_existing_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let sets = synthetic::digits(10, 10, 1);
        let error = sets.write_dir(directory.path(), "", false).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        let path = directory.path().join("none");
        let unnamed = Datasets { class_names: vec!["a".to_owned(); 10], ..sets };
        assert!(matches!(unnamed.write_dir(&path, "", false), Err(Error::Description { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_label_without_a_class_name_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("set");
        let set = Dataset::new(vec![0; 3], ImageShape { height: 1, width: 1 }, vec![0, 1, 2], 3).unwrap();
        let sets = Datasets {
            name: String::new(),
            train: set.clone(),
            validation: None,
            test: set,
            class_names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            preprocessing: Preprocessing::Whole,
            polarity: Polarity::Auto,
        };
        sets.write_dir(&path, "", false).unwrap();
        fs::write(path.join(FILE_NAME), "class_names = [\"a\", \"b\"]").unwrap();
        let error = Datasets::open_dir(&path).unwrap_err().to_string();
        assert!(error.contains("label 2 of example 2 is out of range, expected 0 to 1"), "{error}");
    }
}
