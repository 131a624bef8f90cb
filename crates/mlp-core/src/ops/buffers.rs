//! The intermediate values that the passes keep for each layer.

use std::ops::Range;

use super::matmul::Input;
use crate::kernels::ByColumn;
use crate::kernels::mat::MatRef;
use crate::linalg::matrix::Matrix;
use crate::scalar::Scalar;

/// The intermediate values of one layer for a batch.
#[derive(Debug)]
pub(crate) struct Buffers<A> {
    pub(crate) z: Matrix<A>,             // (capacity, outputs): X·W + b
    pub(crate) h: Matrix<A>,             // (capacity, outputs): f(Z), or softmax(Z) at the output
    pub(crate) delta: Matrix<A>,         // (capacity, outputs): ∂J/∂Z
    pub(crate) mask: Matrix<A>,          // (capacity, outputs): S; no rows without dropout
    pub(crate) kept: Matrix<A>,          // (capacity, outputs): S ⊙ H; no rows without dropout
    pub(crate) sorted: Vec<ByColumn<A>>, // (threads): for the gradient of the first layer
    pub(crate) is_masked: bool,          // did the forward pass drop units?
}

impl<A: Scalar> Buffers<A> {
    /// Returns the input of the layer above for some examples: H, or S ⊙ H.
    pub(crate) fn output(&self, rows: Range<usize>) -> MatRef<'_, A> {
        let output = if self.is_masked { &self.kept } else { &self.h };
        output.mat().rows_of(rows)
    }
}

/// Returns the input of the layer above `below` for some examples: X if there is none, or the
/// output of the last one.
pub(crate) fn input<'a, A: Scalar>(
    below: &'a [Buffers<A>],
    x: Input<'a, A>,
    rows: Range<usize>,
) -> Input<'a, A> {
    match below.last() {
        Some(below) => Input::Dense(below.output(rows)),
        None => x.rows_of(rows),
    }
}
