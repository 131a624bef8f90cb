//! The forward and backward pass: the chapter's equations on whole matrices. G1 to G8 are derived
//! in [`crate::gradients`]; `ops/` computes each operation. If you are new here, read `oracle.rs`
//! first: the same equations as plain loops.
//!
//! Symbols: inputs X (n×d), one example per row; Z and H of a layer, before and after its
//! activation f; its dropout mask S; logits Z^o; their softmax Ŷ; labels Y; loss J; weights W and
//! biases b.

use crate::activation::Activation;
use crate::layer::Layer;
use crate::linalg::csr::Features;
use crate::ops::Ops;
use crate::ops::buffers::{Buffers, input};
use crate::ops::dropout::{DroppedInputs, Masking};
use crate::ops::hidden::Descent;
use crate::ops::output::{Labels, Scores};
use crate::scalar::Scalar;

/// The parts of a workspace that the passes use.
pub(crate) struct Memory<'w, A> {
    pub(crate) ops: &'w mut Ops,
    pub(crate) buffers: &'w mut [Buffers<A>], // Z, H, ∂J/∂Z, S of each layer
    pub(crate) dropped: &'w mut DroppedInputs<A>,
    pub(crate) scores: Scores<'w>,
    pub(crate) masking: Masking,
}

/// The forward pass: Z and H of every layer; with labels also Ŷ and J; in training also ∂J/∂Z^o.
pub(crate) fn forward<A: Scalar>(
    layers: &[Layer<A>],
    f: Activation,
    x: &Features<'_, A>,
    labels: Option<Labels<'_>>,
    Memory { ops, buffers, dropped, scores, masking }: Memory<'_, A>,
) {
    let last = layers.len() - 1;
    // S ⊙ X, with dropout of inputs
    let x = dropped.drop_from(x, masking.inputs(), ops);
    for (l, layer) in layers[..last].iter().enumerate() {
        let (below, here) = buffers.split_at_mut(l);
        // Z^h = X·W^h + b^h,  H = f(Z^h),  and with dropout S ⊙ H
        ops.hidden_forward(layer, f, input(below, x), masking.hidden(l), &mut here[0]);
    }
    let (below, here) = buffers.split_at_mut(last);
    // Z^o = H·W^o + b^o,  Ŷ = softmax(Z^o),  J = -Σ log ŷ_y
    // G1: ∂J/∂Z^o = Ŷ - Y
    ops.output_forward(&layers[last], input(below, x), labels, &mut here[0], scores);
}

/// The backward pass, after a forward pass of the same batch in training. Writes the gradient of
/// each layer to its target. `layers` are the parameters, if the targets are not.
pub(crate) fn backward<A: Scalar>(
    layers: Option<&[Layer<A>]>,
    f: Activation,
    x: &Features<'_, A>,
    descent: Descent<A>,
    targets: &mut [Layer<A>],
    Memory { ops, buffers, dropped, .. }: Memory<'_, A>,
) {
    let x = dropped.rest_of(x);
    for l in (1..targets.len()).rev() {
        let (parameters, (lower, upper)) = (layers.map(|layers| &layers[l]), targets.split_at_mut(l));
        let (below, here) = buffers[l - 1..=l].split_at_mut(1);
        let first = (l == 1).then(|| (x, &mut lower[0]));
        // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ,  G8: S ⊙ ∂J/∂(S ⊙ H),  G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
        // G2: ∂J/∂W^o = Hᵀ · ∂J/∂Z^o,  G3: ∂J/∂b^o = 1 · ∂J/∂Z^o
        // and for the first layer, from its own ∂J/∂Z^h,
        // G6: ∂J/∂W^h = Xᵀ · ∂J/∂Z^h,  G7: ∂J/∂b^h = 1 · ∂J/∂Z^h
        ops.hidden_backward(descent, f, (&mut below[0], &mut here[0]), parameters, &mut upper[0], first);
    }
    if let [only] = targets {
        // G6, G7 in a network without hidden layers
        ops.input_gradient(descent, x, &mut buffers[0], only);
    }
}
