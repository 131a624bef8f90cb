//! Elementwise affine functions x scale + shift: biases, normalizations and scalings of a graph, in
//! any form, until they are folded into a layer.

use ndarray::Array1;

/// An elementwise affine function: one number for all columns, or one for each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Map {
    pub(super) fn identity() -> Self {
        Self { scale: vec![1.0], shift: vec![0.0] }
    }

    pub(super) fn is_identity(&self) -> bool {
        self.scale.iter().all(|&scale| scale == 1.0) && self.shift.iter().all(|&shift| shift == 0.0)
    }

    pub(super) fn times(&self, factors: &[f64]) -> Self {
        let times = |values: &[f64]| zip(values, factors, |value, factor| value * factor);
        Self { scale: times(&self.scale), shift: times(&self.shift) }
    }

    pub(super) fn over(&self, divisors: &[f64]) -> Self {
        let over = |values: &[f64]| zip(values, divisors, |value, divisor| value / divisor);
        Self { scale: over(&self.scale), shift: over(&self.shift) }
    }

    pub(super) fn plus(&self, terms: &[f64]) -> Self {
        Self { scale: self.scale.clone(), shift: zip(&self.shift, terms, |shift, term| shift + term) }
    }

    pub(super) fn minus(&self, terms: &[f64]) -> Self {
        self.plus(&zip(terms, &[-1.0], |term, sign| term * sign))
    }

    /// The number of columns, or one if all are treated alike.
    pub(super) fn width(&self) -> usize {
        self.scale.len().max(self.shift.len())
    }

    /// Scale and shift of each of some columns.
    pub(super) fn columns(&self, count: usize) -> [Array1<f64>; 2] {
        let all = |values: &[f64]| Array1::from_vec(zip(values, &vec![1.0; count], |a, b| a * b));
        [all(&self.scale), all(&self.shift)]
    }

    /// Equal up to rounding to single precision.
    pub(super) fn is_about(&self, other: &Self) -> bool {
        let close = |a: &[f64], b: &[f64]| {
            zip(a, b, |a, b| (a - b).abs() - 1e-6 * b.abs()).iter().all(|&d| d <= 1e-12)
        };
        close(&self.scale, &other.scale) && close(&self.shift, &other.shift)
    }
}

/// Combines numbers of all columns; a single one stands for all.
pub(super) fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    match (a, b) {
        (&[a], b) => b.iter().map(|&b| f(a, b)).collect(),
        (a, &[b]) => a.iter().map(|&a| f(a, b)).collect(),
        (a, b) => a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect(),
    }
}

/// Equal up to rounding to single precision.
pub(super) fn is_about(number: f64, expected: f64) -> bool {
    (number - expected).abs() <= 1e-6 * expected.abs()
}
