//! A quantity of the two passes: a matrix with its formula and gradient checks.

use ndarray::Array2;

use super::check::{Check, Variable};
use super::formula::{Formula, Part};

/// A matrix and how it is computed.
pub(crate) struct Quantity {
    pub(crate) formula: Formula,
    /// The formula in words.
    pub(crate) words: &'static str,
    pub(crate) values: Array2<f64>,
    /// The meaning of rows and columns.
    pub(crate) axes: (Axis, Axis),
    /// For a gradient: the equation in `gradients.md` and the variable.
    pub(super) derivative: Option<(&'static str, Variable)>,
    /// For a gradient: checks of its largest entries.
    pub(crate) checks: Vec<Check>,
}

/// The meaning of the rows or columns of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// A single example or row of biases.
    One,
    Pixels,
    Units,
    Classes,
}

impl Quantity {
    /// `symbol = right`, with the shape of `values` on the left.
    pub(super) fn new(
        symbol: &str,
        values: Array2<f64>,
        axes: (Axis, Axis),
        right: Vec<Part>,
        words: &'static str,
    ) -> Self {
        let formula = Formula::new(symbol, values.dim(), right);
        Self { formula, words, values, axes, derivative: None, checks: Vec::new() }
    }

    /// Marks this as the gradient with respect to `variable`, by `equation`.
    pub(super) fn gradient(self, equation: &'static str, variable: Variable) -> Self {
        Self { derivative: Some((equation, variable)), ..self }
    }

    /// The left side of the formula: `∂J/∂W^o`.
    pub(crate) fn symbol(&self) -> &str {
        &self.formula.0[0].text
    }

    /// The label of the equation in `gradients.md`; `None` in the forward pass.
    pub(crate) fn equation(&self) -> Option<&'static str> {
        self.derivative.map(|(equation, _)| equation)
    }

    /// √Σ v².
    pub(crate) fn norm(&self) -> f64 {
        sum_of_squares(&self.values).sqrt()
    }

    /// max |v|.
    pub(crate) fn max_abs(&self) -> f64 {
        self.values.fold(0.0, |max, value| max.max(value.abs()))
    }

    /// The indices of the entries with the largest absolute values, in descending order.
    pub(crate) fn largest(&self, count: usize) -> Vec<(usize, usize)> {
        largest(&self.values, count)
    }
}

pub(super) fn sum_of_squares<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().map(|value| value * value).sum()
}

/// The indices of the entries with the largest absolute values; equal values stay in index order.
pub(super) fn largest(values: &Array2<f64>, count: usize) -> Vec<(usize, usize)> {
    let mut largest = Vec::new();
    for (index, value) in values.indexed_iter() {
        let is_before = |&other: &(usize, usize)| values[other].abs().total_cmp(&value.abs()).is_ge();
        let rank = largest.partition_point(is_before);
        if rank < count {
            largest.insert(rank, index);
            largest.truncate(count);
        }
    }
    largest
}
