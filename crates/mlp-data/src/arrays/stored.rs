//! A part of a dataset as stored in a file, before its numbers are interpreted.

use std::collections::HashMap;
use std::path::Path;

use crate::Error;

/// The maximum number of classes.
pub(super) const MAX_CLASSES: usize = 256;

/// The maximum length of a class name in bytes.
const MAX_NAME: usize = 200;

/// Images and labels.
pub(super) struct Stored {
    /// The file and array of the images, for messages.
    pub(super) place: String,
    /// Dimensions: the examples, and those of an image.
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
    pub(super) labels: Labels,
    /// The line of each example, if it is a row of a table.
    pub(super) lines: Option<Vec<u32>>,
}

/// Pixels: finite and not negative.
#[derive(Debug, PartialEq)]
pub(super) enum Numbers {
    Bytes(Vec<u8>),
    Reals(Vec<f32>),
}

/// Labels as texts, each different text stored once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Labels {
    pub(super) texts: Vec<String>,
    pub(super) ids: Vec<u8>, // in `texts`
    known: HashMap<String, u8>,
}

/// The name of an example in messages: `train.csv, line 17`, or `mnist.npz, x_train[17]`.
pub(super) fn name(place: &str, lines: Option<&[u32]>, index: usize) -> String {
    match lines.and_then(|lines| lines.get(index)) {
        Some(line) => format!("{place}, line {line}"),
        None => format!("{place}[{index}]"),
    }
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Reals(values) => values.len(),
        }
    }

    /// Adds a pixel, or returns why the number cannot be one.
    pub(super) fn push(&mut self, value: f64) -> Result<(), String> {
        check(value)?;
        let byte = value as u8; // saturates
        match self {
            Self::Bytes(values) if f64::from(byte) == value => values.push(byte),
            Self::Bytes(values) => {
                let mut reals: Vec<f32> = values.iter().map(|&value| f32::from(value)).collect();
                reals.push(value as f32);
                *self = Self::Reals(reals);
            }
            Self::Reals(values) => values.push(value as f32),
        }
        Ok(())
    }
}

/// Refuses numbers that cannot be pixels.
pub(super) fn check(value: f64) -> Result<(), String> {
    if value.is_nan() {
        return Err("a pixel is missing (NaN)".to_owned());
    }
    if value < 0.0 {
        return Err(format!(
            "a pixel is {value}, which is negative; expected 0 to 255, or 0 to 1; undo the standardization"
        ));
    }
    // Larger numbers would become infinite in single precision.
    if value > 1e30 {
        return Err(format!("a pixel is {value:e}; expected 0 to 255, or 0 to 1"));
    }
    Ok(())
}

impl Labels {
    /// Adds a label, or refuses it, with the reason.
    pub(super) fn push(&mut self, text: &str) -> Result<(), String> {
        if let Some(&id) = self.known.get(text) {
            self.ids.push(id);
            return Ok(());
        }
        if text.is_empty() || text.eq_ignore_ascii_case("nan") {
            return Err("the label is missing".to_owned());
        }
        if text.len() > MAX_NAME || text.contains(char::is_control) {
            return Err(format!("a label is not 1 to {MAX_NAME} bytes of text in one line"));
        }
        let Ok(id) = u8::try_from(self.texts.len()) else {
            return Err(format!("more than {MAX_CLASSES} different labels; is it really the label column?"));
        };
        self.texts.push(text.to_owned());
        self.known.insert(text.to_owned(), id);
        self.ids.push(id);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

/// An error about a file, or an example in it.
pub(super) fn refused(place: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Arrays { place: place.into(), problem: problem.into() }
}

/// A path in messages.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
