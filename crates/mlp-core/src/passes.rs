//! The forward and backward pass: the chapter's equations on whole matrices. G1 to G9 are derived
//! in [`crate::gradients`]; `ops/` computes each operation. If you are new here, read `oracle.rs`
//! first: the same equations as plain loops.
//!
//! Symbols: inputs X (n×d), one example per row; Z and H of a layer, before and after its
//! activation f; its dropout mask S; logits Z^o; their softmax Ŷ; labels Y; loss J; weights W and
//! biases b.

use crate::activation::Activation;
use crate::instances::instances;
use crate::kernels::Step;
use crate::layer::Layer;
use crate::linalg::csr::Features;
use crate::linalg::matrix::Matrix;
use crate::ops::Ops;
use crate::ops::buffers::{Buffers, input};
use crate::ops::dropout::{DroppedInputs, Masking};
use crate::ops::hidden::Descent;
use crate::ops::output::{Labels, Scores};
use crate::ops::shards::Sums;
use crate::scalar::Scalar;
use crate::shards::{Peers, Shards};

/// The parts of a workspace that the passes use.
pub struct Memory<'w, A> {
    pub(crate) ops: &'w mut Ops,
    pub(crate) buffers: &'w mut [Buffers<A>], // Z, H, ∂J/∂Z, S of each layer
    pub(crate) dropped: &'w mut DroppedInputs<A>,
    pub(crate) scores: Scores<'w>,
    pub(crate) masking: Masking,
    pub(crate) batch: usize,   // number of examples in all processes
    pub(crate) shards: Shards, // one in inference
    pub(crate) sums: &'w mut Sums<A>,
}

/// The forward pass: Z and H of every layer; with labels also Ŷ and J; in training also ∂J/∂Z^o.
fn forward<A: Scalar>(
    layers: &[Layer<A>],
    f: Activation,
    x: &Features<'_, A>,
    labels: Option<Labels<'_>>,
    Memory { ops, buffers, dropped, mut scores, masking, batch, shards, .. }: Memory<'_, A>,
) {
    let last = layers.len() - 1;
    // S ⊙ X, with dropout of inputs
    let x = dropped.drop_from(x, masking.inputs(), ops);
    for shard in shards.own() {
        let rows = shards.rows(shard, batch);
        for (l, layer) in layers[..last].iter().enumerate() {
            let (below, here) = buffers.split_at_mut(l);
            let (input, mask) = (input(below, x, rows.clone()), masking.hidden(l, rows.start));
            // Z^h = X·W^h + b^h,  H = f(Z^h),  and with dropout S ⊙ H
            ops.hidden_forward(layer, f, input, mask, rows.clone(), &mut here[0]);
        }
        let (below, here) = buffers.split_at_mut(last);
        let input = input(below, x, rows.clone());
        // Z^o = H·W^o + b^o,  Ŷ = softmax(Z^o),  J = -Σ log ŷ_y
        // G1: ∂J/∂Z^o = Ŷ - Y
        ops.output_forward(&layers[last], input, labels, rows, &mut here[0], &mut scores);
    }
}

/// The backward pass of a batch that is not split, after its forward pass in training. Writes the
/// gradient of each layer to its target. `layers` are the parameters, if the targets are not.
fn backward<A: Scalar>(
    layers: Option<&[Layer<A>]>,
    f: Activation,
    x: &Features<'_, A>,
    descent: Descent<A>,
    targets: &mut [Layer<A>],
    Memory { ops, buffers, dropped, .. }: Memory<'_, A>,
) {
    let (x, rows) = (dropped.rest_of(x), 0..x.dim().0);
    for l in (1..targets.len()).rev() {
        let (parameters, (lower, upper)) = (layers.map(|layers| &layers[l]), targets.split_at_mut(l));
        let (below, here) = buffers[l - 1..=l].split_at_mut(1);
        let first = (l == 1).then(|| (x, &mut lower[0]));
        // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ,  G8: S ⊙ ∂J/∂(S ⊙ H),  G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
        // G2: ∂J/∂W^o = Hᵀ · ∂J/∂Z^o,  G3: ∂J/∂b^o = 1 · ∂J/∂Z^o
        // and for the first layer, from its own ∂J/∂Z^h,
        // G6: ∂J/∂W^h = Xᵀ · ∂J/∂Z^h,  G7: ∂J/∂b^h = 1 · ∂J/∂Z^h
        let (buffers, target) = ((&mut below[0], &here[0]), (parameters, &mut upper[0]));
        ops.hidden_backward(descent, f, rows.clone(), buffers, target, first);
    }
    if let [only] = targets {
        // G6, G7 in a network without hidden layers
        ops.input_gradient(descent, x, rows, &mut buffers[0], only);
    }
}

/// The backward pass of a batch in shards, after its forward pass in training. Writes the gradient
/// of each layer, summed over the shards in the order of their tree, and over all processes.
fn backward_in_shards<A: Scalar>(
    layers: &[Layer<A>],
    f: Activation,
    x: &Features<'_, A>,
    targets: &mut [Layer<A>],
    mut peers: Option<&mut dyn Peers<A>>,
    Memory { ops, buffers, dropped, batch, shards, sums, .. }: Memory<'_, A>,
) {
    let (x, descent) = (dropped.rest_of(x), Descent::gradient());
    for (l, target) in targets.iter_mut().enumerate().rev() {
        let (below, here) = buffers.split_at_mut(l);
        let (mut below, here) = (below.last_mut(), &mut here[0]);
        ops.sum_own_shards(sums, l, target, &mut |ops, shard, target| {
            let rows = shards.rows(shard, batch);
            match &below {
                // G2: ∂J/∂W^o = Hᵀ · ∂J/∂Z^o,  G3: ∂J/∂b^o = 1 · ∂J/∂Z^o
                Some(below) => ops.hidden_gradient(descent, rows, (below, here), target),
                // G6: ∂J/∂W^h = Xᵀ · ∂J/∂Z^h,  G7: ∂J/∂b^h = 1 · ∂J/∂Z^h
                None => ops.input_gradient(descent, x.rows_of(rows.clone()), rows, here, target),
            }
        });
        if let Some(peers) = &mut peers {
            peers.start(l, sums.take(l));
        }
        if let Some(below) = &mut below {
            for shard in shards.own() {
                // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ,  G8: S ⊙ ∂J/∂(S ⊙ H),  G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
                ops.hidden_delta(f, shards.rows(shard, batch), (below, here), &layers[l]);
            }
        }
    }
    if let Some(peers) = peers {
        for (l, target) in targets.iter_mut().enumerate().rev() {
            sums.put(l, peers.finish(l));
            ops.copy_total(sums, l, target);
        }
    }
}

/// Writes ∂J/∂X, after a forward pass in training.
fn backward_to_inputs<A: Scalar>(
    layers: &[Layer<A>],
    f: Activation,
    target: &mut Matrix<A>,
    Memory { ops, buffers, batch, shards, .. }: Memory<'_, A>,
) {
    for shard in shards.own() {
        let rows = shards.rows(shard, batch);
        for l in (1..layers.len()).rev() {
            let (below, here) = buffers.split_at_mut(l);
            // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ,  G8: S ⊙ ∂J/∂(S ⊙ H),  G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
            ops.hidden_delta(f, rows.clone(), (&mut below[l - 1], &here[0]), &layers[l]);
        }
        // G9: ∂J/∂X = ∂J/∂Z^h · W^hᵀ
        ops.gradient_of_inputs(&layers[0], &buffers[0].delta, rows, target);
    }
}

instances! {
    /// The passes, and the operations that follow them, for one number type.
    trait Passes;

    /// See [`forward`].
    fn forward(
        layers: &[Layer<Self>], f: Activation, x: &Features<'_, Self>, labels: Option<Labels<'_>>,
        memory: Memory<'_, Self>,
    ) = forward(layers, f, x, labels, memory);

    /// See [`backward`].
    fn backward(
        layers: Option<&[Layer<Self>]>, f: Activation, x: &Features<'_, Self>, descent: Descent<Self>,
        targets: &mut [Layer<Self>], memory: Memory<'_, Self>,
    ) = backward(layers, f, x, descent, targets, memory);

    /// See [`backward_in_shards`].
    fn backward_in_shards(
        layers: &[Layer<Self>], f: Activation, x: &Features<'_, Self>, targets: &mut [Layer<Self>],
        peers: Option<&mut dyn Peers<Self>>, memory: Memory<'_, Self>,
    ) = backward_in_shards(layers, f, x, targets, peers, memory);

    /// See [`backward_to_inputs`].
    fn backward_to_inputs(
        layers: &[Layer<Self>], f: Activation, target: &mut Matrix<Self>, memory: Memory<'_, Self>,
    ) = backward_to_inputs(layers, f, target, memory);

    /// See [`Ops::step_from_inputs`].
    fn step_from_inputs(ops: &mut Ops, x: &Features<'_, Self>, distance: f64, gradients: &mut Matrix<Self>) =
        ops.step_from_inputs(x, distance, gradients);

    /// θ ← θ + alpha·gradient.
    fn descend(alpha: Self, gradients: &[Layer<Self>], layers: &mut [Layer<Self>]) =
        layers.iter_mut().zip(gradients).for_each(|(layer, gradient)| layer.scaled_add(alpha, gradient));

    /// See [`Ops::sum_of_squares`].
    fn sum_of_squares(ops: &mut Ops, gradient: &Layer<Self>, squares: &mut [f64]) -> f64 =
        ops.sum_of_squares(gradient, squares);

    /// See [`Ops::optimize`].
    fn take_step(
        ops: &mut Ops, step: Step, kept: f64, gradient: &Layer<Self>, layer: &mut Layer<Self>,
        states: [&mut Layer<Self>; 2],
    ) = ops.optimize(step, kept, gradient, layer, states);

    /// See [`Ops::approach`].
    fn average(ops: &mut Ops, share: f64, target: &Layer<Self>, average: &mut Layer<Self>) =
        ops.approach(share, target, average);
}
