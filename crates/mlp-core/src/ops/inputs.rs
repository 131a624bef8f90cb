//! The gradient with respect to the inputs, and a step along it.

use std::ops::Range;

use ndarray::s;

use super::Ops;
use super::compute::MatmulBackend;
use super::matmul::Write;
use crate::layer::Layer;
use crate::linalg::csr::Features;
use crate::linalg::matrix::Matrix;
use crate::parallel::Partition;
use crate::scalar::Scalar;

impl Ops {
    /// ∂J/∂X of the examples `rows` (G9). Each thread has its own inputs.
    pub(crate) fn gradient_of_inputs<A: Scalar>(
        &mut self,
        layer: &Layer<A>,
        delta: &Matrix<A>,
        rows: Range<usize>,
        gradient: &mut Matrix<A>,
    ) {
        let compute = self.compute;
        let split = self.units::<A>(gradient.width());
        let (inputs, fed) = (split.parts, split.parts.up_to(layer.inputs()));
        let units = match compute.backend {
            // OpenBLAS adds up each block by itself, so that the threads' strips cannot show.
            MatmulBackend::OpenBlas => self.units::<A>(layer.weights.width()).blocks,
            // One chain for each element, wherever it is interrupted.
            MatmulBackend::Portable => Partition::new(layer.weights.width(), 1, 1),
        };
        let units = units.up_to(layer.outputs());
        self.pool.run(gradient.by_columns(rows.clone(), &inputs), |part, mut gradient| {
            let cut = split.columns(inputs.range(part).start);
            let mut write = Write::Set;
            for (piece, _) in units.ranges().flat_map(|block| delta.pieces(block)) {
                for (piece, weights) in layer.weights.pieces(piece) {
                    let delta = delta.columns_of(piece).rows_of(rows.clone());
                    let weights = weights.rows_of(fed.range(part));
                    // G9: ∂J/∂X = ∂J/∂Z · Wᵀ
                    compute.product_with_transposed(delta, weights, write, gradient.reborrow(), cut);
                    write = Write::Add;
                }
            }
        });
    }

    /// Replaces the gradient g of each example x with x + distance·g/‖g‖, or with x if g is 0.
    pub(crate) fn step_from_inputs<A: Scalar>(
        &mut self,
        x: &Features<'_, A>,
        distance: f64,
        gradient: &mut Matrix<A>,
    ) {
        let (rows, inputs) = x.dim();
        let examples = Partition::new(rows, 1, self.pool.len());
        let parts = examples.rows(gradient.mat_mut().rows_of(0..rows));
        self.pool.run(parts, |part, moved| {
            let (own, mut moved) = (examples.range(part), moved.columns_of(0..inputs));
            A::set_lengths(distance, moved.reborrow());
            match x {
                Features::Dense(x) => A::add_dense(x.slice(s![own, ..]), moved),
                Features::Sparse(x) => A::add_sparse(x, own, moved),
            }
        });
    }
}
