//! Standardizes pixels, so that almost none is zero. Used to measure dense products.

use mlp_data::Dataset;

/// Scales each pixel to mean 0 and standard deviation 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardization {
    means: Vec<f32>,   // (pixels)
    factors: Vec<f32>, // (pixels): 1 / deviation
}

impl Standardization {
    /// Computes means and standard deviations over a dataset. Constant pixels become 0.
    pub(super) fn over(data: &Dataset) -> Self {
        let (mut sums, mut squares) = (vec![0_u64; data.pixels()], vec![0_u64; data.pixels()]);
        for image in data.images().chunks_exact(data.pixels()) {
            for ((sum, square), &pixel) in sums.iter_mut().zip(&mut squares).zip(image) {
                let pixel = u64::from(pixel);
                *sum += pixel;
                *square += pixel * pixel;
            }
        }
        let images = data.len() as f64;
        let mean = |sum: f64| sum / images / 255.0;
        let deviation = |sum: f64, square: f64| (images * square - sum * sum).sqrt() / images / 255.0;
        let factor = |(&sum, &square): (&u64, &u64)| {
            let deviation = deviation(sum as f64, square as f64);
            if deviation > 0.0 { (1.0 / deviation) as f32 } else { 1.0 }
        };
        Self {
            means: sums.iter().map(|&sum| mean(sum as f64) as f32).collect(),
            factors: sums.iter().zip(&squares).map(factor).collect(),
        }
    }

    /// Standardizes images with pixels from 0 to 1, given as whole rows: (images, pixels).
    pub(super) fn apply(&self, features: &mut [f32]) {
        for row in features.chunks_exact_mut(self.means.len()) {
            for ((value, mean), factor) in row.iter_mut().zip(&self.means).zip(&self.factors) {
                *value = (*value - mean) * factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mlp_data::ImageShape;

    use super::*;

    #[test]
    fn pixels_have_mean_0_and_deviation_1_and_constant_pixels_become_0() {
        let images = vec![0, 0, 7, 255, 0, 7, 0, 0, 7, 255, 102, 7];
        let data = Dataset::new(images, ImageShape { height: 1, width: 3 }, vec![0; 4], 1).unwrap();
        let mut features = vec![0_f32; 12];
        data.features(0..4, &mut features);
        Standardization::over(&data).apply(&mut features);
        let column = |pixel: usize| features.iter().skip(pixel).step_by(3).copied();
        // A few roundings of numbers up to 2.
        let tolerance = 8.0 * f32::EPSILON;
        for pixel in [0, 1] {
            let mean = column(pixel).sum::<f32>() / 4.0;
            let variance = column(pixel).map(|value| value * value).sum::<f32>() / 4.0;
            assert!(mean.abs() <= tolerance && (variance - 1.0).abs() <= tolerance, "{features:?}");
        }
        assert!(column(0).eq([-1.0, 1.0, -1.0, 1.0]), "{features:?}");
        assert!(column(2).all(|value| value.abs() <= tolerance), "{features:?}");
    }
}
