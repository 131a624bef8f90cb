//! The hidden layers, forward and backward. A thread has the same units in both, so the δ it
//! computes is all it needs for the gradients of its own weights.

use std::ops::Range;

use super::Ops;
use super::buffers::Buffers;
use super::compute::Compute;
use super::matmul::{Input, Write};
use crate::activation::Activation;
use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::{ByColumn, LayerMask};
use crate::layer::Layer;
use crate::linalg::blas::Cut;
use crate::linalg::matrix::Matrix;
use crate::scalar::Scalar;

/// How a gradient is used: target ← alpha·∂J/∂(W, b), or target ← target + alpha·∂J/∂(W, b).
#[derive(Clone, Copy)]
pub struct Descent<A> {
    pub(crate) alpha: A,
    pub(crate) write: Write,
}

impl<A: Scalar> Descent<A> {
    /// Target ← ∂J/∂(W, b).
    pub(crate) fn gradient() -> Self {
        Self { alpha: A::one(), write: Write::Set }
    }
}

/// Each operation is for the examples `rows` of the batch. Inputs have only these examples.
impl Ops {
    /// Z = X·W + b, H = f(Z), and S ⊙ H with dropout.
    pub(crate) fn hidden_forward<A: Scalar>(
        &mut self,
        layer: &Layer<A>,
        activation: Activation,
        input: Input<'_, A>,
        mask: Option<LayerMask>,
        rows: Range<usize>,
        here: &mut Buffers<A>,
    ) {
        let (compute, isa, examples) = (self.compute, self.compute.isa, 0..rows.len());
        let (biases, masked) = (layer.biases.mat().row(0), if mask.is_some() { rows.clone() } else { 0..0 });
        let split = self.units::<A>(layer.weights.width());
        let units = split.parts;
        here.is_masked = mask.is_some();
        let values = (here.z.by_columns(rows.clone(), &units), here.h.by_columns(rows, &units));
        let dropout = (here.mask.by_columns(masked.clone(), &units), here.kept.by_columns(masked, &units));
        self.pool.run((values, dropout), |part, ((mut z, mut h), (mut s, kept))| {
            let own = units.range(part);
            for (piece, weights) in layer.weights.pieces(own.clone()) {
                let from = piece.start - own.start;
                let (z, cut) =
                    (z.reborrow().columns_of(from..from + piece.len()), split.columns(own.start + from));
                compute.affine(input, examples.clone(), weights, &biases[piece], z, cut);
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
        rows: Range<usize>,
        (below, here): (&mut Buffers<A>, &Buffers<A>),
        (parameters, target): (Option<&Layer<A>>, &mut Layer<A>),
        first: Option<(Input<'_, A>, &mut Layer<A>)>,
    ) {
        let compute = self.compute;
        let delta = here.delta.mat().rows_of(rows.clone());
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
        let values = Values { z: &below.z, h: &below.h, s: below.is_masked.then_some(&below.mask) };
        let output = if below.is_masked { &below.kept } else { &below.h }.mat().rows_of(rows.clone());
        let parts = (
            below.delta.by_columns(rows.clone(), &units),
            (fed.rows(target.weights.mat_mut()), target.biases.by_columns(0..1, &outputs)),
            first,
            self.each(&mut below.sorted),
        );
        self.pool.run(parts, |part, (mut below_delta, (target, biases), first, sorted)| {
            let (own, fed) = (units.range(part), fed.range(part));
            let weights =
                parameters.map_or(target.as_mat(), |layer| layer.weights.mat().rows_of(fed.clone()));
            let cut = split.columns(own.start);
            let above = [delta, weights].map(|matrix| matrix.columns_of(no_padding.clone()));
            let values = values.part(rows.clone(), own.clone());
            delta_of_units(compute, activation, above, values, below_delta.reborrow(), cut);
            let (input, of_biases) = (Input::Dense(output.columns_of(fed)), outputs.range(part));
            let target = (target, biases, of_biases);
            gradient_of_rows(compute, descent, input, delta, target, split.rows(own.start));
            if let (Some(x), Some(first)) = (x, first) {
                gradient_of_units(compute, descent, x, below_delta.as_mat(), first, (cut, &mut sorted[0]));
            }
        });
    }

    /// The part of [`hidden_backward`](Self::hidden_backward) that computes δ of `below` (G4, G8,
    /// G5).
    pub(crate) fn hidden_delta<A: Scalar>(
        &mut self,
        activation: Activation,
        rows: Range<usize>,
        (below, here): (&mut Buffers<A>, &Buffers<A>),
        layer: &Layer<A>,
    ) {
        let (compute, delta) = (self.compute, here.delta.mat().rows_of(rows.clone()));
        let split = self.units::<A>(below.delta.width());
        let (units, fed, no_padding) = (split.parts, split.parts.up_to(layer.inputs()), 0..layer.outputs());
        let values = Values { z: &below.z, h: &below.h, s: below.is_masked.then_some(&below.mask) };
        self.pool.run(below.delta.by_columns(rows.clone(), &units), |part, below_delta| {
            let own = units.range(part);
            let weights = layer.weights.mat().rows_of(fed.range(part));
            let above = [delta, weights].map(|matrix| matrix.columns_of(no_padding.clone()));
            let (values, cut) = (values.part(rows.clone(), own.clone()), split.columns(own.start));
            delta_of_units(compute, activation, above, values, below_delta, cut);
        });
    }

    /// The part of [`hidden_backward`](Self::hidden_backward) that computes the gradient of `here`
    /// (G2, G3).
    pub(crate) fn hidden_gradient<A: Scalar>(
        &mut self,
        descent: Descent<A>,
        rows: Range<usize>,
        (below, here): (&Buffers<A>, &Buffers<A>),
        target: &mut Layer<A>,
    ) {
        let compute = self.compute;
        let (delta, output) = (here.delta.mat().rows_of(rows.clone()), below.output(rows));
        let split = self.units::<A>(below.delta.width());
        let units = split.parts;
        let (fed, outputs) = (units.up_to(target.inputs()), self.units::<A>(delta.columns()).parts);
        let parts = (fed.rows(target.weights.mat_mut()), target.biases.by_columns(0..1, &outputs));
        self.pool.run(parts, |part, (target, biases)| {
            let input = Input::Dense(output.columns_of(fed.range(part)));
            let (target, cut) = ((target, biases, outputs.range(part)), split.rows(units.range(part).start));
            gradient_of_rows(compute, descent, input, delta, target, cut);
        });
    }

    /// The gradient of the first layer (G6, G7).
    pub(crate) fn input_gradient<A: Scalar>(
        &mut self,
        descent: Descent<A>,
        x: Input<'_, A>,
        rows: Range<usize>,
        here: &mut Buffers<A>,
        target: &mut Layer<A>,
    ) {
        let (compute, delta) = (self.compute, &here.delta);
        let split = self.units::<A>(delta.width());
        let units = split.parts;
        target.weights.arrange(&units);
        let parts = (target.by_columns(&units), self.each(&mut here.sorted));
        self.pool.run(parts, |part, (target, sorted)| {
            let own = units.range(part);
            let (delta, cut) =
                (delta.columns_of(own.clone()).rows_of(rows.clone()), split.columns(own.start));
            gradient_of_units(compute, descent, x, delta, target, (cut, &mut sorted[0]));
        });
    }
}

/// The values of a hidden layer on which its δ depends.
#[derive(Clone, Copy)]
struct Values<M> {
    z: M,
    h: M,
    s: Option<M>,
}

impl<'a, A: Scalar> Values<&'a Matrix<A>> {
    /// Returns the values of some examples and units.
    fn part(self, rows: Range<usize>, units: Range<usize>) -> Values<MatRef<'a, A>> {
        let part = |matrix: &'a Matrix<A>| matrix.columns_of(units.clone()).rows_of(rows.clone());
        Values { z: part(self.z), h: part(self.h), s: self.s.map(part) }
    }
}

/// δ of a thread's units (G4, G8, G5), from δ of the layer above and their rows of its W.
fn delta_of_units<A: Scalar>(
    compute: Compute,
    activation: Activation,
    [above, weights]: [MatRef<'_, A>; 2],
    Values { z, h, s }: Values<MatRef<'_, A>>,
    mut below_delta: MatMut<'_, A>,
    cut: Cut<'_>,
) {
    let isa = compute.isa;
    // G4: ∂J/∂H = ∂J/∂Z · Wᵀ
    compute.product_with_transposed(above, weights, Write::Set, below_delta.reborrow(), cut);
    if let Some(s) = s {
        // G8: ∂J/∂H = S ⊙ ∂J/∂(S ⊙ H)
        A::mask(isa, s, below_delta.reborrow());
    }
    // G5: ∂J/∂Z = f'(Z) ⊙ ∂J/∂H
    A::multiply_by_derivative(isa, activation, z, h, below_delta.reborrow());
}

/// G2 and G3 for a thread's rows of W, and its columns of b.
fn gradient_of_rows<A: Scalar>(
    compute: Compute,
    Descent { alpha, write }: Descent<A>,
    input: Input<'_, A>,
    delta: MatRef<'_, A>,
    (target, mut biases, of_biases): (MatMut<'_, A>, MatMut<'_, A>, Range<usize>),
    cut: Cut<'_>,
) {
    // G2: ∂J/∂W = Hᵀ · ∂J/∂Z
    compute.transposed_product(alpha, input, delta, write, target, cut);
    // G3: ∂J/∂b = 1 · ∂J/∂Z
    let delta = delta.columns_of(of_biases);
    compute.column_sums(alpha, delta, write, biases.row_mut(0));
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
