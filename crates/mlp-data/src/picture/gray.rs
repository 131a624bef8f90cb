//! A picture in shades of gray, and the image of a dataset that it becomes.

use crate::Error;
use crate::named::named;

/// A picture in shades of gray: 0 is black, 255 white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayPicture {
    width: usize,
    height: usize,
    pixels: Vec<u8>, // (height, width), row-major
}

impl GrayPicture {
    /// Creates a picture from its pixels, row by row from the top.
    ///
    /// # Errors
    /// [`Error::PictureSize`] if the number of pixels is not `width * height`, or zero.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        if pixels.is_empty() || width.checked_mul(height) != Some(pixels.len()) {
            return Err(Error::PictureSize { pixels: pixels.len(), width, height });
        }
        Ok(Self { width, height, pixels })
    }

    /// Columns; at least one.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows; at least one.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels (height, width), row by row from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// Which of ink and ground is lighter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Detected: the ground is what most of the border and of the area is.
    #[default]
    Auto,
    /// Light ink on a dark ground, as in MNIST.
    LightOnDark,
    /// Dark ink on a light ground, as on paper: inverted.
    DarkOnLight,
}

named!(
    Polarity, "polarity", Auto => "auto", LightOnDark => "light-on-dark", DarkOnLight => "dark-on-light"
);

/// A picture that has become an image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preprocessed {
    /// The pixels (height, width) of the image: 0 is ground, 255 ink.
    pub pixels: Vec<u8>,
    /// Whether light and dark were exchanged.
    pub was_inverted: bool,
    /// Whether there is nothing on the picture.
    pub is_blank: bool,
}
