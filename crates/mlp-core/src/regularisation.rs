//! What training adds to the passes against overfitting: label smoothing, and dropout with its random masks. A network in use has
//! neither: they belong to a [`Workspace`](crate::Workspace) in training, not to the network.
//!
//! Their derivatives are in [`crate::gradients`] and in the backward pass of `network.rs`. Weight decay is no part of the passes: it is in
//! `optimiser.rs`.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::kernels::{Block, BlockMut};
use crate::{Reduction, Scalar};

/// Dropout and label smoothing. The default is neither.
///
/// ```
/// use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream, Reduction, Regularisation, Workspace};
///
/// let architecture =
///     Architecture { inputs: 4, hidden: vec![50], outputs: 3, activation: Activation::Relu };
/// let mut network = Mlp::new(&architecture, Init::He, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 2);
/// workspace.regularise(Regularisation { dropout: 0.5, label_smoothing: 0.1, seed: 0 });
///
/// let x = ndarray::array![[1.0_f32, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5]];
/// network.train_step(x.view(), &[0, 2], Reduction::Mean, 0.1, &mut workspace);
/// // Each hidden unit is left out of an example with probability 1/2. `forward`, `logits` and `probabilities` leave out none.
/// let out = workspace.dropout_mask(0).iter().filter(|&&s| s == 0.0).count();
/// assert!((20..80).contains(&out));
/// # Ok::<(), mlp_core::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularisation {
    /// p, the probability with which a hidden unit is left out of an example, from 0 to below 1. H becomes S ⊙ H, where an entry of S is 0
    /// with probability p and else 1/(1-p), so that its mean is 1 and the trained network is used as it is: Srivastava and
    /// others 2014, in the "inverted" form. The probability is taken as a multiple of 2⁻¹⁶.
    pub dropout: f64,
    /// ε, from 0 to below 1: the target is (1-ε)·Y + ε/k instead of Y, for k classes (Szegedy and others 2016). The losses of training are
    /// those to the smoothed targets.
    pub label_smoothing: f64,
    /// Of the masks: they are a function of seed, step, layer, example and unit.
    pub seed: u64,
}

/// The loss J of a batch, as training has it.
///
/// ```
/// use mlp_core::{Objective, Reduction};
///
/// assert_eq!(Objective::from(Reduction::Sum), Objective::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objective {
    /// How the losses of the examples become one.
    pub reduction: Reduction,
    /// What training adds.
    pub regularisation: Regularisation,
}

impl From<Reduction> for Objective {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}

impl Regularisation {
    /// # Panics
    /// If a probability is not from 0 to below 1.
    #[track_caller]
    pub(crate) fn check(&self) {
        for (name, value) in [("dropout", self.dropout), ("label smoothing", self.label_smoothing)] {
            assert!((0.0..1.0).contains(&value), "{name} of {value}: expected from 0 to below 1");
        }
    }

    /// The numbers of which unit numbers that are equal are left out, of 2¹⁶.
    fn threshold(&self) -> u32 {
        (self.dropout * HALF_WORDS).round().min(HALF_WORDS - 1.0) as u32
    }

    /// Whether any unit is ever left out.
    pub(crate) fn drops(&self) -> bool {
        self.threshold() > 0
    }

    /// What is taken off the probability of every class for the target (1-ε)·Y + ε/k, and what is taken off that of the label beyond it.
    pub(crate) fn targets<A: Scalar>(&self, classes: usize) -> (A, A) {
        (A::from_f64(self.label_smoothing / classes as f64), A::from_f64(1.0 - self.label_smoothing))
    }
}

const HALF_WORDS: f64 = 65_536.0;

/// Units whose random numbers are drawn together: rows begin at a multiple.
const ROW: usize = 16;

/// The masks of one step.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    generator: ChaCha8Rng,
    threshold: u32,
    scale: f64,
}

impl Masks {
    /// Those of the `step`-th forward pass in training through `layers` hidden layers.
    pub(crate) fn new(regularisation: &Regularisation) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&regularisation.seed.to_le_bytes());
        let threshold = regularisation.threshold();
        let scale = HALF_WORDS / (HALF_WORDS - f64::from(threshold));
        Self { generator: ChaCha8Rng::from_seed(key), threshold, scale }
    }

    /// S (rows × some units) of a layer of `units`, from unit `first`, a multiple of 8, on.
    ///
    /// `number` counts the hidden layers of all steps. Stream 0 of the seed is [`NativeStream`](crate::NativeStream)'s, mask number m is drawn
    /// from stream m + 1; a unit takes half a word of 32 bits.
    pub(crate) fn fill<A: Scalar>(&self, number: u64, units: usize, first: usize, mut s: BlockMut<'_, A>) {
        let mut generator = self.generator.clone();
        generator.set_stream(number.wrapping_add(1));
        let (row_words, first_word) = (units.next_multiple_of(ROW) / 2, first / 2);
        let scale = A::from_f64(self.scale);
        for row in 0..s.rows() {
            generator.set_word_pos((row * row_words + first_word) as u128);
            for pair in s.row_mut(row).chunks_mut(2) {
                let word = generator.next_u32();
                for (half, s) in pair.iter_mut().enumerate() {
                    *s = if (word >> (16 * half)) & 0xFFFF < self.threshold { A::zero() } else { scale };
                }
            }
        }
    }
}

/// Out ← S ⊙ H.
pub(crate) fn multiply<A: Scalar>(s: Block<'_, A>, h: Block<'_, A>, mut out: BlockMut<'_, A>) {
    for row in 0..out.rows() {
        for ((out, &s), &h) in out.row_mut(row).iter_mut().zip(s.row(row)).zip(h.row(row)) {
            *out = s * h;
        }
    }
}

/// D ← S ⊙ D.
pub(crate) fn multiply_by<A: Scalar>(s: Block<'_, A>, mut d: BlockMut<'_, A>) {
    for row in 0..d.rows() {
        d.row_mut(row).iter_mut().zip(s.row(row)).for_each(|(d, &s)| *d *= s);
    }
}

/// What smoothing adds to the cross-entropy of logits z at a label y: J = lse(z) - (1-ε) z_y - (ε/k) Σ z_c, which is
/// lse(z) - z_y + ε (z_y - mean z).
pub(crate) fn smoothing_loss<A: Scalar>(label_smoothing: f64, z: &[A], label: u8) -> f64 {
    let at_label = z[usize::from(label)].into_f64();
    // The differences first: a sum of logits may leave the range.
    let distance: f64 = z.iter().map(|&z| at_label - z.into_f64()).sum();
    label_smoothing * distance / z.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Shares;
    use crate::matrix::{Matrix, line};

    fn mask<A: Scalar>(dropout: f64, units: usize, cuts: usize) -> ndarray::Array2<A> {
        let mut s = Matrix::zeros(40, units);
        let shares = Shares::new(s.width(), line::<A>(), cuts);
        s.arrange(&shares);
        let masks = Masks::new(&Regularisation { dropout, label_smoothing: 0.0, seed: 3 });
        let mut team = crate::kernels::Team::new(cuts);
        team.run(s.by_columns(40, &shares), |member, part| {
            masks.fill(5, units, shares.range(member).start, part);
        });
        s.to_array()
    }

    #[test]
    fn a_mask_does_not_depend_on_who_draws_it() {
        for units in [1, 10, 33, 100] {
            let all = mask::<f32>(0.3, units, 1);
            for cuts in [2, 3, 5] {
                assert_eq!(mask::<f32>(0.3, units, cuts), all, "{units} units, {cuts} threads");
            }
            let doubles = mask::<f64>(0.3, units, 2);
            assert!(all.iter().zip(&doubles).all(|(&s, &d)| s == d as f32));
        }
    }

    #[test]
    fn a_mask_leaves_out_its_share_and_has_mean_one() {
        for dropout in [0.1, 0.5, 0.9] {
            let s = mask::<f64>(dropout, 1000, 1);
            let n = s.len() as f64;
            let out = s.iter().filter(|&&s| s == 0.0).count() as f64;
            // Five standard deviations of a binomial distribution.
            assert!((out - n * dropout).abs() < 5.0 * (n * dropout * (1.0 - dropout)).sqrt());
            let kept = s.iter().copied().fold(0.0, f64::max);
            assert!((kept - 1.0 / (1.0 - dropout)).abs() < 1e-3);
        }
        assert!(mask::<f32>(0.0, 64, 1).iter().all(|&s| s == 1.0));
    }

    #[test]
    fn the_masks_are_frozen() {
        let s = mask::<f32>(0.5, 24, 1);
        let bits: Vec<u8> = s.row(1).iter().map(|&s| u8::from(s > 0.0)).collect();
        assert_eq!(bits, FROZEN);
    }

    const FROZEN: [u8; 24] = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0];

    #[test]
    fn the_smoothed_loss_is_that_of_its_definition() {
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
