//! Softmax and cross-entropy of one example, computed from the logits, which is stable for all
//! finite logits. The loops over a batch, and G1, are in `kernels/softmax.rs`.

use std::ops::AddAssign;

use ndarray::{ArrayViewMut2, Axis};

use crate::kernels::real::Real;
use crate::names::named;

/// How the examples' losses are combined into the loss J of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Reduction {
    /// J = Σ J_i, as in the chapter. The step size then grows with the batch.
    #[default]
    Sum,
    /// J = (1/n) Σ J_i.
    Mean,
}

impl Reduction {
    /// Returns the factor of each example's loss: 1, or 1/n.
    pub fn weight(self, examples: usize) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Mean => 1.0 / examples as f64,
        }
    }
}

named!(Reduction, "loss reduction", Sum => "sum", Mean => "mean");

/// The result of evaluating labeled examples. Scores of several batches can be added.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Sum of the cross-entropies, in nats.
    pub loss_sum: f64,
    /// Number of correct predictions.
    pub correct: usize,
    /// Number of examples.
    pub examples: usize,
}

impl Score {
    /// Returns the loss J, in nats. The mean over no examples is NaN.
    pub fn loss(&self, reduction: Reduction) -> f64 {
        self.loss_sum * reduction.weight(self.examples)
    }

    /// Returns the fraction of correct predictions; NaN for no examples.
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

/// Returns the index of the largest value, the first of equal ones, like NumPy's `argmax`; 0 if
/// there are none. NaN is ignored.
///
/// ```
/// assert_eq!(mlp_core::argmax([1.0_f32, 3.0, 3.0, 2.0]), 1);
/// ```
pub fn argmax<A: Real>(values: impl IntoIterator<Item = A>) -> usize {
    let mut values = values.into_iter().enumerate();
    let Some(mut best) = values.next() else { return 0 };
    for (index, value) in values {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

/// Computes one row of softmax. Returns the index of the maximum, and Σ exp(z_c - max).
#[inline(always)]
pub(crate) fn softmax_row<A: Real>(z: &[A], y_hat: &mut [A]) -> (usize, A) {
    let prediction = argmax(z.iter().copied());
    let max = z[prediction];
    for (p, &z) in y_hat.iter_mut().zip(z) {
        *p = (z - max).exponential();
    }
    let mut sum = A::zero();
    for &p in &*y_hat {
        sum += p;
    }
    for p in y_hat {
        *p /= sum;
    }
    (prediction, sum)
}

/// Replaces each row of logits by its softmax.
///
/// ```
/// let mut p = ndarray::array![[1e30_f32, 1e30, 0.0]];
/// mlp_core::softmax(p.view_mut());
/// assert_eq!(p, ndarray::array![[0.5, 0.5, 0.0]]);
/// ```
pub fn softmax<A: Real>(mut logits: ArrayViewMut2<'_, A>) {
    if logits.ncols() == 0 {
        return;
    }
    let mut z = vec![A::zero(); logits.ncols()];
    let mut y_hat = z.clone();
    for mut row in logits.axis_iter_mut(Axis(0)) {
        z.iter_mut().zip(&row).for_each(|(z, &logit)| *z = logit);
        softmax_row(&z, &mut y_hat);
        row.iter_mut().zip(&y_hat).for_each(|(p, &y_hat)| *p = y_hat);
    }
}

/// Returns the cross-entropy -log ŷ_y = log Σ exp z_c - z_y of logits z at a label. `prediction`
/// and `sum` come from [`softmax_row`].
#[inline(always)]
pub(crate) fn cross_entropy<A: Real>(z: &[A], label: u8, prediction: usize, sum: A) -> f64 {
    // In f64, because the difference of two f32 logits may overflow f32.
    let difference = z[usize::from(label)].into_f64() - z[prediction].into_f64();
    sum.ln().into_f64() - difference
}

/// Returns what label smoothing ε adds to the cross-entropy of logits z at label y: ε (z_y - mean
/// z), since J = lse(z) - (1-ε) z_y - (ε/k) Σ z_c.
pub(crate) fn smoothing_loss<A: Real>(label_smoothing: f64, z: &[A], label: u8) -> f64 {
    let at_label = z[usize::from(label)].into_f64();
    // Differences first: a sum of logits may overflow.
    let distance: f64 = z.iter().map(|&z| at_label - z.into_f64()).sum();
    label_smoothing * distance / z.len() as f64
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;

    fn run<A: Real>(z: &Array2<A>, labels: &[u8]) -> (Array2<A>, Array1<f64>, Vec<usize>) {
        let (rows, classes) = z.dim();
        let (mut y_hat, mut losses, mut predictions) =
            (vec![A::zero(); rows * classes], vec![0.0; rows], vec![0; rows]);
        for (i, (row, &label)) in z.rows().into_iter().zip(labels).enumerate() {
            let z = row.to_vec();
            let (prediction, sum) = softmax_row(&z, &mut y_hat[i * classes..(i + 1) * classes]);
            (losses[i], predictions[i]) = (cross_entropy(&z, label, prediction, sum), prediction);
        }
        (Array2::from_shape_vec((rows, classes), y_hat).unwrap(), Array1::from_vec(losses), predictions)
    }

    #[test]
    fn softmax_and_loss_agree_with_their_definitions() {
        let z = array![[0.5_f64, -1.0, 2.0], [3.0, 3.0, -3.0]];
        let (y_hat, losses, predictions) = run(&z, &[2, 1]);
        for (i, label) in [2, 1].into_iter().enumerate() {
            let total: f64 = z.row(i).iter().map(|z| z.exp()).sum();
            for c in 0..3 {
                assert!((y_hat[[i, c]] - z[[i, c]].exp() / total).abs() < 4.0 * f64::EPSILON);
            }
            assert!((losses[i] + (z[[i, label]].exp() / total).ln()).abs() < 16.0 * f64::EPSILON);
        }
        // The second example's prediction is the first of two equal logits.
        assert_eq!(predictions, [2, 0]);
    }

    #[test]
    fn huge_logits_give_finite_values() {
        let z = array![[1e30_f32, -1e30, 0.0], [-1e30, -1e30, -1e30], [3e38, 3e38, -3e38]];
        let (y_hat, losses, _) = run(&z, &[0, 1, 1]);
        assert_eq!(y_hat.row(0), array![1.0, 0.0, 0.0]);
        assert_eq!(y_hat.row(1), array![1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(y_hat.row(2), array![0.5, 0.5, 0.0]);
        assert_eq!(losses, array![0.0, f64::from(3.0_f32.ln()), f64::from(2.0_f32.ln())]);
        // The loss is the difference of the logits, where -log(softmax) would be infinite.
        let (_, losses, _) = run(&z, &[1, 0, 0]);
        assert_eq!(losses[0], 2.0 * f64::from(1e30_f32));
    }

    #[test]
    fn scores_can_be_added() {
        let mut total = Score { loss_sum: 1.5, correct: 2, examples: 4 };
        total += Score { loss_sum: 0.5, correct: 1, examples: 1 };
        assert_eq!(total, Score { loss_sum: 2.0, correct: 3, examples: 5 });
        assert_eq!((total.loss(Reduction::Sum), total.loss(Reduction::Mean)), (2.0, 0.4));
        assert_eq!(total.accuracy(), 0.6);
        assert!(
            "average".parse::<Reduction>().unwrap_err().to_string().contains("expected one of sum, mean")
        );
    }

    #[test]
    fn the_smoothed_loss_matches_its_definition() {
        let (z, label, epsilon) = ([0.5_f64, -1.0, 2.0], 1, 0.2);
        let lse = z.iter().map(|z| z.exp()).sum::<f64>().ln();
        let plain = lse - z[label];
        let target = |c| if c == label { 1.0 - epsilon + epsilon / 3.0 } else { epsilon / 3.0 };
        let smoothed: f64 = (0..3).map(|c| target(c) * (lse - z[c])).sum();
        let found = plain + smoothing_loss(epsilon, &z, label as u8);
        assert!((found - smoothed).abs() < 8.0 * f64::EPSILON, "{found} {smoothed}");
        assert_eq!(smoothing_loss(0.1, &[3e38_f32; 10], 2), 0.0);
    }
}
