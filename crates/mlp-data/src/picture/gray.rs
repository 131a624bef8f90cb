//! A picture in shades of gray, and the image of a dataset that it becomes.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A picture in shades of gray: 0 is black, 255 white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayPicture {
    width: usize,
    height: usize,
    pixels: Vec<u8>, // (height, width), row-major
}

impl GrayPicture {
    /// A picture of pixels, row by row from the top.
    ///
    /// # Errors
    /// [`Error::PictureSize`] if there is not a pixel for each place, or no place at all.
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

/// Which of ink and ground is the lighter one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Found out from the picture: the ground is what most of its border and of its area is.
    #[default]
    Auto,
    /// Light ink on a dark ground, as in MNIST.
    LightOnDark,
    /// Dark ink on a light ground, as on paper: inverted.
    DarkOnLight,
}

impl Polarity {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Auto, Self::LightOnDark, Self::DarkOnLight];

    /// Its name in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::LightOnDark => "light-on-dark",
            Self::DarkOnLight => "dark-on-light",
        }
    }
}

impl fmt::Display for Polarity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Polarity {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownPolarity`].
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| Error::UnknownPolarity { name: name.to_owned() })
    }
}

/// A picture as an image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preprocessed {
    /// The image's pixels (height, width) in the shape that was asked for: 0 is ground, 255 ink.
    pub pixels: Vec<u8>,
    /// Whether light and dark were exchanged.
    pub was_inverted: bool,
    /// Whether there is nothing on the picture: then the pixels say nothing, either.
    pub is_blank: bool,
}
