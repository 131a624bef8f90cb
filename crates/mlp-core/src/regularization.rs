//! What training adds to the passes against overfitting: label smoothing, and dropout with its random masks. A network in use has
//! neither: they belong to a [`Workspace`](crate::Workspace) in training, not to the network.
//!
//! Their derivatives are in [`crate::gradients`] and in the backward pass of `network.rs`. Weight decay is no part of the passes: it is in
//! `optimizer.rs`.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use ndarray::{Array2, s};

use crate::kernels::{Block, BlockMut, Shares, Team};
use crate::{CsrMatrix, Features, Reduction, Scalar};

/// Dropout and label smoothing. The default is neither.
///
/// ```
/// use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream, Reduction, Regularization, Workspace};
///
/// let architecture =
///     Architecture { inputs: 4, hidden: vec![50], outputs: 3, activation: Activation::Relu };
/// let mut network = Mlp::new(&architecture, Init::He, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 2);
/// workspace.regularize(Regularization { dropout: 0.5, label_smoothing: 0.1, ..Regularization::default() });
///
/// let x = ndarray::array![[1.0_f32, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5]];
/// network.train_step(x.view(), &[0, 2], Reduction::Mean, 0.1, &mut workspace);
/// // Each hidden unit is left out of an example with probability 1/2. `forward`, `logits` and `probabilities` leave out none.
/// let out = workspace.dropout_mask(0).iter().filter(|&&s| s == 0.0).count();
/// assert!((20..80).contains(&out));
/// # Ok::<(), mlp_core::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularization {
    /// p, the probability with which a hidden unit is left out of an example, from 0 to below 1. H becomes S ⊙ H, where an entry of S is 0
    /// with probability p and else 1/(1-p), so that its mean is 1 and the trained network is used as it is: Srivastava and
    /// others 2014, in the "inverted" form. The probability is taken as a multiple of 2⁻¹⁶.
    pub dropout: f64,
    /// The same for the inputs: the probability with which a number of an example that is not zero is left out of it, those that stay being
    /// multiplied by 1/(1-p).
    pub input_dropout: f64,
    /// ε, from 0 to below 1: the target is (1-ε)·Y + ε/k instead of Y, for k classes (Szegedy and others 2016). The losses of training are
    /// those to the smoothed targets.
    pub label_smoothing: f64,
    /// Of the masks: they are a function of seed, step, layer, example in the batch, and unit.
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
    pub regularization: Regularization,
}

impl From<Reduction> for Objective {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}

impl Regularization {
    /// # Panics
    /// If a probability is not from 0 to below 1.
    #[track_caller]
    pub(crate) fn check(&self) {
        let named = [
            ("dropout", self.dropout),
            ("input dropout", self.input_dropout),
            ("label smoothing", self.label_smoothing),
        ];
        for (name, value) in named {
            assert!((0.0..1.0).contains(&value), "{name} of {value}: expected from 0 to below 1");
        }
    }

    /// The masks of hidden layers, if any unit is ever left out.
    pub(crate) fn hidden_masks(&self) -> Option<Masks> {
        Masks::new(self.seed, self.dropout)
    }

    /// The masks of the inputs, if any is ever left out.
    pub(crate) fn input_masks(&self) -> Option<Masks> {
        Masks::new(self.seed, self.input_dropout)
    }

    /// What is taken off the probability of every class for the target (1-ε)·Y + ε/k, and what is taken off that of the label beyond it.
    pub(crate) fn targets<A: Scalar>(&self, classes: usize) -> (A, A) {
        (A::from_f64(self.label_smoothing / classes as f64), A::from_f64(1.0 - self.label_smoothing))
    }
}

const HALF_WORDS: f64 = 65_536.0;

/// Units whose random numbers are drawn together: rows begin at a multiple.
const ROW: usize = 16;

/// Where masks of one probability come from. Mask number m is drawn from stream m + 1 of the seed (stream 0 is that of
/// [`NativeStream`](crate::NativeStream)); a unit takes half a word of 32 bits.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    generator: ChaCha8Rng,
    threshold: u32, // of 2¹⁶: smaller half-words leave their unit out
    scale: f64,
}

impl Masks {
    fn new(seed: u64, probability: f64) -> Option<Self> {
        let threshold = (probability * HALF_WORDS).round().min(HALF_WORDS - 1.0) as u32;
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let scale = HALF_WORDS / (HALF_WORDS - f64::from(threshold));
        (threshold > 0).then(|| Self { generator: ChaCha8Rng::from_seed(key), threshold, scale })
    }

    /// What kept units are multiplied by, 1/(1-p).
    fn scale<A: Scalar>(&self) -> A {
        A::from_f64(self.scale)
    }

    /// Mask `number`, of rows of `units`.
    fn mask(&self, number: u64, units: usize) -> Mask {
        let mut generator = self.generator.clone();
        generator.set_stream(number.wrapping_add(1));
        Mask { generator, threshold: self.threshold, row_words: units.next_multiple_of(ROW) / 2 }
    }

    /// S (rows × some units) of mask `number` of a layer of `units`, from unit `first`, a multiple of 8, on.
    pub(crate) fn fill<A: Scalar>(&self, number: u64, units: usize, first: usize, mut s: BlockMut<'_, A>) {
        let (mut mask, scale) = (self.mask(number, units), self.scale());
        for row in 0..s.rows() {
            mask.seek(row, first);
            for pair in s.row_mut(row).chunks_mut(2) {
                for (s, keep) in pair.iter_mut().zip(mask.next_two()) {
                    *s = if keep { scale } else { A::zero() };
                }
            }
        }
    }
}

/// One mask, read row by row.
struct Mask {
    generator: ChaCha8Rng,
    threshold: u32,
    row_words: usize,
}

impl Mask {
    /// Goes to an even unit of a row.
    fn seek(&mut self, row: usize, unit: usize) {
        self.generator.set_word_pos((row * self.row_words + unit / 2) as u128);
    }

    /// Whether the next two units stay.
    #[inline]
    fn next_two(&mut self) -> [bool; 2] {
        let word = self.generator.next_u32();
        [word & 0xFFFF, word >> 16].map(|half| half >= self.threshold)
    }
}

/// A batch of examples of which numbers were left out. The mask goes along the numbers that are not zero, so that it is the same for dense
/// and for sparse rows.
#[derive(Debug)]
pub(crate) struct DroppedInputs<A> {
    is_sparse: bool,    // the last batch
    dense: Array2<A>,   // (capacity, inputs)
    ends: Vec<usize>,   // (2·capacity): where each example's entries begin and end
    columns: Vec<u32>,  // (capacity·inputs) at most
    values: Vec<A>,     // (capacity·inputs) at most
    examples: Vec<u32>, // 0, 2, 4, …: the examples among what lies between two ends
    starts: Vec<usize>, // (capacity + 1): where the entries of an example would begin if none were left out
}

impl<A: Scalar> DroppedInputs<A> {
    pub(crate) fn new(capacity: usize, inputs: usize) -> Self {
        let count = capacity * inputs;
        Self {
            is_sparse: false,
            dense: Array2::zeros((capacity, inputs)),
            ends: vec![0; 2 * capacity],
            columns: vec![0; count],
            values: vec![A::zero(); count],
            examples: (0..capacity).map(|example| 2 * example as u32).collect(),
            starts: vec![0; capacity + 1],
        }
    }

    /// Numbers of an example.
    pub(crate) fn inputs(&self) -> usize {
        self.dense.ncols()
    }

    /// Leaves numbers out of `x`, each member of the team out of its own examples.
    pub(crate) fn fill(&mut self, masks: &Masks, number: u64, x: &Features<'_, A>, team: &mut Team) {
        let (rows, inputs) = x.dim();
        let (examples, scale) = (Shares::new(rows, 1, team.len()), masks.scale::<A>());
        self.is_sparse = matches!(x, Features::Sparse(_));
        match x {
            Features::Dense(x) => {
                let dense = self.dense.as_slice_mut().expect("made contiguous");
                let cut = examples.map(|example| example * inputs);
                team.run(cut.slice(&mut dense[..rows * inputs]), |member, dense| {
                    let mut mask = masks.mask(number, inputs);
                    for (row, dense) in examples.range(member).zip(dense.chunks_mut(inputs)) {
                        mask.seek(row, 0);
                        let (mut keeps, mut next) = ([false; 2], 0);
                        for (dense, &x) in dense.iter_mut().zip(x.row(row)) {
                            *dense = A::zero();
                            if x != A::zero() {
                                if next % 2 == 0 {
                                    keeps = mask.next_two();
                                }
                                if keeps[next % 2] {
                                    *dense = x * scale;
                                }
                                next += 1;
                            }
                        }
                    }
                });
            }
            Features::Sparse(x) => {
                for row in 0..rows {
                    self.starts[row + 1] = self.starts[row] + x.range(row).len();
                }
                let (starts, total) = (&self.starts, self.starts[rows]);
                let entries = examples.map(|example| starts[example]);
                let kept =
                    (entries.slice(&mut self.columns[..total]), entries.slice(&mut self.values[..total]));
                let ends = examples.map(|example| 2 * example).slice(&mut self.ends[..2 * rows]);
                team.run((kept, ends), |member, ((columns, values), ends)| {
                    let mut mask = masks.mask(number, inputs);
                    let first = entries.range(member).start;
                    for (row, ends) in examples.range(member).zip(ends.chunks_mut(2)) {
                        mask.seek(row, 0);
                        let mut at = starts[row] - first;
                        ends[0] = first + at;
                        let (mut keeps, range) = ([false; 2], x.range(row));
                        for (index, entry) in range.enumerate() {
                            if index % 2 == 0 {
                                keeps = mask.next_two();
                            }
                            columns[at] = x.columns().at(entry) as u32;
                            values[at] = x.values().at(entry) * scale;
                            at += usize::from(keeps[index % 2]);
                        }
                        ends[1] = first + at;
                    }
                });
            }
        }
    }

    /// What is left of the batch that was filled in last, of `rows` examples.
    pub(crate) fn features(&self, rows: usize) -> Features<'_, A> {
        if self.is_sparse {
            let (ends, examples) = (&self.ends[..2 * rows], &self.examples[..rows]);
            let inputs = self.inputs();
            Features::Sparse(CsrMatrix::of_parts(inputs, ends, &self.columns, &self.values, examples))
        } else {
            Features::Dense(self.dense.slice(s![..rows, ..]))
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
    use crate::matrix::{Matrix, line};

    fn mask<A: Scalar>(dropout: f64, units: usize, cuts: usize) -> ndarray::Array2<A> {
        let mut s = Matrix::zeros(40, units);
        let shares = Shares::new(s.width(), line::<A>(), cuts);
        s.arrange(&shares);
        let masks = Masks::new(3, dropout).unwrap();
        let mut team = Team::new(cuts);
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
        assert!(Masks::new(3, 0.0).is_none());
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
