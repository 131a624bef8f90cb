//! Dropout masks for hidden layers and inputs. A mask depends only on seed, step, layer, example
//! and unit, so threads and interruptions cannot change it.

use ndarray::{Array2, s};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::Ops;
use super::matmul::Input;
use crate::kernels::mat::{MatMut, MatRef};
use crate::linalg::csr::{CsrMatrix, Features};
use crate::objective::Objective;
use crate::parallel::Partition;
use crate::random::native::generator;
use crate::scalar::Scalar;

/// The masks of one pass, for the inputs and for each hidden layer.
pub(crate) struct Masking {
    inputs: Option<LayerMask>,
    hidden: Option<LayerMask>,
    first: u64, // number of the inputs' mask
}

impl Masking {
    /// Drops nothing.
    pub(crate) const NONE: Self = Self { inputs: None, hidden: None, first: 0 };

    /// Returns the masks of a training step for a network with `layers` layers.
    pub(crate) fn new(objective: &Objective, step: u64, layers: usize) -> Self {
        let mask = |probability| LayerMask::new(objective.seed, probability);
        let (inputs, hidden) = (mask(objective.input_dropout), mask(objective.dropout));
        Self { inputs, hidden, first: step.wrapping_mul(layers as u64) }
    }

    /// Returns the mask of the inputs.
    pub(crate) fn inputs(&self) -> Option<LayerMask> {
        self.inputs.as_ref().map(|mask| mask.numbered(self.first))
    }

    /// Returns the mask of hidden layer `l`, counted from 0.
    pub(crate) fn hidden(&self, l: usize) -> Option<LayerMask> {
        self.hidden.as_ref().map(|mask| mask.numbered(self.first.wrapping_add(l as u64 + 1)))
    }
}

const HALF_WORDS: f64 = 65_536.0;

/// Each row of a mask is padded to a multiple of this number of units.
const ROW: usize = 16;

/// The mask of one layer in one step. Mask m is drawn from stream m + 1 of the seed (stream 0 is
/// [`NativeStream`](crate::NativeStream)); each unit uses half a 32-bit word.
#[derive(Clone, Debug)]
pub(crate) struct LayerMask {
    generator: ChaCha8Rng,
    threshold: u32, // half-words below it drop their unit
    scale: f64,     // of units that stay, 1/(1-p)
}

impl LayerMask {
    /// Returns mask -1, for [`numbered`](Self::numbered); `None` if the probability rounds to 0.
    fn new(seed: u64, probability: f64) -> Option<Self> {
        let threshold = (probability * HALF_WORDS).round().min(HALF_WORDS - 1.0) as u32;
        let scale = HALF_WORDS / (HALF_WORDS - f64::from(threshold));
        (threshold > 0).then(|| Self { generator: generator(seed), threshold, scale })
    }

    /// Returns the mask of this number.
    fn numbered(&self, number: u64) -> Self {
        let mut mask = self.clone();
        mask.generator.set_stream(number.wrapping_add(1));
        mask
    }

    /// Starts to draw the mask, in rows of `units`.
    fn draw(&self, units: usize) -> Rows {
        let (generator, row_words) = (self.generator.clone(), units.next_multiple_of(ROW) / 2);
        Rows { generator, threshold: self.threshold, row_words }
    }

    /// Fills S (rows × some units) of a layer of `units`, from unit `first`, a multiple of 8.
    pub(crate) fn fill<A: Scalar>(&self, units: usize, first: usize, mut s: MatMut<'_, A>) {
        let (mut mask, scale) = (self.draw(units), A::from_f64(self.scale));
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

/// A mask, drawn row by row.
struct Rows {
    generator: ChaCha8Rng,
    threshold: u32,
    row_words: usize,
}

impl Rows {
    /// Seeks to an even unit of a row.
    fn seek(&mut self, row: usize, unit: usize) {
        self.generator.set_word_pos((row * self.row_words + unit / 2) as u128);
    }

    /// Returns whether each of the next two units stays.
    #[inline]
    fn next_two(&mut self) -> [bool; 2] {
        let word = self.generator.next_u32();
        [word & 0xFFFF, word >> 16].map(|half| half >= self.threshold)
    }
}

/// A batch after input dropout. The mask skips zeros, so it is the same for dense and sparse rows.
#[derive(Debug)]
pub(crate) struct DroppedInputs<A> {
    rows: usize,        // of the last batch; 0 without dropout
    is_sparse: bool,    // is the last batch sparse?
    dense: Array2<A>,   // (capacity, inputs)
    ends: Vec<usize>,   // (2·capacity): start and end of each example's entries
    columns: Vec<u32>,  // (capacity·inputs)
    values: Vec<A>,     // (capacity·inputs)
    examples: Vec<u32>, // 0, 2, 4, …: index of each example's start in `ends`
    starts: Vec<usize>, // (capacity + 1): starts of the examples' entries before dropout
}

impl<A: Scalar> DroppedInputs<A> {
    pub(crate) fn new(capacity: usize, inputs: usize) -> Self {
        let count = capacity * inputs;
        Self {
            rows: 0,
            is_sparse: false,
            dense: Array2::zeros((capacity, inputs)),
            ends: vec![0; 2 * capacity],
            columns: vec![0; count],
            values: vec![A::zero(); count],
            examples: (0..capacity).map(|example| 2 * example as u32).collect(),
            starts: vec![0; capacity + 1],
        }
    }

    /// Returns the number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.dense.ncols()
    }

    /// Returns S ⊙ X, or X without a mask.
    pub(crate) fn drop_from<'a>(
        &'a mut self,
        x: &'a Features<'_, A>,
        mask: Option<LayerMask>,
        ops: &mut Ops,
    ) -> Input<'a, A> {
        self.rows = 0;
        if let Some(mask) = mask {
            self.fill(&mask, x, ops);
        }
        self.rest_of(x)
    }

    /// Returns the result of the last [`drop_from`](Self::drop_from).
    pub(crate) fn rest_of<'a>(&'a self, x: &'a Features<'_, A>) -> Input<'a, A> {
        match self.rows {
            0 => Input::from(x),
            _ if self.is_sparse => Input::Sparse(self.sparse()),
            rows => {
                let (dense, inputs) = (self.dense.as_slice().expect("made contiguous"), self.inputs());
                Input::Dense(MatRef::from_rows(dense, rows, inputs, inputs))
            }
        }
    }

    /// Applies the mask. Each thread has its own examples.
    fn fill(&mut self, mask: &LayerMask, x: &Features<'_, A>, ops: &mut Ops) {
        let ((rows, inputs), pool) = (x.dim(), &mut ops.pool);
        let (examples, scale) = (Partition::new(rows, 1, pool.len()), A::from_f64(mask.scale));
        (self.rows, self.is_sparse) = (rows, matches!(x, Features::Sparse(_)));
        match x {
            Features::Dense(x) => {
                let dense = self.dense.as_slice_mut().expect("made contiguous");
                pool.run(examples.scaled(inputs).slice(&mut dense[..rows * inputs]), |part, dense| {
                    let mut mask = mask.draw(inputs);
                    for (row, dense) in examples.range(part).zip(dense.chunks_mut(inputs)) {
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
                let columns = examples.spans(&mut self.columns[..total], starts);
                let kept = (columns, examples.spans(&mut self.values[..total], starts));
                let ends = examples.scaled(2).slice(&mut self.ends[..2 * rows]);
                pool.run((kept, ends), |part, ((columns, values), ends)| {
                    let mut mask = mask.draw(inputs);
                    let first = starts[examples.range(part).start];
                    for (row, ends) in examples.range(part).zip(ends.chunks_mut(2)) {
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

    /// Returns the last batch (examples × inputs), or `None` without dropout.
    pub(crate) fn to_array(&self) -> Option<Array2<A>> {
        match self.rows {
            0 => None,
            _ if self.is_sparse => Some(self.sparse().to_dense()),
            rows => Some(self.dense.slice(s![..rows, ..]).to_owned()),
        }
    }

    fn sparse(&self) -> CsrMatrix<'_, A> {
        let (ends, examples) = (&self.ends[..2 * self.rows], &self.examples[..self.rows]);
        CsrMatrix::from_parts(self.inputs(), ends, &self.columns, &self.values, examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::matrix::{Matrix, line};
    use crate::parallel::Pool;

    fn mask<A: Scalar>(dropout: f64, units: usize, cuts: usize) -> ndarray::Array2<A> {
        let mut s = Matrix::zeros(40, units);
        let partition = Partition::new(s.width(), line::<A>(), cuts);
        s.arrange(&partition);
        let mask = LayerMask::new(3, dropout).unwrap().numbered(5);
        let mut pool = Pool::new(cuts);
        pool.run(s.by_columns(40, &partition), |number, part| {
            mask.fill(units, partition.range(number).start, part);
        });
        s.to_array()
    }

    #[test]
    fn a_mask_does_not_depend_on_the_number_of_threads() {
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
    fn a_mask_drops_its_fraction_and_has_mean_one() {
        for dropout in [0.1, 0.5, 0.9] {
            let s = mask::<f64>(dropout, 1000, 1);
            let n = s.len() as f64;
            let out = s.iter().filter(|&&s| s == 0.0).count() as f64;
            // Five standard deviations of a binomial distribution.
            assert!((out - n * dropout).abs() < 5.0 * (n * dropout * (1.0 - dropout)).sqrt());
            let kept = s.iter().copied().fold(0.0, f64::max);
            assert!((kept - 1.0 / (1.0 - dropout)).abs() < 1e-3);
        }
        assert!(LayerMask::new(3, 0.0).is_none());
    }

    #[test]
    fn the_masks_are_frozen() {
        let s = mask::<f32>(0.5, 24, 1);
        let bits: Vec<u8> = s.row(1).iter().map(|&s| u8::from(s > 0.0)).collect();
        assert_eq!(bits, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]);
    }
}
