//! Pixels as floating-point numbers, rounded as in the chapter: the pixel as f32 divided by 255 in
//! f32, and for f64 that value widened.

use super::Dataset;
use std::ops::Range;

/// The floating-point types of features: f32 and f64.
pub trait Real: Copy + Default + sealed::Sealed {
    /// A pixel scaled to 0..=1: `f32::from(pixel) / 255.0`, rounded as an f32 in both types.
    fn from_pixel(pixel: u8) -> Self;

    /// Scales pixels to 0..=1, as many as both slices have.
    ///
    /// Not generic, so it is compiled here, with this crate's optimizations.
    fn scale(pixels: &[u8], out: &mut [Self]);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Real for f32 {
    #[inline]
    fn from_pixel(pixel: u8) -> Self {
        // The division vectorizes, and the loop is bound by memory: a table is no faster.
        Self::from(pixel) / 255.0
    }

    fn scale(pixels: &[u8], out: &mut [Self]) {
        scale(pixels, out);
    }
}

impl Real for f64 {
    #[inline]
    fn from_pixel(pixel: u8) -> Self {
        f32::from_pixel(pixel).into()
    }

    fn scale(pixels: &[u8], out: &mut [Self]) {
        scale(pixels, out);
    }
}

/// Returns [`Real::from_pixel`] of 0 to 255. A sparse product that looks up its values here gives
/// the same bits as a dense one on gathered features.
///
/// # Example
/// ```
/// let levels = mlp_data::levels::<f64>();
/// assert_eq!((levels[0], levels[51], levels[255]), (0.0, f64::from(0.2f32), 1.0));
/// ```
pub fn levels<A: Real>() -> [A; 256] {
    std::array::from_fn(|pixel| A::from_pixel(pixel as u8))
}

impl Dataset {
    /// Copies the examples `indices` into a batch: row `i` of `features`, shape (`indices.len()`,
    /// `pixels`), is image `indices[i]` scaled to 0..=1, and `labels[i]` its label.
    ///
    /// # Panics
    /// If a buffer has the wrong length or an index is out of range.
    #[track_caller]
    pub fn gather<A: Real>(&self, indices: &[u32], features: &mut [A], labels: &mut [u8]) {
        assert_eq!(features.len(), indices.len() * self.pixels(), "features of {} examples", indices.len());
        assert_eq!(labels.len(), indices.len(), "labels of {} examples", indices.len());
        let rows = features.chunks_exact_mut(self.pixels());
        for ((&index, row), label) in indices.iter().zip(rows).zip(labels) {
            A::scale(self.image(index as usize), row);
            *label = self.labels[index as usize];
        }
    }

    /// Scales the examples `range` to 0..=1 into `out`, shape (`range.len()`, `pixels`).
    ///
    /// # Panics
    /// If `out` has the wrong length or the range goes beyond the end.
    #[track_caller]
    pub fn features<A: Real>(&self, range: Range<usize>, out: &mut [A]) {
        assert!(range.start <= range.end && range.end <= self.len(), "examples {range:?} of {}", self.len());
        assert_eq!(out.len(), range.len() * self.pixels(), "features of {} examples", range.len());
        A::scale(&self.images[range.start * self.pixels()..range.end * self.pixels()], out);
    }
}

#[inline]
fn scale<A: Real>(pixels: &[u8], out: &mut [A]) {
    for (value, &pixel) in out.iter_mut().zip(pixels) {
        *value = A::from_pixel(pixel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageShape;

    fn small() -> Dataset {
        let shape = ImageShape { height: 2, width: 2 };
        Dataset::new((0..20).map(|i| i * 13).collect(), shape, vec![0, 2, 1, 2, 0], 3).unwrap()
    }

    #[test]
    fn all_256_pixels_are_divided_with_correct_rounding() {
        for pixel in 0..=255u8 {
            let expected = std::hint::black_box(f32::from(pixel)) / 255.0;
            assert_eq!(f32::from_pixel(pixel).to_bits(), expected.to_bits(), "{pixel}");
            assert_eq!(f64::from_pixel(pixel).to_bits(), f64::from(expected).to_bits(), "{pixel}");
        }
    }

    #[test]
    fn levels_equal_gathered_features() {
        fn check<A: Real + PartialEq + std::fmt::Debug>() {
            let shape = ImageShape { height: 16, width: 16 };
            let data = Dataset::new((0..=255).collect(), shape, vec![0], 1).unwrap();
            let mut features = [A::default(); 256];
            data.gather(&[0], &mut features, &mut [0]);
            assert_eq!(features, levels());
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn gathering_follows_the_order_of_the_indices() {
        let data = small();
        let indices = [4, 0, 4, 3];
        let mut features = vec![f64::NAN; 16];
        let mut labels = vec![9; 4];
        data.gather(&indices, &mut features, &mut labels);
        for (row, &index) in features.chunks(4).zip(&indices) {
            let expected: Vec<f64> =
                data.image(index as usize).iter().map(|&pixel| f64::from(f32::from(pixel) / 255.0)).collect();
            assert_eq!(row, expected);
        }
        assert_eq!(labels, [0, 0, 0, 2]);
    }

    #[test]
    fn consecutive_features_equal_gathered_ones() {
        let data = small();
        let (mut gathered, mut labels) = (vec![0f32; 12], [0; 3]);
        data.gather(&[1, 2, 3], &mut gathered, &mut labels);
        let mut consecutive = vec![0f32; 12];
        data.features(1..4, &mut consecutive);
        assert_eq!(consecutive, gathered);
    }

    #[test]
    #[should_panic(expected = "features of 2 examples")]
    fn a_buffer_of_the_wrong_length_panics() {
        small().gather(&[0, 1], &mut [0f32; 7], &mut [0; 2]);
    }

    #[test]
    #[should_panic(expected = "image 5 of 5")]
    fn an_index_beyond_the_end_panics() {
        small().gather(&[5], &mut [0f32; 4], &mut [0]);
    }
}
