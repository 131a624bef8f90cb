//! Pixel images of digits and weights. SVGs embed them as PNGs with a palette, which keeps a plot
//! of thousands of hidden units small.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Color steps on either side of zero: more than the eye can distinguish, but few enough to
/// compress well.
const STEPS: i32 = 24;

/// An image with a palette.
#[derive(Debug, Clone)]
pub(crate) struct Raster {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<u8>,       // (height, width), palette indices
    palette: Vec<[u8; 4]>, // red, green, blue, opacity
}

impl Raster {
    /// A grayscale image; 0 is black.
    pub(crate) fn gray(width: usize, pixels: &[u8]) -> Self {
        let palette = (0..=255).map(|level| [level, level, level, 255]).collect();
        Self { width, height: pixels.len() / width.max(1), pixels: pixels.to_vec(), palette }
    }

    /// An image of numbers from -`limit` to `limit`. Negative numbers are blue and positive ones
    /// orange; the opacity grows with the magnitude, so zero and NaN show the background.
    pub(crate) fn signed(width: usize, values: &[f64], limit: f64) -> Self {
        let step = |value: f64| {
            let share = if limit > 0.0 && !value.is_nan() { (value / limit).clamp(-1.0, 1.0) } else { 0.0 };
            // 0 for -limit, 2·STEPS for limit.
            ((share * f64::from(STEPS)).round() as i32 + STEPS) as u8
        };
        let color = |step: i32| {
            let [r, g, b] = if step < 0 { [0x2b, 0x83, 0xd6] } else { [0xe0, 0x6a, 0x14] };
            [r, g, b, (255 * step.abs() / STEPS) as u8]
        };
        let palette = (-STEPS..=STEPS).map(color).collect();
        let pixels: Vec<u8> = values.iter().copied().map(step).collect();
        Self { width, height: pixels.len() / width.max(1), pixels, palette }
    }

    /// Arranges images of equal size in a grid with transparent gaps.
    pub(crate) fn grid(images: &[Self], columns: usize, gap: usize) -> Self {
        let Some(first) = images.first() else { return Self::signed(1, &[0.0], 1.0) };
        let (rows, clear) = (images.len().div_ceil(columns), STEPS as u8);
        let width = columns * (first.width + gap) - gap;
        let height = rows * (first.height + gap) - gap;
        let mut pixels = vec![clear; width * height];
        for (number, image) in images.iter().enumerate() {
            let left = number % columns * (first.width + gap);
            let top = number / columns * (first.height + gap);
            for (y, row) in image.pixels.chunks(image.width).enumerate() {
                pixels[(top + y) * width + left..][..image.width].copy_from_slice(row);
            }
        }
        Self { width, height, pixels, palette: first.palette.clone() }
    }

    /// Encodes the image as a PNG file.
    pub(crate) fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(self.palette.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect::<Vec<u8>>());
        encoder.set_trns(self.palette.iter().map(|color| color[3]).collect::<Vec<u8>>());
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.pixels));
        written.expect("writing to memory cannot fail");
        bytes
    }

    /// Returns a data URI of the PNG.
    pub(crate) fn to_uri(&self) -> String {
        format!("data:image/png;base64,{}", STANDARD.encode(self.to_png()))
    }
}

#[cfg(test)]
mod tests {
    use tiny_skia::Pixmap;

    use super::*;

    fn opacity(raster: &Raster) -> Vec<u8> {
        Pixmap::decode_png(&raster.to_png()).unwrap().pixels().iter().map(|pixel| pixel.alpha()).collect()
    }

    #[test]
    fn zero_is_transparent_and_the_limit_is_opaque() {
        let values = [-2.0, -1.0, 0.0, 0.5, 1.0, f64::NAN];
        let raster = Raster::signed(3, &values, 1.0);
        assert_eq!((raster.width, raster.height), (3, 2));
        assert_eq!(opacity(&raster), [255, 255, 0, 127, 255, 0]);
        assert_eq!(opacity(&Raster::signed(2, &[0.0, 0.0], 0.0)), [0, 0]);
    }

    #[test]
    fn a_grid_has_gaps_between_images() {
        let image = Raster::signed(1, &[1.0, 1.0], 1.0);
        let grid = Raster::grid(&[image.clone(), image.clone(), image], 2, 1);
        assert_eq!((grid.width, grid.height), (3, 5));
        let expected = [[255, 0, 255], [255, 0, 255], [0, 0, 0], [255, 0, 0], [255, 0, 0]];
        assert_eq!(opacity(&grid), expected.concat());
    }

    #[test]
    fn gray_levels_are_kept() {
        let png = Raster::gray(2, &[0, 100, 200, 255]).to_png();
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!(pixels.pixels().iter().map(|pixel| pixel.red()).collect::<Vec<_>>(), [0, 100, 200, 255]);
    }
}
