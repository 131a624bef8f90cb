//! The output layer: logits, softmax, loss and the derivative G1, in one region, because a thread
//! has whole examples.

use std::ops::Range;

use super::Ops;
use super::buffers::Buffers;
use super::matmul::Input;
use crate::layer::Layer;
use crate::scalar::Scalar;

/// The targets of the output layer.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    pub(crate) classes: &'a [u8], // (examples)
    /// ε: the target is (1-ε)·Y + ε/k.
    pub(crate) smoothing: f64,
    /// The weight of each example's loss in J (1 or 1/n), in training only.
    pub(crate) weight: Option<f64>,
}

/// The results of a batch, example by example.
pub(crate) struct Scores<'a> {
    pub(crate) losses: &'a mut [f64],     // (capacity)
    pub(crate) predictions: &'a mut [u8], // (capacity)
}

impl Ops {
    /// Z = H·W + b for the examples `rows` of the batch; with labels also Ŷ = softmax(Z) and the
    /// losses; in training also δ = ∂J/∂Z (G1). `input` has only these examples.
    pub(crate) fn output_forward<A: Scalar>(
        &mut self,
        layer: &Layer<A>,
        input: Input<'_, A>,
        labels: Option<Labels<'_>>,
        rows: Range<usize>,
        here: &mut Buffers<A>,
        scores: &mut Scores<'_>,
    ) {
        let (compute, isa) = (self.compute, self.compute.isa);
        let (biases, classes) = (layer.biases.mat().row(0), layer.outputs());
        let split = self.examples(rows.len());
        let examples = split.parts;
        let cut = |matrix| examples.rows(matrix);
        let parts = (
            cut(here.z.mat_mut().rows_of(rows.clone())),
            cut(here.h.mat_mut().rows_of(rows.clone())),
            cut(here.delta.mat_mut().rows_of(rows.clone())),
            (
                examples.slice(&mut scores.losses[rows.clone()]),
                examples.slice(&mut scores.predictions[rows.clone()]),
            ),
        );
        self.pool.run(parts, |part, (mut z, mut y_hat, delta, (losses, predictions))| {
            let own = examples.range(part);
            for (piece, weights) in layer.weights.pieces(0..z.columns()) {
                let z = z.reborrow().columns_of(piece.clone());
                compute.affine(input, own.clone(), weights, &biases[piece], z, split.rows(own.start));
            }
            let Some(Labels { classes: labels, smoothing, weight }) = labels else { return };
            let labels = &labels[rows.clone()][own];
            let (z, probabilities) = (z.as_mat(), y_hat.reborrow());
            A::softmax_cross_entropy(isa, classes, smoothing, z, labels, probabilities, losses, predictions);
            if let Some(weight) = weight {
                // G1: ∂J/∂Z = Ŷ - Y, times 1/n for the mean
                A::output_delta(isa, classes, smoothing, weight, y_hat.as_mat(), labels, delta);
            }
        });
    }
}
