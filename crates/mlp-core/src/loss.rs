//! Softmax and cross-entropy as one operation on the logits. Apart they are unstable: exp overflows, and the logarithm
//! of a probability that has underflowed to 0 is -∞. Together the loss is log Σ exp z - z_y, which is stable for any finite logits.
//!
//! The derivative G1 is the first statement of the backward pass in `network.rs`.

use std::ops::AddAssign;

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip};

use crate::Scalar;
use crate::names::named;

/// How the losses of the examples of a batch become the loss J of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Reduction {
    /// J = Σ J_i, the chapter's. The size of a step then grows with the batch.
    #[default]
    Sum,
    /// J = (1/n) Σ J_i.
    Mean,
}

impl Reduction {
    /// What each example's loss is multiplied by in a batch of `examples`: 1, or 1/n.
    pub fn weight(self, examples: usize) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Mean => 1.0 / examples as f64,
        }
    }
}

named!(Reduction, "loss reduction", Sum => "sum", Mean => "mean");

/// How well a network did on some labelled examples. Scores of several batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Sum of the examples' cross-entropies, in nats.
    pub loss_sum: f64,
    /// Examples whose largest logit (the first of equal ones) is at their label.
    pub correct: usize,
    /// Examples looked at.
    pub examples: usize,
}

impl Score {
    /// The loss J under `reduction`, in nats. The mean over no examples is NaN.
    pub fn loss(&self, reduction: Reduction) -> f64 {
        self.loss_sum * reduction.weight(self.examples)
    }

    /// The share of correct examples, from 0 to 1; NaN for none.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.examples as f64
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.loss_sum += other.loss_sum;
        self.correct += other.correct;
        self.examples += other.examples;
    }
}

/// The index of the largest value, the first of equal ones, as NumPy's `argmax`; 0 if there is none. NaN counts as no value.
///
/// ```
/// assert_eq!(mlp_core::argmax([1.0_f32, 3.0, 3.0, 2.0]), 1);
/// ```
pub fn argmax<A: Scalar>(values: impl IntoIterator<Item = A>) -> usize {
    let mut values = values.into_iter().enumerate();
    let Some(mut best) = values.next() else { return 0 };
    for (index, value) in values {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

/// Ŷ = softmax(Z^o) row by row, and from the same exponentials each example's loss -log ŷ_y = log Σ exp z_c - z_y.
///
/// The row's maximum is subtracted first, so that the largest exponential is 1.
pub(crate) fn softmax_cross_entropy<A: Scalar>(
    z_o: ArrayView2<'_, A>,
    labels: &[u8],
    mut y_hat: ArrayViewMut2<'_, A>,
    losses: ArrayViewMut1<'_, A>,
) -> Score {
    let mut score = Score { examples: labels.len(), ..Score::default() };
    Zip::from(z_o.rows()).and(y_hat.rows_mut()).and(labels).and(losses).for_each(
        |z, mut y_hat, &label, loss| {
            let label = usize::from(label);
            let guess = argmax(z.iter().copied());
            let max = z[guess];
            let mut sum = A::zero();
            Zip::from(&mut y_hat).and(&z).for_each(|p, &z| {
                *p = (z - max).exp();
                sum += *p;
            });
            y_hat.mapv_inplace(|p| p / sum);
            // In f64: the difference of two logits of f32 may leave the range of f32.
            let cross_entropy = sum.ln().into_f64() - (z[label].into_f64() - max.into_f64());
            *loss = A::from_f64(cross_entropy);
            score.loss_sum += cross_entropy;
            score.correct += usize::from(guess == label);
        },
    );
    score
}

/// Softmax of each row of logits in place, for inference.
///
/// ```
/// let mut p = ndarray::array![[1e30_f32, 1e30, 0.0]];
/// mlp_core::softmax(p.view_mut());
/// assert_eq!(p, ndarray::array![[0.5, 0.5, 0.0]]);
/// ```
pub fn softmax<A: Scalar>(mut logits: ArrayViewMut2<'_, A>) {
    if logits.ncols() == 0 {
        return;
    }
    for mut row in logits.axis_iter_mut(Axis(0)) {
        let max = row[argmax(row.iter().copied())];
        row.mapv_inplace(|z| (z - max).exp());
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;

    fn run<A: Scalar>(z: &Array2<A>, labels: &[u8]) -> (Array2<A>, Array1<A>, Score) {
        let (mut y_hat, mut losses) = (Array2::zeros(z.dim()), Array1::zeros(z.nrows()));
        let score = softmax_cross_entropy(z.view(), labels, y_hat.view_mut(), losses.view_mut());
        (y_hat, losses, score)
    }

    #[test]
    fn softmax_and_loss_agree_with_their_definitions() {
        let z = array![[0.5_f64, -1.0, 2.0], [3.0, 3.0, -3.0]];
        let (y_hat, losses, score) = run(&z, &[2, 1]);
        for (i, label) in [2, 1].into_iter().enumerate() {
            let total: f64 = z.row(i).iter().map(|z| z.exp()).sum();
            for c in 0..3 {
                assert!((y_hat[[i, c]] - z[[i, c]].exp() / total).abs() < 4.0 * f64::EPSILON);
            }
            assert!((losses[i] + (z[[i, label]].exp() / total).ln()).abs() < 16.0 * f64::EPSILON);
        }
        // The second example's guess is the first of two equal logits, and so is wrong.
        assert_eq!((score.correct, score.examples, score.accuracy()), (1, 2, 0.5));
        assert_eq!(score.loss(Reduction::Sum), losses.sum());
        assert_eq!(score.loss(Reduction::Mean), losses.sum() / 2.0);
    }

    #[test]
    fn huge_logits_give_the_finite_values_that_mathematics_has() {
        let z = array![[1e30_f32, -1e30, 0.0], [-1e30, -1e30, -1e30], [3e38, 3e38, -3e38]];
        let (y_hat, losses, _) = run(&z, &[0, 1, 1]);
        assert_eq!(y_hat.row(0), array![1.0, 0.0, 0.0]);
        assert_eq!(y_hat.row(1), array![1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(y_hat.row(2), array![0.5, 0.5, 0.0]);
        assert_eq!(losses, array![0.0, 3.0_f32.ln(), 2.0_f32.ln()]);
        // A confident error costs the difference of the logits, where -log(softmax) would say infinity.
        let (_, losses, _) = run(&z, &[1, 0, 0]);
        assert_eq!(losses[0], 2e30);
    }

    #[test]
    fn scores_of_parts_add_up() {
        let mut total = Score { loss_sum: 1.5, correct: 2, examples: 4 };
        total += Score { loss_sum: 0.5, correct: 1, examples: 1 };
        assert_eq!(total, Score { loss_sum: 2.0, correct: 3, examples: 5 });
        assert!(
            "average".parse::<Reduction>().unwrap_err().to_string().contains("expected one of sum, mean")
        );
    }
}
