//! The gradient with respect to the inputs, and a step along it.

use std::ops::Range;

use super::Ops;
use super::compute::MatmulBackend;
use super::matmul::{Input, Write};
use crate::layer::Layer;
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
        x: Input<'_, A>,
        distance: f64,
        rows: usize,
        gradient: &mut Matrix<A>,
    ) {
        let (examples, inputs) = (Partition::new(rows, 1, self.pool.len()), gradient.columns());
        let parts = examples.rows(gradient.mat_mut().rows_of(0..rows));
        self.pool.run(parts, |part, mut gradient| {
            for (place, example) in examples.range(part).enumerate() {
                let moved = &mut gradient.row_mut(place)[..inputs];
                let squares = moved.iter().map(|&entry| entry.into_f64() * entry.into_f64());
                let norm = squares.sum::<f64>().sqrt();
                let scale = A::from_f64(if norm == 0.0 { 0.0 } else { distance / norm });
                moved.iter_mut().for_each(|entry| *entry = scale * *entry);
                match x {
                    Input::Dense(x) => {
                        moved.iter_mut().zip(x.row(example)).for_each(|(entry, &x)| *entry = *entry + x);
                    }
                    Input::Sparse(x) => {
                        for entry in x.range(example) {
                            let moved = &mut moved[x.columns().at(entry)];
                            *moved = *moved + x.values().at(entry);
                        }
                    }
                }
            }
        });
    }
}
