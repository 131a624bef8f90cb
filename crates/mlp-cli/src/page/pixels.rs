//! Pictures made of pixels, as addresses that hold the picture itself. Their grounds are transparent, so that they can be seen on a light page and on
//! a dark one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use resvg::tiny_skia::{ColorU8, Pixmap, PremultipliedColorU8};

/// Ink between black and white: both grounds leave it visible.
const POSITIVE: [u8; 3] = [0xd9, 0x63, 0x1e];
const NEGATIVE: [u8; 3] = [0x2f, 0x7f, 0xd0];

/// Numbers in two colours, orange above 0 and blue below, the stronger the further from it; `most` and beyond are full. Rows of `width`.
///
/// # Panics
/// If there are no numbers, or they do not make up whole rows.
#[track_caller]
pub(crate) fn signed(values: &[f64], width: usize, most: f64) -> String {
    address(width, values.iter().map(|&value| {
        // As an integer what is no number, as 0/0, is 0, and what is more than full is full.
        let alpha = (value.abs() / most * 255.0).round() as u8;
        let [r, g, b] = if value < 0.0 { NEGATIVE } else { POSITIVE };
        ColorU8::from_rgba(r, g, b, alpha).premultiply()
    }))
}

/// A grey image, black ink on white as on paper.
///
/// # Panics
/// As [`signed`].
#[track_caller]
pub(crate) fn grey(pixels: &[u8], width: usize) -> String {
    address(width, pixels.iter().map(|&ink| {
        let grey = 255 - ink;
        ColorU8::from_rgba(grey, grey, grey, 255).premultiply()
    }))
}

#[track_caller]
fn address(width: usize, colours: impl ExactSizeIterator<Item = PremultipliedColorU8>) -> String {
    let count = colours.len();
    assert!(width > 0 && count > 0 && count.is_multiple_of(width), "{count} pixels are not whole rows of {width}");
    let side = |pixels: usize| u32::try_from(pixels).expect("an image that fits into memory");
    let mut pixmap = Pixmap::new(side(width), side(count / width)).expect("an image of pixels");
    for (pixel, colour) in pixmap.pixels_mut().iter_mut().zip(colours) {
        *pixel = colour;
    }
    let png = pixmap.encode_png().expect("an image is encoded in memory");
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(address: &str) -> Pixmap {
        let text = address.strip_prefix("data:image/png;base64,").unwrap();
        Pixmap::decode_png(&STANDARD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn numbers_are_orange_above_zero_blue_below_and_nothing_at_it() {
        let picture = decode(&signed(&[1.0, -2.0, 0.0, f64::NAN], 2, 1.0));
        let colour = |x, y| picture.pixel(x, y).unwrap().demultiply();
        let rgba = |c: ColorU8| (c.red(), c.green(), c.blue(), c.alpha());
        assert_eq!((picture.width(), picture.height()), (2, 2));
        assert_eq!(rgba(colour(0, 0)), (0xd9, 0x63, 0x1e, 255));
        assert_eq!(rgba(colour(1, 0)), (0x2f, 0x7f, 0xd0, 255));
        assert_eq!([colour(0, 1).alpha(), colour(1, 1).alpha()], [0, 0]);
    }

    #[test]
    fn ink_is_black_on_white() {
        let picture = decode(&grey(&[0, 255, 100], 3));
        let red = |x| picture.pixel(x, 0).unwrap().red();
        assert_eq!([red(0), red(1), red(2)], [255, 0, 155]);
    }

    #[test]
    #[should_panic(expected = "3 pixels are not whole rows of 2")]
    fn pixels_that_do_not_fill_their_rows_are_a_mistake_of_the_caller() {
        grey(&[0; 3], 2);
    }
}
