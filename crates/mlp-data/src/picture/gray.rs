//! Grayscale pictures, and the images of a dataset made from them.

use crate::Error;
use crate::named::named;

/// A grayscale picture: 0 is black, 255 white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayPicture {
    width: usize,
    height: usize,
    pixels: Vec<u8>, // (height, width), row-major
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
        Ok(Self { width, height, pixels })
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
}

/// The ink is lighter or darker than the ground.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Detected: most of the border and of the area is ground.
    #[default]
    Auto,
    /// Light ink on a dark ground, as in MNIST.
    LightOnDark,
    /// Dark ink on a light ground, as on paper, which is inverted.
    DarkOnLight,
}

named!(
    Polarity, "polarity", Auto => "auto", LightOnDark => "light-on-dark", DarkOnLight => "dark-on-light"
);

/// A picture preprocessed into an image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preprocessed {
    /// The pixels (height, width) of the image: 0 is ground, 255 ink.
    pub pixels: Vec<u8>,
    /// True if the picture was inverted.
    pub was_inverted: bool,
    /// True if the picture has no ink.
    pub is_blank: bool,
}
