//! Resampling: reads an image at displaced positions, with bilinear interpolation.

use super::distortion::Affine;
use super::field::Field;
use crate::ImageShape;

/// Interpolated pixels below this are background. They are mostly the blurred edges of strokes, and
/// zeros keep CSR rows short.
const MIN_PIXEL: u16 = 16;

/// Maximum height and width of an image, because a position has 23 bits: 256 steps per pixel.
pub(super) const MAX_SIDE: usize = (1 << 15) - 2;

/// Buffers for resampling images of one shape.
#[derive(Clone)]
pub(super) struct Warp {
    shape: ImageShape,
    /// For each position between pixels, and beyond the borders, the four pixels around it as bytes
    /// (upper left, upper right, lower left, lower right): (height + 2, stride). Pixels outside the
    /// image are 0.
    around: Vec<u32>,
    stride_bits: u32,     // the stride is a power of two, at least width + 2
    pairs: [Vec<u32>; 2], // left and right pixel of each position, in the rows above and below (stride)
    // Of one row, all (width):
    columns: Vec<f32>,        // 0, 1, …
    positions: [Vec<u32>; 2], // x and y of each pixel in the original, in steps
    weights: [Vec<u16>; 2],   // their fractions, in steps
    pixels: [Vec<u16>; 2],    // the pixels above and below, each left and right
}

impl Warp {
    pub(super) fn new(shape: ImageShape) -> Self {
        let (height, width) = (shape.height, shape.width);
        let stride = (width + 2).next_power_of_two();
        let pairs = || vec![0; stride];
        Self {
            shape,
            around: vec![0; (height + 2) * stride],
            pairs: [pairs(), pairs()],
            columns: (0..width).map(|x| x as f32).collect(),
            positions: [vec![0; width], vec![0; width]],
            weights: [vec![0; width], vec![0; width]],
            pixels: [vec![0; width], vec![0; width]],
            stride_bits: stride.trailing_zeros(),
        }
    }

    /// Writes the image whose pixels are those of `image` at the mapped and displaced positions.
    pub(super) fn apply(&mut self, image: &[u8], map: &Affine, field: &Field, out: &mut [u8]) {
        self.look_around(image);
        let last = [self.shape.width, self.shape.height].map(|len| (len + 1) as f32);
        for (y, out) in out.chunks_exact_mut(self.shape.width).enumerate() {
            let row = field.row(y);
            for (axis, positions) in self.positions.iter_mut().enumerate() {
                let [step, down] = map.rows[axis];
                // Positions count from the border that is added.
                let (start, step) = ((down * y as f64 + map.offset[axis] + 1.0) as f32, step as f32);
                let ([w0, w1, w2, w3], [r0, r1, r2, r3]) = (row.weights, row.rows[axis]);
                let rows = r0.iter().zip(r1).zip(r2.iter().zip(r3));
                for ((position, x), ((r0, r1), (r2, r3))) in positions.iter_mut().zip(&self.columns).zip(rows)
                {
                    let moved = (w0 * r0 + w1 * r1) + (w2 * r2 + w3 * r3);
                    *position = steps(start + step * x + moved, last[axis]);
                }
            }
            // Only the middle one of these loops does not vectorize.
            let [xs, ys] = &mut self.positions;
            let [x_weights, y_weights] = &mut self.weights;
            for ((x, y), (x_weight, y_weight)) in
                xs.iter_mut().zip(&*ys).zip(x_weights.iter_mut().zip(&mut *y_weights))
            {
                (*x_weight, *y_weight) = ((*x & 255) as u16, (*y & 255) as u16);
                *x = (*y >> 8).wrapping_shl(self.stride_bits) | (*x >> 8);
            }
            let [above, below] = &mut self.pixels;
            for (&cell, (above, below)) in xs.iter().zip(above.iter_mut().zip(&mut *below)) {
                let around = self.around[cell as usize];
                (*above, *below) = (around as u16, (around >> 16) as u16);
            }
            let pixels = above.iter().zip(&*below).zip(x_weights.iter().zip(&*y_weights));
            for (out, ((&above, &below), (&x, &y))) in out.iter_mut().zip(pixels) {
                let value =
                    between(between(above & 255, above >> 8, x), between(below & 255, below >> 8, x), y);
                *out = if value < MIN_PIXEL { 0 } else { value as u8 };
            }
        }
    }

    /// Collects the four pixels around each position.
    fn look_around(&mut self, image: &[u8]) {
        let width = self.shape.width;
        let [above, below] = &mut self.pairs;
        above.fill(0);
        below.fill(0);
        let mut rows = image.chunks_exact(width);
        for around in self.around.chunks_exact_mut(1 << self.stride_bits) {
            std::mem::swap(above, below);
            match rows.next() {
                Some(row) => {
                    below[0] = u32::from(row[0]) << 8;
                    for (pair, pixels) in below[1..].iter_mut().zip(row.windows(2)) {
                        *pair = u32::from(pixels[0]) | u32::from(pixels[1]) << 8;
                    }
                    below[width] = row[width - 1].into();
                }
                None => below.fill(0),
            }
            for ((around, above), below) in around.iter_mut().zip(&*above).zip(&*below) {
                *around = above | below << 16;
            }
        }
    }
}

/// Returns a position in steps, rounded and limited to 0 to `last`. NaN becomes 0.
///
/// Between 2¹⁵ and 2¹⁶, floating-point numbers are 2⁻⁸ apart, so that the last bits of a sum are
/// the position in steps. Conversions to integers would not vectorize.
#[inline(always)]
fn steps(position: f32, last: f32) -> u32 {
    let position = if position > 0.0 { position } else { 0.0 };
    let position = if position < last { position } else { last };
    (position + 32768.0).to_bits() & 0x7f_ffff
}

/// Interpolates `weight`/256 of the way from `left` to `right`, two bytes, rounding to nearest.
/// Wrapping, since checks for overflow would keep the loop from vectorizing.
#[inline(always)]
fn between(left: u16, right: u16, weight: u16) -> u16 {
    let sum = left.wrapping_mul(256_u16.wrapping_sub(weight)).wrapping_add(right.wrapping_mul(weight));
    sum.wrapping_add(128) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::distortion::Distortion;

    const NONE: Distortion =
        Distortion { angle: 0.0, width: 1.0, height: 1.0, shear: 0.0, right: 0.0, down: 0.0 };

    fn distorted(image: &[u8], shape: ImageShape, distortion: &Distortion) -> Vec<u8> {
        let mut out = vec![1; image.len()];
        let field = Field::new(shape, 0.0, 5.0);
        Warp::new(shape).apply(image, &distortion.map(shape), &field, &mut out);
        out
    }

    #[test]
    fn each_distortion_moves_pixels_as_it_says() {
        let shape = ImageShape { height: 3, width: 5 };
        let image: Vec<u8> = (0..15).map(|i| 100 + i).collect();
        let expect = |distortion: Distortion, expected: [u8; 15]| {
            assert_eq!(distorted(&image, shape, &distortion), expected, "{distortion:?}");
        };
        expect(NONE, [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114]);
        let moved = Distortion { right: 1.0, down: -1.0, ..NONE };
        expect(moved, [0, 105, 106, 107, 108, 0, 110, 111, 112, 113, 0, 0, 0, 0, 0]);
        let halfway = Distortion { right: 0.5, ..NONE };
        expect(halfway, [50, 101, 102, 103, 104, 53, 106, 107, 108, 109, 55, 111, 112, 113, 114]);
        let twice = Distortion { width: 2.0, ..NONE };
        expect(twice, [101, 102, 102, 103, 103, 106, 107, 107, 108, 108, 111, 112, 112, 113, 113]);
        let mirrored = Distortion { width: -1.0, ..NONE };
        expect(mirrored, [104, 103, 102, 101, 100, 109, 108, 107, 106, 105, 114, 113, 112, 111, 110]);
        let sheared = Distortion { shear: 1.0, ..NONE };
        expect(sheared, [101, 102, 103, 104, 0, 105, 106, 107, 108, 109, 0, 110, 111, 112, 113]);
        let clockwise = Distortion { angle: std::f64::consts::FRAC_PI_2, ..NONE };
        expect(clockwise, [0, 111, 106, 101, 0, 0, 112, 107, 102, 0, 0, 113, 108, 103, 0]);
    }

    #[test]
    fn faint_pixels_become_background() {
        let shape = ImageShape { height: 1, width: 4 };
        assert_eq!(distorted(&[15, 16, 255, 1], shape, &NONE), [0, 16, 255, 0]);
    }
}
