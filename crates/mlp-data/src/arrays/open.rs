//! Opens a dataset of tables or arrays: finds the files that belong together, and decides what
//! their numbers mean, once for all parts.

use std::path::{Path, PathBuf};

use super::columns::Columns;
use super::csv;
use super::directory::{Found, beside, find, read_pairs};
use super::files::{Input, Kind};
use super::images::Layout;
use super::labels::Classes;
use super::levels::white;
use super::numpy::{Details, Parts};
use super::stored::{Stored, name, refused, shown};
use crate::parts::Part;
use crate::{Error, ImageShape};

/// What to assume that a table or an array does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArrayOptions {
    /// The shape of a row of pixels that is not square.
    pub shape: Option<ImageShape>,
    /// The name or the number of the label column, from 0, or from the end if negative.
    pub label_column: Option<String>,
    /// The value of white.
    pub max_value: Option<f64>,
    /// Transpose the images; `None` if file names decide.
    pub transpose: Option<bool>,
}

/// A dataset of tables or arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct LabeledArrays {
    /// The names of the classes: the labels that occur.
    pub class_names: Vec<String>,
    /// The training part, or all examples if there are no parts.
    pub train: LabeledPixels,
    /// The validation part, if there is one.
    pub validation: Option<LabeledPixels>,
    /// The test part, if there is one.
    pub test: Option<LabeledPixels>,
    /// How the files were interpreted, one line each.
    pub notes: Vec<String>,
}

/// Labeled gray images of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct LabeledPixels {
    place: String,
    lines: Option<Vec<u32>>,
    shape: ImageShape,
    pixels: Vec<u8>, // (images, height, width)
    labels: Vec<u8>,
}

impl LabeledArrays {
    /// Reads a CSV table, an .npz archive, or a directory of these, of .npy or of IDX files.
    /// Returns `None` if there is nothing, or a directory without such files or with pictures.
    ///
    /// # Errors
    /// [`Error::Arrays`] if the files are not a dataset, or it is unclear how to read them;
    /// [`Error::Io`], or an error of [`idx`](crate::idx).
    pub fn open(path: &Path, options: &ArrayOptions) -> Result<Option<Self>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let parts = if path.is_dir() {
            match find(path)? {
                Found::Nothing => return Ok(None),
                Found::Tables(files, details) => tables(&files, options, details)?,
                Found::Archive(file, details) => Parts::of_npz(&file, details)?,
                Found::Pairs(pairs, details) => read_pairs(&pairs, details)?,
            }
        } else {
            let details = beside(path)?;
            match Input::open(path)?.kind {
                Kind::Table => tables(&[(Part::Train, path.to_owned())], options, details)?,
                Kind::Npz => Parts::of_npz(path, details)?,
                Kind::Npy | Kind::Idx => {
                    let problem =
                        "it holds one array; give the directory with the arrays of images and labels";
                    return Err(refused(shown(path), problem));
                }
            }
        };
        decide(parts, options).map(Some)
    }
}

impl LabeledPixels {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns true if there are no examples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height and width of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The pixels of an image, row-major.
    ///
    /// # Panics
    /// If there is no such image.
    #[track_caller]
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.shape.pixels()..][..self.shape.pixels()]
    }

    /// The labels, in order.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The name of an example in messages: `train.csv, line 17`.
    pub fn name(&self, index: usize) -> String {
        name(&self.place, self.lines.as_deref(), index)
    }
}

/// Reads tables that belong together, the one of the training part first.
fn tables(files: &[(Part, PathBuf)], options: &ArrayOptions, mut details: Details) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    let mut first: Option<Columns> = None;
    for (part, path) in files {
        // Where the columns are the same, so is the label: a small part may not show it.
        let found = match &first {
            Some(first) if first.is_like(path)? => Columns { notes: Vec::new(), ..first.clone() },
            _ => Columns::of(path, options.label_column.as_deref(), options.shape)?,
        };
        let Some(label) = found.label else {
            if first.is_some() {
                details.notes.push(format!("left out: {}, which has no labels", shown(path)));
                continue;
            }
            let problem = format!(
                "found {} columns of pixels and no label column: a test set without labels, as from Kaggle; give \
                 the table with labels, or --label-column; a part of it is held out for testing",
                found.pixels.len()
            );
            return Err(refused(shown(path), problem));
        };
        details.notes.extend(found.notes.iter().cloned());
        parts.push((*part, csv::read(path, &found, label)?));
        first.get_or_insert(found);
    }
    Ok(Parts { parts, details })
}

/// Decides for all parts what their numbers mean.
fn decide(set: Parts, options: &ArrayOptions) -> Result<LabeledArrays, Error> {
    let Parts { parts, details: Details { names, mut notes, is_emnist } } = set;
    let (kinds, mut parts): (Vec<Part>, Vec<Stored>) = parts.into_iter().unzip();
    let all: Vec<&Stored> = parts.iter().collect();
    let layouts = all.iter().map(|part| Layout::of(part, options.shape)).collect::<Result<Vec<_>, _>>()?;
    for (layout, part) in layouts.iter().zip(&all) {
        if layout.shape != layouts[0].shape {
            let problem =
                format!("images of {}; expected {}, as in {}", layout.shape, layouts[0].shape, all[0].place);
            return Err(refused(&part.place, problem));
        }
    }
    notes.extend(layouts[0].notes(all[0]));
    let (white, scaled) = white(&all, options.max_value)?;
    notes.extend(scaled);
    let classes = Classes::of(&all, names.as_ref())?;
    notes.extend(classes.notes);
    let transpose = options.transpose.unwrap_or(is_emnist);
    if is_emnist && options.transpose.is_none() {
        notes.push(
            "EMNIST, judging by its name: images are transposed (--no-transpose keeps them)".to_owned(),
        );
    }
    let mut sets = Vec::new();
    for ((part, layout), labels) in parts.iter_mut().zip(layouts).zip(classes.labels) {
        let (shape, pixels) = layout.images(part, white, transpose);
        let (place, lines) = (part.place.clone(), part.lines.take());
        sets.push(Some(LabeledPixels { place, lines, shape, pixels, labels }));
    }
    let mut take = |kind| kinds.iter().position(|known| *known == kind).and_then(|i| sets[i].take());
    let train = take(Part::Train).ok_or_else(|| refused("", "no training part"))?;
    let (validation, test) = (take(Part::Validation), take(Part::Test));
    Ok(LabeledArrays { class_names: classes.names, train, validation, test, notes })
}
