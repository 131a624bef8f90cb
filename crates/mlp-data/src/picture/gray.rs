//! Grayscale pictures, and the images of a dataset made from them.

use super::Doubt;
use crate::{Error, Polarity};

/// A grayscale picture: 0 is black, 255 white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayPicture {
    width: usize,
    height: usize,
    pixels: Vec<u8>, // (height, width), row-major
    /// The polarity that is certain, because the ground was transparent.
    pub(super) polarity: Option<Polarity>,
    pub(super) is_first: bool,
}

impl GrayPicture {
    /// Creates a picture from its pixels (height, width), row by row from the top.
    ///
    /// # Errors
    /// [`Error::PictureSize`] if the number of pixels is not `width * height`, or zero.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        if pixels.is_empty() || width.checked_mul(height) != Some(pixels.len()) {
            return Err(Error::PictureSize { pixels: pixels.len(), width, height });
        }
        Ok(Self { width, height, pixels, polarity: None, is_first: false })
    }

    /// Columns, at least one.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, at least one.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels (height, width), row by row from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Cuts out the columns from `left` to `right`.
    ///
    /// # Panics
    /// If there is no column between them.
    #[track_caller]
    pub(super) fn columns(&self, left: usize, right: usize) -> Self {
        assert!(left < right && right <= self.width, "columns {left} to {right} of {}", self.width);
        let rows = self.pixels.chunks_exact(self.width);
        let pixels = rows.flat_map(|row| &row[left..right]).copied().collect();
        Self { width: right - left, pixels, ..*self }
    }

    /// Returns true if its file has more frames or pages, which are ignored.
    pub fn is_first_of_several(&self) -> bool {
        self.is_first
    }
}

/// A picture preprocessed into an image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preprocessed {
    /// The pixels (height, width) of the image: 0 is ground, 255 ink.
    pub pixels: Vec<u8>,
    /// True if the picture was inverted.
    pub was_inverted: bool,
    /// True if the picture has no ink.
    pub is_blank: bool,
    /// True if the ground looks lighter than the ink, regardless of the given polarity.
    pub looks_light: bool,
    /// Number of figures side by side, 0 if blank. [`Preprocessing::Whole`](crate::Preprocessing)
    /// does not look for them and reports 1.
    pub figures: usize,
    /// Reasons to check the result, in order. Only
    /// [`Preprocessing::Digit`](crate::Preprocessing) finds them.
    pub doubts: Vec<Doubt>,
}
