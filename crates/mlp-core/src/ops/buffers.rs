//! What the passes keep of each layer.

use super::matmul::Input;
use crate::kernels::mat::MatRef;
use crate::linalg::matrix::Matrix;
use crate::scalar::Scalar;

/// The intermediate values of one layer for a batch.
#[derive(Debug)]
pub(crate) struct Buffers<A> {
    pub(crate) z: Matrix<A>,          // (capacity, outputs): X·W + b
    pub(crate) h: Matrix<A>,          // (capacity, outputs): f(Z), and softmax(Z) in the output layer
    pub(crate) delta: Matrix<A>,      // (capacity, outputs): ∂J/∂Z
    pub(crate) transposed: Matrix<A>, // (outputs, inputs): scratch for Wᵀ, of layers above a hidden one
    pub(crate) mask: Matrix<A>,       // (capacity, outputs): S, of hidden layers with dropout; else no rows
    pub(crate) kept: Matrix<A>,       // (capacity, outputs): S ⊙ H, as the mask
    pub(crate) rows: usize,           // of the batch that is in them
    pub(crate) is_masked: bool,       // whether its forward pass dropped units
}

impl<A: Scalar> Buffers<A> {
    /// Returns what the layer above sees: H, or S ⊙ H.
    pub(crate) fn output(&self) -> MatRef<'_, A> {
        let output = if self.is_masked { &self.kept } else { &self.h };
        output.mat().rows_of(0..self.rows)
    }
}

/// Returns what goes into the layer above `below`: X, or the output of the last of them.
pub(crate) fn input<'a, A: Scalar>(below: &'a [Buffers<A>], x: Input<'a, A>) -> Input<'a, A> {
    below.last().map_or(x, |below| Input::Dense(below.output()))
}
