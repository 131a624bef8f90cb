//! The shape of images in an array: rows of pixels, planes, or colors, which become gray.

use super::levels::to_bytes;
use super::stored::{Numbers, Stored, refused};
use crate::{Error, ImageShape};

/// The maximum number of pixels in an image.
const MAX_PIXELS: usize = 1 << 20;

/// How the numbers of an example are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: ImageShape,
    colors: Colors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colors {
    Gray,
    /// Red, green and blue of each pixel.
    Interleaved,
    /// All of red, then green, then blue.
    Planes,
}

impl Layout {
    /// Decides the arrangement by the dimensions of an array. `given` is the shape of a row that is
    /// not square.
    pub(super) fn of(stored: &Stored, given: Option<ImageShape>) -> Result<Self, Error> {
        let gray = |height, width| (ImageShape { height, width }, Colors::Gray);
        let (shape, colors) = match stored.shape.get(1..).unwrap_or_default()[..] {
            [pixels] => (row_shape(&stored.place, pixels, given)?, Colors::Gray),
            // A row, as in (60000, 784, 1), unless it cannot be one.
            [height @ 1, width] | [height, width @ 1] | [1, height @ 1, width] | [height, width @ 1, 1] => {
                match row_shape(&stored.place, height * width, given) {
                    Ok(shape) => (shape, Colors::Gray),
                    Err(_) => gray(height, width),
                }
            }
            [height, width] | [height, width, 1] | [1, height, width] => gray(height, width),
            [height, width, 3] => (ImageShape { height, width }, Colors::Interleaved),
            [3, height, width] => (ImageShape { height, width }, Colors::Planes),
            _ => {
                let problem = format!(
                    "an array of shape {:?}; expected (images, height, width), (images, pixels), or colors \
                     (images, height, width, 3)",
                    stored.shape
                );
                return Err(refused(&stored.place, problem));
            }
        };
        let pixels = shape.height.saturating_mul(shape.width);
        if !(1..=MAX_PIXELS).contains(&pixels) {
            let problem = format!("images of {shape}; expected 1 to {MAX_PIXELS} pixels");
            return Err(refused(&stored.place, problem));
        }
        Ok(Self { shape, colors })
    }

    /// Reports the conversions that a user may not expect.
    pub(super) fn notes(self, stored: &Stored) -> Vec<String> {
        let mut notes = Vec::new();
        let ImageShape { height, width } = self.shape;
        if !stored.shape.windows(2).any(|sides| sides == [height, width]) {
            notes.push(format!("{} pixels in a row: images of {}", self.shape.pixels(), self.shape));
        }
        if self.colors != Colors::Gray {
            notes.push(format!("{}: colors are converted to gray", stored.place));
        }
        notes
    }

    /// Converts the numbers to gray bytes, (images, height, width).
    pub(super) fn images(self, stored: &mut Stored, white: f64, transpose: bool) -> (ImageShape, Vec<u8>) {
        let numbers = std::mem::replace(&mut stored.numbers, Numbers::Bytes(Vec::new()));
        let bytes = to_bytes(numbers, white);
        let pixels = self.shape.pixels();
        let mut bytes = match self.colors {
            Colors::Gray => bytes,
            Colors::Interleaved => bytes.as_chunks().0.iter().map(|&rgb| luminance(rgb)).collect(),
            Colors::Planes => {
                let images = bytes.chunks_exact(3 * pixels);
                let gray = |image: &[u8]| -> Vec<u8> {
                    let at = |i| luminance([image[i], image[i + pixels], image[i + 2 * pixels]]);
                    (0..pixels).map(at).collect()
                };
                images.flat_map(gray).collect()
            }
        };
        if !transpose {
            return (self.shape, bytes);
        }
        self.shape.transpose_all(&mut bytes);
        (ImageShape { height: self.shape.width, width: self.shape.height }, bytes)
    }
}

/// The shape of a row of pixels: given, or square.
fn row_shape(place: &str, pixels: usize, given: Option<ImageShape>) -> Result<ImageShape, Error> {
    if let Some(shape) = given.filter(|shape| shape.pixels() == pixels) {
        return Ok(shape);
    }
    let side = pixels.isqrt();
    if side * side == pixels {
        return Ok(ImageShape { height: side, width: side });
    }
    let third = (pixels / 3).isqrt();
    let colors = match pixels == 3 * third * third && third > 0 {
        true => format!(" ({third}x{third} in three colors? Convert them to gray)"),
        false => String::new(),
    };
    let problem = format!(
        "{pixels} pixels in a row, which is not a square{colors}; expected a number such as 784 (28x28), or the \
         height and width with --size"
    );
    Err(refused(place, problem))
}

/// The luminance of a color, as for pictures.
fn luminance([red, green, blue]: [u8; 3]) -> u8 {
    ((2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue)) / 10_000) as u8
}

#[cfg(test)]
mod tests {
    use super::super::stored::Labels;
    use super::*;

    fn stored(shape: &[usize]) -> Stored {
        let count = shape.iter().product();
        let numbers = Numbers::Bytes((0..count).map(|i: usize| (i % 256) as u8).collect());
        Stored { place: "t".into(), shape: shape.to_vec(), numbers, labels: Labels::default(), lines: None }
    }

    fn images(shape: &[usize], given: Option<ImageShape>) -> Result<(String, Vec<u8>), String> {
        let mut stored = stored(shape);
        let layout = Layout::of(&stored, given).map_err(|error| error.to_string())?;
        let (shape, bytes) = layout.images(&mut stored, 255.0, false);
        Ok((shape.to_string(), bytes))
    }

    #[test]
    fn gray_images_come_in_many_shapes() {
        let expected: Vec<u8> = (0..18).collect();
        for (shape, size) in [
            (&[2, 9][..], "3x3"),
            (&[2, 9, 1], "3x3"),
            (&[2, 3, 3], "3x3"),
            (&[2, 3, 3, 1], "3x3"),
            (&[2, 1, 3, 3], "3x3"),
            (&[3, 2, 3], "2x3"),
            (&[3, 1, 3, 2], "3x2"),
        ] {
            assert_eq!(images(shape, None), Ok((size.to_owned(), expected.clone())), "{shape:?}");
        }
        let given = Some(ImageShape { height: 2, width: 3 });
        assert_eq!(images(&[3, 6], given).unwrap().0, "2x3");
        // Given the size of the result, a square row stays one.
        assert_eq!(images(&[2, 9], given).unwrap().0, "3x3");
    }

    #[test]
    fn colors_become_gray() {
        let (size, interleaved) = images(&[1, 2, 2, 3], None).unwrap();
        assert_eq!(
            (&size[..], &interleaved[..]),
            ("2x2", &[0, 3, 6, 9].map(|red| luminance([red, red + 1, red + 2]))[..])
        );
        let (size, planes) = images(&[1, 3, 2, 2], None).unwrap();
        assert_eq!(
            (&size[..], &planes[..]),
            ("2x2", &[0, 1, 2, 3].map(|red| luminance([red, red + 4, red + 8]))[..])
        );
        assert_eq!(luminance([255; 3]), 255);
    }

    #[test]
    fn other_shapes_are_refused() {
        for (shape, said) in [
            (&[2, 10][..], "10 pixels in a row, which is not a square; expected"),
            (&[2, 27], "(3x3 in three colors? Convert them to gray)"),
            (&[2, 2, 2, 4], "an array of shape [2, 2, 2, 4]"),
            (&[2], "an array of shape [2]"),
            (&[1, 2, 2, 2, 2], "an array of shape"),
            (&[1, 0], "images of 0x0"),
        ] {
            assert!(images(shape, None).unwrap_err().contains(said), "{shape:?}");
        }
    }

    #[test]
    fn transposing_swaps_rows_and_columns() {
        let mut stored = stored(&[2, 2, 3]);
        let layout = Layout::of(&stored, None).unwrap();
        let (shape, bytes) = layout.images(&mut stored, 255.0, true);
        assert_eq!(shape, ImageShape { height: 3, width: 2 });
        assert_eq!(bytes, [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
    }
}
