//! Loading [`Datasets`] from files: four files belong together, and labels become classes from 0.

use crate::catalog::{self, CatalogEntry, LabelLayout};
use crate::dataset::Pixels;
use crate::idx::{ElementType, IdxData, MappedIdx, map_idx, read_idx};
use crate::{Dataset, Datasets, Description, Error, ImageShape, Polarity, Preprocessing, synthetic};
use std::fs;
use std::path::Path;
use std::thread;

use super::files::{Files, Pair};

/// MNIST's name for training images, with which EMNIST's names end.
const MNIST_IMAGES: &str = catalog::MNIST_FILE_NAMES[0];

/// The size in bytes from which an uncompressed file of images is mapped.
///
/// Smaller ones are read: every known dataset is smaller, training is faster with a copy in the
/// form that it needs, and what has been read can no longer change.
const MAPPED_FROM: u64 = 1 << 30;

impl Datasets {
    /// Loads a dataset by name: one of the catalog from `data_dir/<name>/` (each file raw or gzip),
    /// `synthetic` (10,000 and 2,000 examples of seed 0), or the path of a directory, as
    /// [`open_dir`](Self::open_dir).
    ///
    /// EMNIST's transposed images are put upright, and labels that start at 1 are shifted to 0.
    ///
    /// # Errors
    /// [`Error::UnknownDataset`], [`Error::Missing`] with the command to get it, or a problem with
    /// a file.
    ///
    /// # Example
    /// ```
    /// use mlp_data::Datasets;
    /// let error = Datasets::load("minst", "data".as_ref()).unwrap_err();
    /// assert!(error.to_string().contains(r#"did you mean "mnist"?"#));
    /// ```
    pub fn load(name: &str, data_dir: &Path) -> Result<Self, Error> {
        if name == synthetic::NAME {
            return Ok(synthetic::digits(synthetic::TRAIN, synthetic::TEST, 0));
        }
        match catalog::find(name) {
            Ok(entry) => Self::load_entry(entry, data_dir),
            Err(_) if Path::new(name).is_dir() => Self::open_dir(Path::new(name)),
            Err(_) if Path::new(name).exists() => {
                Err(Error::NoDataset { path: name.into(), found: "a file" })
            }
            Err(_) if name.contains(['/', '\\']) => {
                Err(Error::NoDataset { path: name.into(), found: "missing" })
            }
            Err(unknown) => Err(unknown),
        }
    }

    /// Returns true if all files of `name` exist, without checking their content. True for
    /// `synthetic`.
    pub fn is_present(name: &str, data_dir: &Path) -> bool {
        if name == synthetic::NAME {
            return true;
        }
        match catalog::find(name) {
            Ok(entry) => Files::named(&data_dir.join(entry.name), entry.file_names()).is_ok(),
            Err(_) => Files::find(Path::new(name)).is_ok(),
        }
    }

    /// Loads four files with MNIST's names or similar ones, each raw or gzip, from any directory or
    /// from its `raw` or `NAME/raw`, and two more for validation if they exist.
    ///
    /// Class names, preprocessing and polarity come from `dataset.toml`, if there is one; without
    /// it, the classes are the numbers from 0 to the largest label. Files with the names of an
    /// EMNIST dataset are read as that one.
    ///
    /// Uncompressed images of 1 GiB or more stay in their file, which must not change: see
    /// [`MappedFile`](crate::MappedFile).
    ///
    /// # Errors
    /// [`Error::MissingInDirectory`], [`Error::SeveralDatasets`], [`Error::Description`], or a
    /// problem with a file.
    pub fn open_dir(directory: &Path) -> Result<Self, Error> {
        Self::open_dir_mapping(directory, MAPPED_FROM)
    }

    /// [`Datasets::open_dir`], with images in their files from another size in bytes on.
    ///
    /// # Errors
    /// As [`Datasets::open_dir`].
    ///
    /// # Example
    /// ```
    /// use mlp_data::{Datasets, synthetic};
    /// let directory = std::env::temp_dir().join(format!("mlp-mapped-{}", std::process::id()));
    /// synthetic::digits(20, 10, 0).write_dir(&directory, "drawn", false)?;
    /// let [read, mapped] = [u64::MAX, 0].map(|from| Datasets::open_dir_mapping(&directory, from));
    /// let (read, mapped) = (read?.train, mapped?.train);
    /// assert!(read.mapped_file().is_none() && mapped.mapped_file().is_some());
    /// assert_eq!(read, mapped);
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), mlp_data::Error>(())
    /// ```
    pub fn open_dir_mapping(directory: &Path, from: u64) -> Result<Self, Error> {
        let files = Files::find(directory)?;
        let name = directory.display().to_string();
        let is_of = |entry: &&CatalogEntry| {
            !files.prefix.is_empty() && entry.train.images.name == format!("{}-{MNIST_IMAGES}", files.prefix)
        };
        let description = Description::of_dir(directory)?;
        if description.is_none()
            && let Some(entry) = catalog::all().iter().find(is_of)
        {
            return Self::of_entry(entry, &files, name, from);
        }
        let max_classes = description.as_ref().map_or(256, |description| description.class_names.len());
        let (train, validation, test) = files.read(max_classes, LabelLayout::PLAIN, false, from)?;
        if let Some(Description { class_names, preprocessing, polarity, .. }) = description {
            return Ok(Self { name, train, validation, test, class_names, preprocessing, polarity });
        }
        let labels = [&train, &test].into_iter().chain(&validation).flat_map(Dataset::labels);
        let classes = labels.max().map_or(1, |&label| usize::from(label) + 1);
        Ok(Self {
            name,
            train: train.with_classes(classes),
            validation: validation.map(|set| set.with_classes(classes)),
            test: test.with_classes(classes),
            class_names: (0..classes).map(|class| class.to_string()).collect(),
            preprocessing: Preprocessing::Whole,
            polarity: Polarity::Auto,
        })
    }

    fn load_entry(entry: &CatalogEntry, data_dir: &Path) -> Result<Self, Error> {
        let directory = data_dir.join(entry.name);
        let name = entry.name.to_owned();
        match Files::named(&directory, entry.file_names()) {
            Ok(files) => Self::of_entry(entry, &files, name, MAPPED_FROM),
            Err(files) => Err(Error::Missing { name, directory, files }),
        }
    }

    fn of_entry(entry: &CatalogEntry, files: &Files, name: String, from: u64) -> Result<Self, Error> {
        let (train, validation, test) = files.read(entry.classes(), entry.labels, entry.transposed, from)?;
        let class_names = entry.class_names.iter().map(|&name| name.to_owned()).collect();
        let (preprocessing, polarity) = (entry.preprocessing, Polarity::Auto);
        Ok(Self { name, train, validation, test, class_names, preprocessing, polarity })
    }
}

impl Files {
    /// Reads the training, validation and test sets, the last on its own thread. Images from a size
    /// on are mapped.
    fn read(
        &self,
        classes: usize,
        layout: LabelLayout,
        transposed: bool,
        from: u64,
    ) -> Result<(Dataset, Option<Dataset>, Dataset), Error> {
        let (train, test) = thread::scope(|scope| {
            let test = scope.spawn(|| self.test.read(classes, layout, transposed, from));
            let train = self.train.read(classes, layout, transposed, from);
            (train, test.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (train, test) = (train?, test?);
        let validation = self.validation.as_ref();
        let validation = validation.map(|pair| pair.read(classes, layout, transposed, from)).transpose()?;
        let others = [(Some(&test), Some(&self.test)), (validation.as_ref(), self.validation.as_ref())];
        for (set, pair) in others {
            if let (Some(set), Some(pair)) = (set, pair)
                && train.shape() != set.shape()
            {
                let (train, test) = (train.shape().to_string(), set.shape().to_string());
                return Err(Error::InFiles {
                    images: self.train.images.clone(),
                    labels: pair.images.clone(),
                    problem: Box::new(Error::ShapesDiffer { train, test }),
                });
            }
        }
        Ok((train, validation, test))
    }
}

impl Pair {
    fn read(
        &self,
        classes: usize,
        layout: LabelLayout,
        transposed: bool,
        from: u64,
    ) -> Result<Dataset, Error> {
        // Labels first: they are small, and bad ones make reading the images unnecessary.
        let labels = read_labels(&self.labels, layout)?;
        let in_files = |problem| Error::InFiles {
            images: self.images.clone(),
            labels: self.labels.clone(),
            problem: Box::new(problem),
        };
        let labels = shift_labels(&labels, layout.first, classes).map_err(in_files)?;
        let (images, shape) = if transposed {
            let (mut images, shape) = read_images(&self.images)?;
            // Without images the shape is unchecked, and may be too large to allocate.
            if !images.is_empty() {
                shape.transpose_all(&mut images);
            }
            (images.into(), ImageShape { height: shape.width, width: shape.height })
        } else {
            read_or_map_images(&self.images, from)?
        };
        let set = Dataset::of_pixels(images, shape, labels, classes).map_err(in_files)?;
        if set.is_empty() {
            return Err(Error::NoExamples { path: self.images.clone() });
        }
        Ok(set)
    }
}

fn read_or_map_images(path: &Path, from: u64) -> Result<(Pixels, ImageShape), Error> {
    let is_mapped = fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() >= from);
    match is_mapped.then(|| map_idx(path)).transpose()?.flatten() {
        Some(MappedIdx { shape, file, start }) => match shape[..] {
            [_, height, width] => {
                let range = start..file.bytes().len();
                Ok((Pixels::Mapped { file, range }, ImageShape { height, width }))
            }
            _ => Err(wrong_images(path, ElementType::U8, &shape)),
        },
        None => read_images(path).map(|(images, shape)| (images.into(), shape)),
    }
}

fn read_images(path: &Path) -> Result<(Vec<u8>, ImageShape), Error> {
    let (shape, data) = read_idx(path)?.into_parts();
    match (&shape[..], data) {
        (&[_, height, width], IdxData::U8(images)) => Ok((images, ImageShape { height, width })),
        (shape, data) => Err(wrong_images(path, data.element(), shape)),
    }
}

fn wrong_images(path: &Path, element: ElementType, shape: &[usize]) -> Error {
    wrong_content(path, "images (u8, rank 3)", element, shape, shape.len() < 3)
}

/// Reads the class column of the labels as stored.
fn read_labels(path: &Path, layout: LabelLayout) -> Result<Vec<i64>, Error> {
    let idx = read_idx(path)?;
    // The labels as integers and as classes.
    let bytes = idx.data().len() as u64 * 9;
    Error::check_memory(bytes).map_err(Error::in_file(path))?;
    match (idx.shape(), idx.data()) {
        (&[_], IdxData::U8(labels)) if layout.columns == 1 => {
            Ok(labels.iter().map(|&label| label.into()).collect())
        }
        (&[_, columns], IdxData::I32(labels)) if columns == layout.columns => {
            Ok(labels.chunks_exact(columns).map(|row| row[0].into()).collect())
        }
        (shape, data) => {
            let expected =
                if layout.columns == 1 { "labels (u8, rank 1)" } else { "labels (i32, rank 2, 8 columns)" };
            Err(wrong_content(path, expected, data.element(), shape, shape.len() >= 3))
        }
    }
}

fn wrong_content(
    path: &Path,
    expected: &'static str,
    element: ElementType,
    shape: &[usize],
    seems_swapped: bool,
) -> Error {
    Error::WrongContent {
        path: path.to_owned(),
        expected,
        found: format!("{element} with shape {shape:?}"),
        hint: if seems_swapped {
            "are the files of images and labels swapped?"
        } else {
            "is it a file of another dataset?"
        },
    }
}

/// Shifts labels from `first` to classes from 0.
fn shift_labels(labels: &[i64], first: u8, classes: usize) -> Result<Vec<u8>, Error> {
    let first = i64::from(first);
    let last = first + classes as i64 - 1;
    if let Some(index) = labels.iter().position(|label| !(first..=last).contains(label)) {
        return Err(Error::LabelOutOfRange { index, label: labels[index], first, last });
    }
    Ok(labels.iter().map(|&label| (label - first) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors of a dataset of 20 images, read and mapped.
    fn errors(damage: impl Fn(&mut Vec<u8>)) -> [Result<Dataset, String>; 2] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("set");
        synthetic::digits(20, 10, 0).write_dir(&path, "", false).unwrap();
        let images = path.join(MNIST_IMAGES);
        let mut bytes = fs::read(&images).unwrap();
        damage(&mut bytes);
        fs::write(&images, bytes).unwrap();
        [u64::MAX, 0].map(|from| {
            let sets = Datasets::open_dir_mapping(&path, from).map_err(|error| error.to_string());
            sets.map(|sets| sets.train).map_err(|error| error.replace(path.to_str().unwrap(), "SET"))
        })
    }

    #[test]
    fn mapped_images_are_the_same_or_refused_with_the_same_words() {
        let [read, mapped] = errors(|_| ());
        let (read, mapped) = (read.unwrap(), mapped.unwrap());
        assert!(read.mapped_file().is_none() && mapped.mapped_file().is_some());
        assert_eq!((read.sha256(), read.density()), (mapped.sha256(), mapped.density()));
        assert_eq!(read, mapped);
        let (first, rest) = mapped.split_at(7);
        assert_eq!((first, rest), read.clone().split_at(7));
        type Damage = fn(&mut Vec<u8>);
        let damages: [(Damage, &str); 8] = [
            (|bytes| bytes.truncate(1000), "is truncated"),
            (|bytes| bytes.truncate(5), "is truncated"),
            (|bytes| bytes.clear(), "it is empty"),
            (|bytes| bytes.push(0), "has more than the 15696 bytes"),
            (|bytes| bytes[0] = 1, "it starts with 01 00 08 03"),
            (|bytes| bytes[2] = 7, "unknown IDX element type 07"),
            (|bytes| bytes[2] = 9, "found an IDX array of i8"),
            (|bytes| bytes[4..8].fill(255), "is truncated"),
        ];
        for (damage, expected) in damages {
            let [read, mapped] = errors(damage);
            let (read, mapped) = (read.unwrap_err(), mapped.unwrap_err());
            assert_eq!(read, mapped);
            assert!(mapped.contains(expected), "{mapped}");
        }
        // 19 images, one label too many.
        let [read, mapped] = errors(|bytes| {
            bytes.truncate(16 + 19 * 784);
            bytes[7] = 19;
        });
        assert_eq!(read, mapped);
        assert!(mapped.unwrap_err().contains("19 images but 20 labels"));
        // Rank 1.
        let [read, mapped] = errors(|bytes| {
            bytes.drain(8..16);
            bytes[3] = 1;
            bytes[4..8].copy_from_slice(&(20 * 784u32).to_be_bytes());
        });
        assert_eq!(read, mapped);
        assert!(mapped.unwrap_err().contains("does not hold images (u8, rank 3)"));
    }

    #[test]
    fn labels_from_one_become_classes_from_zero() {
        assert_eq!(shift_labels(&[1, 26, 3], 1, 26).unwrap(), [0, 25, 2]);
        for (label, index) in [(0, 1), (27, 1), (-1, 1)] {
            let error = shift_labels(&[5, label], 1, 26).unwrap_err();
            assert!(
                matches!(error, Error::LabelOutOfRange { index: i, label: l, first: 1, last: 26 } if i == index && l == label)
            );
        }
    }
}
