//! Elastic deformation: a smooth random field of displacements.
//!
//! Simard, Steinkraus and Platt (2003) smooth noise at every pixel with a Gaussian. A cubic
//! B-spline is close to a Gaussian, of standard deviation h/√3 for knots at a distance of h. So the
//! sum of B-splines with random coefficients, at knots σ·√3 apart, is nearly the same field for a
//! fiftieth of the work.

use std::f64::consts::PI;
use std::ops::Range;

use crate::ImageShape;
use crate::random::SplitMix64;

/// A field of displacements (dx, dy), one for each pixel.
#[derive(Clone)]
pub(super) struct Field {
    rows: Axis,
    columns: Axis,
    amplitude: f32,
    coefficients: Vec<f32>, // of one row of knots
    /// Displacements at the rows of knots: dx and dy, (knots of rows, width).
    at_knots: [Vec<f32>; 2],
}

/// What displaces one row of pixels: the sum of four rows with these weights, for dx and dy.
pub(super) struct RowField<'a> {
    pub(super) weights: [f32; 4],
    pub(super) rows: [[&'a [f32]; 4]; 2],
}

/// The B-splines along one axis.
#[derive(Clone)]
struct Axis {
    knots: Vec<Knot>,
    first: Vec<usize>,      // for each pixel, the first of four knots
    weights: Vec<[f32; 4]>, // for each pixel, of these knots
}

/// The B-spline of one knot.
#[derive(Clone)]
struct Knot {
    pixels: Range<usize>, // where it is not zero
    weights: Vec<f32>,    // of these pixels
}

/// ∫B(t)²dt of the cubic B-spline: the mean of the sum of squared weights along an axis.
const MEAN_SQUARE: f64 = 151.0 / 315.0;

impl Field {
    pub(super) fn new(shape: ImageShape, alpha: f64, sigma: f64) -> Self {
        let spacing = sigma * 3f64.sqrt();
        let (rows, columns) = (Axis::new(shape.height, spacing), Axis::new(shape.width, spacing));
        let deviation = alpha / (sigma * (12.0 * PI).sqrt());
        // Coefficients are uniform, of variance amplitude²/3.
        let amplitude = (deviation * 3f64.sqrt() / MEAN_SQUARE) as f32;
        let zeros = || vec![0.0; rows.knots.len() * shape.width];
        let at_knots = [zeros(), zeros()];
        Self { amplitude, coefficients: vec![0.0; columns.knots.len()], at_knots, rows, columns }
    }

    /// Draws the field, four coefficients from each random number.
    pub(super) fn draw(&mut self, stream: &mut SplitMix64) {
        if self.amplitude == 0.0 {
            return;
        }
        let scale = self.amplitude / 32768.0;
        for at_knots in &mut self.at_knots {
            for row in at_knots.chunks_exact_mut(self.columns.first.len()) {
                for four in self.coefficients.chunks_mut(4) {
                    let bits = stream.next_u64();
                    for (part, coefficient) in four.iter_mut().enumerate() {
                        *coefficient = f32::from((bits >> (16 * part)) as i16) * scale;
                    }
                }
                self.columns.sum(&self.coefficients, row);
            }
        }
    }

    /// Returns what displaces row `y`.
    #[inline(always)]
    pub(super) fn row(&self, y: usize) -> RowField<'_> {
        let (first, width) = (self.rows.first[y], self.columns.first.len());
        let rows = self.at_knots.each_ref().map(|at| {
            let (a, rest) = at[first * width..(first + 4) * width].split_at(width);
            let (b, rest) = rest.split_at(width);
            let (c, d) = rest.split_at(width);
            [a, b, c, d]
        });
        RowField { weights: self.rows.weights[y], rows }
    }
}

impl Axis {
    fn new(pixels: usize, spacing: f64) -> Self {
        let (mut first, mut weights) = (Vec::new(), Vec::new());
        for pixel in 0..pixels {
            let position = pixel as f64 / spacing;
            first.push(position as usize);
            weights.push(spline(position - position.floor()).map(|weight| weight as f32));
        }
        let count = first[pixels - 1] + 4;
        let knot = |knot: usize| {
            let on = |&pixel: &usize| (first[pixel]..first[pixel] + 4).contains(&knot);
            let on: Vec<usize> = (0..pixels).filter(on).collect();
            let start = on.first().copied().unwrap_or(0);
            let weights = on.iter().map(|&pixel| weights[pixel][knot - first[pixel]]).collect();
            Knot { pixels: start..start + on.len(), weights }
        };
        Self { knots: (0..count).map(knot).collect(), first, weights }
    }

    /// Sums the B-splines with these coefficients at each pixel.
    fn sum(&self, coefficients: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (knot, &coefficient) in self.knots.iter().zip(coefficients) {
            for (out, weight) in out[knot.pixels.clone()].iter_mut().zip(&knot.weights) {
                *out += coefficient * weight;
            }
        }
    }
}

/// The four cubic B-splines that are not zero at `t` of the way from one knot to the next.
fn spline(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    let inner = |t: f64| (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0;
    [s * s * s / 6.0, inner(t), inner(s), t * t * t / 6.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_splines_sum_to_one_and_have_their_variance() {
        for t in [0.0, 0.25, 0.5, 1.0] {
            let weights = spline(t);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 4.0 * f64::EPSILON);
            // Knots are at -1, 0, 1 and 2 around t; the variance of a cubic B-spline is 1/3.
            let moment =
                |k: i32| (-1..3).zip(weights).map(|(knot, w)| w * (f64::from(knot) - t).powi(k)).sum::<f64>();
            assert!(
                moment(1).abs() < 8.0 * f64::EPSILON && (moment(2) - 1.0 / 3.0).abs() < 8.0 * f64::EPSILON
            );
        }
    }

    #[test]
    fn displacements_are_as_large_and_as_smooth_as_with_a_gaussian() {
        let (alpha, sigma, size) = (36.0, 5.0, 29);
        let mut field = Field::new(ImageShape { height: size, width: size }, alpha, sigma);
        let mut stream = SplitMix64::new(1);
        let (mut square, mut neighbor, mut count) = (0.0, 0.0, 0);
        for _ in 0..4000 {
            field.draw(&mut stream);
            let row = field.row(size / 2);
            for rows in row.rows {
                let at = |x: usize| (0..4).map(|k| f64::from(row.weights[k] * rows[k][x])).sum::<f64>();
                for x in 0..size - 5 {
                    square += at(x) * at(x);
                    neighbor += at(x) * at(x + 5);
                    count += 1;
                }
            }
        }
        let deviation = (square / f64::from(count)).sqrt();
        let expected = alpha / (sigma * (12.0 * PI).sqrt());
        // The variance differs between knots and the middle by up to 8 percent.
        assert!((deviation / expected - 1.0).abs() < 0.06, "{deviation} {expected}");
        // The correlation of a Gaussian-smoothed field at a distance of σ is exp(-1/4).
        let correlation = neighbor / square;
        assert!((correlation - (-0.25f64).exp()).abs() < 0.04, "{correlation}");
    }
}
