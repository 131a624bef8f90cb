//! The loops of the output layer: softmax with cross-entropy and prediction, and the derivative G1.

use super::isa::Work;
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::Simd;
use crate::loss::{cross_entropy, smoothing_loss, softmax_row};

/// Ŷ ← softmax(Z), with the loss and prediction of each example. Only the first `classes` columns
/// count.
pub(super) struct SoftmaxCrossEntropy<'a, 'y, A> {
    pub(super) classes: usize,
    pub(super) label_smoothing: f64,
    pub(super) z: MatRef<'a, A>,
    pub(super) labels: &'a [u8],
    pub(super) y_hat: MatMut<'y, A>,
    pub(super) losses: &'y mut [f64],
    pub(super) predictions: &'y mut [u8],
}

impl<A: Real> Work for SoftmaxCrossEntropy<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        let rows = self.z.rows();
        assert!(
            [self.y_hat.rows(), self.labels.len(), self.losses.len(), self.predictions.len()] == [rows; 4]
        );
        for (row, &label) in self.labels.iter().enumerate() {
            let z = &self.z.row(row)[..self.classes];
            let (prediction, sum) = softmax_row(z, &mut self.y_hat.row_mut(row)[..self.classes]);
            self.losses[row] = cross_entropy(z, label, prediction, sum);
            self.predictions[row] = prediction as u8;
        }
        if self.label_smoothing > 0.0 {
            for ((row, loss), &label) in self.losses.iter_mut().enumerate().zip(self.labels) {
                *loss += smoothing_loss(self.label_smoothing, &self.z.row(row)[..self.classes], label);
            }
        }
    }
}

/// δ ← (Ŷ - Y)·weight (G1). With label smoothing, Y is (1-ε)·Y + ε/k.
pub(super) struct OutputDelta<'a, 'd, A> {
    pub(super) classes: usize,
    pub(super) label_smoothing: f64,
    /// The weight of each example's loss in J: 1, or 1/n.
    pub(super) weight: f64,
    pub(super) y_hat: MatRef<'a, A>,
    pub(super) labels: &'a [u8],
    pub(super) delta: MatMut<'d, A>,
}

impl<A: Real> Work for OutputDelta<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        let Self { classes, label_smoothing, .. } = self;
        let every_class = A::from_f64(label_smoothing / classes as f64);
        let at_label = A::from_f64(1.0 - label_smoothing);
        let weight = A::from_f64(self.weight);
        for (row, &label) in self.labels.iter().enumerate() {
            let delta = self.delta.row_mut(row);
            delta.copy_from_slice(self.y_hat.row(row));
            delta[..classes].iter_mut().for_each(|delta| *delta -= every_class);
            delta[usize::from(label)] -= at_label;
            delta.iter_mut().for_each(|delta| *delta *= weight);
        }
    }
}
