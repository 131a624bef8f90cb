//! The hidden layers, forward and backward. A thread has the same units in both, so the δ it
//! computes is all it needs for the gradients of its own weights.

use super::Ops;
use super::buffers::Buffers;
use super::compute::Compute;
use super::matmul::{Input, Write};
use crate::activation::Activation;
use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::{ByColumn, LayerMask};
use crate::layer::Layer;
use crate::linalg::blas::Cut;
use crate::scalar::Scalar;

/// How a gradient is used: target ← alpha·∂J/∂(W, b), or target ← target + alpha·∂J/∂(W, b).
#[derive(Clone, Copy)]
pub(crate) struct Descent<A> {
    pub(crate) alpha: A,
    pub(crate) write: Write,
}

impl Ops {
    /// Z = X·W + b, H = f(Z), and S ⊙ H with dropout.
    pub(crate) fn hidden_forward<A: Scalar>(
        &mut self,
        layer: &Layer<A>,
        activation: Activation,
        input: Input<'_, A>,
        mask: Option<LayerMask>,
        here: &mut Buffers<A>,
    ) {
        let (compute, isa, rows) = (self.compute, self.compute.isa, input.rows());
        let (biases, masked) = (layer.biases.mat().row(0), if mask.is_some() { rows } else { 0 });
        let split = self.units::<A>(layer.weights.width());
        let units = split.parts;
        (here.rows, here.is_masked) = (rows, mask.is_some());
        let values = (here.z.by_columns(rows, &units), here.h.by_columns(rows, &units));
        let dropout = (here.mask.by_columns(masked, &units), here.kept.by_columns(masked, &units));
        self.pool.run((values, dropout), |part, ((mut z, mut h), (mut s, kept))| {
            let own = units.range(part);
            for (piece, weights) in layer.weights.pieces(own.clone()) {
                let from = piece.start - own.start;
                let z = z.reborrow().columns_of(from..from + piece.len());
                compute.affine(input, 0..rows, weights, &biases[piece], z, split.columns(own.start + from));
            }
            A::activate(isa, activation, z.as_mat(), h.reborrow());
            if let Some(mask) = &mask {
                A::draw_mask(mask, layer.outputs(), own.start, s.reborrow());
                A::multiply(isa, s.as_mat(), h.as_mat(), kept);
            }
        });
    }

    /// From δ of layer `here`, computes δ of the hidden layer `below` (G4, G8, G5) and the gradient
    /// of `here` (G2, G3). If `below` is the first layer, also computes its gradient (G6, G7).
    /// `parameters` are W and b of `here`, if they are not the target.
    pub(crate) fn hidden_backward<A: Scalar>(
        &mut self,
        descent: Descent<A>,
        activation: Activation,
        (below, here): (&mut Buffers<A>, &mut Buffers<A>),
        parameters: Option<&Layer<A>>,
        target: &mut Layer<A>,
        first: Option<(Input<'_, A>, &mut Layer<A>)>,
    ) {
        let (Descent { alpha, write }, compute, isa) = (descent, self.compute, self.compute.isa);
        let rows = here.rows;
        let delta = here.delta.mat().rows_of(0..rows);
        // A thread only changes the weights of its own units below, which no other thread reads.
        let split = self.units::<A>(below.delta.width());
        let units = split.parts;
        let (fed, outputs) = (units.up_to(target.inputs()), self.units::<A>(delta.columns()).parts);
        let no_padding = 0..target.outputs();
        let (x, first) = first.unzip();
        let first = first.map(|first| {
            first.weights.arrange(&units);
            first.by_columns(&units)
        });
        let (z, h, s) = (&below.z, &below.h, &below.mask);
        let output = if below.is_masked { &below.kept } else { h };
        let parts = (
            below.delta.by_columns(rows, &units),
            (fed.rows(target.weights.mat_mut()), target.biases.by_columns(1, &outputs)),
            first,
            self.each(&mut below.sorted),
        );
        self.pool.run(parts, |part, (mut below_delta, (target, mut biases), first, sorted)| {
            let (own, fed) = (units.range(part), fed.range(part));
            let weights =
                parameters.map_or(target.as_mat(), |layer| layer.weights.mat().rows_of(fed.clone()));
            let cut = split.columns(own.start);
            let [above, weights] = [delta, weights].map(|matrix| matrix.columns_of(no_padding.clone()));
            // G4: ∂J/∂H = ∂J/∂Z · Wᵀ
            compute.product_with_transposed(above, weights, below_delta.reborrow(), cut);
            if below.is_masked {
                // G8: ∂J/∂H = S ⊙ ∂J/∂(S ⊙ H)
                let s = s.columns_of(own.clone()).rows_of(0..rows);
                A::mask(isa, s, below_delta.reborrow());
            }
            // G5: ∂J/∂Z = f'(Z) ⊙ ∂J/∂H
            let [z, h, output] = [z, h, output].map(|matrix| matrix.columns_of(own.clone()).rows_of(0..rows));
            A::multiply_by_derivative(isa, activation, z, h, below_delta.reborrow());
            let input = Input::Dense(output.columns_of(0..fed.len()));
            // G2: ∂J/∂W = Hᵀ · ∂J/∂Z
            compute.transposed_product(alpha, input, delta, write, target, split.rows(own.start));
            // G3: ∂J/∂b = 1 · ∂J/∂Z
            let delta = delta.columns_of(outputs.range(part));
            compute.column_sums(alpha, delta, write, biases.row_mut(0));
            if let (Some(x), Some(first)) = (x, first) {
                gradient_of_units(compute, descent, x, below_delta.as_mat(), first, (cut, &mut sorted[0]));
            }
        });
    }

    /// The gradient of the first layer (G6, G7).
    pub(crate) fn input_gradient<A: Scalar>(
        &mut self,
        descent: Descent<A>,
        x: Input<'_, A>,
        here: &mut Buffers<A>,
        target: &mut Layer<A>,
    ) {
        let (compute, delta) = (self.compute, here.delta.mat().rows_of(0..x.rows()));
        let split = self.units::<A>(delta.columns());
        let units = split.parts;
        target.weights.arrange(&units);
        let parts = (target.by_columns(&units), self.each(&mut here.sorted));
        self.pool.run(parts, |part, (target, sorted)| {
            let own = units.range(part);
            let (delta, cut) = (delta.columns_of(own.clone()), split.columns(own.start));
            gradient_of_units(compute, descent, x, delta, target, (cut, &mut sorted[0]));
        });
    }
}

/// G6 and G7 for a thread's columns of δ, W and b.
fn gradient_of_units<A: Scalar>(
    compute: Compute,
    Descent { alpha, write }: Descent<A>,
    x: Input<'_, A>,
    delta: MatRef<'_, A>,
    (weights, mut biases): (MatMut<'_, A>, MatMut<'_, A>),
    memory: (Cut<'_>, &mut ByColumn<A>),
) {
    // G6: ∂J/∂W = Xᵀ · ∂J/∂Z
    compute.input_product(alpha, x, delta, write, weights, memory);
    // G7: ∂J/∂b = 1 · ∂J/∂Z
    compute.column_sums(alpha, delta, write, biases.row_mut(0));
}
