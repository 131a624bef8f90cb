//! Where the examples come from: files of pictures, or pixels that are already decoded.

use std::path::{Path, PathBuf};

use anyhow::bail;
use mlp_data::arrays::{ArrayOptions, LabeledArrays, LabeledPixels, listed_files};
use mlp_data::picture::{GrayPicture, LabeledFiles};
use mlp_data::unpack::{parquet_files, unpack};

use crate::output::table::counted;

const EXPECTED_CLASSES: &str = "at least two classes";

/// Labeled examples, as they are found.
pub(super) struct Source {
    pub(super) class_names: Vec<String>,
    pub(super) train: Examples,
    pub(super) validation: Option<Examples>,
    pub(super) test: Option<Examples>,
    /// What to expect instead of a single class.
    pub(super) expected_classes: &'static str,
    /// One line for each assumption, and for the files left out.
    pub(super) notes: Vec<String>,
}

/// The examples of one part of a source.
pub(super) enum Examples {
    /// Files with labels, and the directory in which they were found.
    Files(PathBuf, Vec<(PathBuf, u8)>),
    Pixels(LabeledPixels),
}

impl Source {
    /// Finds the examples in a directory or a file. Unpacks archives and Parquet files to
    /// `workshop`, which must not exist yet.
    pub(super) fn open(place: &Path, workshop: &Path, options: &ArrayOptions) -> anyhow::Result<Self> {
        let unpacked = unpack(place, workshop)?;
        let place = if unpacked.is_some() { workshop } else { place };
        let mut source = Self::find(place, workshop, options)?;
        source.notes.splice(0..0, unpacked.into_iter().flatten());
        Ok(source)
    }

    fn find(place: &Path, workshop: &Path, options: &ArrayOptions) -> anyhow::Result<Self> {
        let parquet = parquet_files(place, workshop)?;
        let listed = match parquet {
            Some(_) => None,
            None => listed_files(place, options.label_column.as_deref())?,
        };
        let is_list = listed.is_some();
        let found = parquet.or(listed);
        if found.is_none()
            && let Some(arrays) = LabeledArrays::open(place, options)?
        {
            let LabeledArrays { class_names, train, validation, test, notes } = arrays;
            let (validation, test) = (validation.map(Examples::Pixels), test.map(Examples::Pixels));
            let (train, expected_classes) = (Examples::Pixels(train), EXPECTED_CLASSES);
            return Ok(Self { class_names, train, validation, test, expected_classes, notes });
        }
        let given = [
            ("--label-column", options.label_column.is_some() && !is_list),
            ("--max-value", options.max_value.is_some()),
            ("--transpose or --no-transpose", options.transpose.is_some()),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given) {
            bail!("{} has pictures; {flag} is only for tables and arrays of pixels", place.display());
        }
        let LabeledFiles { class_names, train, validation, test, strays, left_out, mut notes } =
            found.map_or_else(|| LabeledFiles::find(place), Ok)?;
        if strays > 0 {
            notes.push(format!("skipped {} outside of class directories", pictures(strays)));
        }
        if !left_out.is_empty() {
            notes.push(format!("left out: {left_out}"));
        }
        let root = if place.is_file() { place.parent().unwrap_or(place) } else { place };
        let files = |files| Examples::Files(root.to_owned(), files);
        let (validation, test) = (validation.map(files), test.map(files));
        let expected_classes =
            if is_list { EXPECTED_CLASSES } else { "a directory for each of at least two classes" };
        Ok(Self { class_names, train: files(train), validation, test, expected_classes, notes })
    }

    /// The parts that there are.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Examples> {
        [Some(&self.train), self.validation.as_ref(), self.test.as_ref()].into_iter().flatten()
    }
}

impl Examples {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Files(_, files) => files.len(),
            Self::Pixels(pixels) => pixels.len(),
        }
    }

    pub(super) fn label(&self, index: usize) -> u8 {
        match self {
            Self::Files(_, files) => files[index].1,
            Self::Pixels(pixels) => pixels.labels()[index],
        }
    }

    /// The name of an example in messages.
    pub(super) fn name(&self, index: usize) -> String {
        match self {
            Self::Files(root, files) => {
                let path = &files[index].0;
                path.strip_prefix(root).unwrap_or(path).display().to_string()
            }
            Self::Pixels(pixels) => pixels.name(index),
        }
    }

    /// Reads an example.
    pub(super) fn picture(&self, index: usize) -> Result<GrayPicture, mlp_data::Error> {
        match self {
            Self::Files(_, files) => GrayPicture::read(&files[index].0),
            Self::Pixels(pixels) => {
                let shape = pixels.shape();
                GrayPicture::new(shape.width, shape.height, pixels.image(index).to_vec())
            }
        }
    }

    /// Columns and rows of an example.
    pub(super) fn size(&self, index: usize) -> Result<(usize, usize), mlp_data::Error> {
        match self {
            Self::Files(_, files) => GrayPicture::size_of(&files[index].0),
            Self::Pixels(pixels) => Ok((pixels.shape().width, pixels.shape().height)),
        }
    }
}

/// `1 picture`, `2 pictures`.
pub(super) fn pictures(count: usize) -> String {
    counted(count, "picture")
}
