//! Dropout masks: drawing them, and dropping inputs.

use std::ops::Range;

use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::mat::MatMut;
use super::real::Real;
use crate::linalg::csr::CsrMatrix;
use crate::random::native::generator;

const HALF_WORDS: f64 = 65_536.0;

/// Each row of a mask is padded to a multiple of this number of units.
const ROW: usize = 16;

/// The mask of one layer in one step. Mask m is drawn from stream m + 1 of the seed (stream 0 is
/// [`NativeStream`](crate::NativeStream)); each unit uses half a 32-bit word.
#[derive(Clone, Debug)]
pub struct LayerMask {
    generator: ChaCha8Rng,
    threshold: u32, // half-words below it drop their unit
    scale: f64,     // of units that stay, 1/(1-p)
    first: usize,   // row of the mask that is row 0 of the kernels
}

impl LayerMask {
    /// Returns mask -1, for [`numbered`](Self::numbered); `None` if the probability rounds to 0.
    pub(crate) fn new(seed: u64, probability: f64) -> Option<Self> {
        let threshold = (probability * HALF_WORDS).round().min(HALF_WORDS - 1.0) as u32;
        let scale = HALF_WORDS / (HALF_WORDS - f64::from(threshold));
        (threshold > 0).then(|| Self { generator: generator(seed), threshold, scale, first: 0 })
    }

    /// Returns the mask of this number.
    pub(crate) fn numbered(&self, number: u64) -> Self {
        let mut mask = self.clone();
        mask.generator.set_stream(number.wrapping_add(1));
        mask
    }

    /// Returns the mask from a later row on.
    pub(crate) fn starting_at(self, row: usize) -> Self {
        Self { first: self.first + row, ..self }
    }

    /// Starts to draw the mask, in rows of `units`.
    fn draw(&self, units: usize) -> Rows {
        let (generator, row_words) = (self.generator.clone(), units.next_multiple_of(ROW) / 2);
        Rows { generator, threshold: self.threshold, row_words, first: self.first }
    }
}

/// A mask, drawn row by row.
struct Rows {
    generator: ChaCha8Rng,
    threshold: u32,
    row_words: usize,
    first: usize,
}

impl Rows {
    /// Seeks to an even unit of a row.
    fn seek(&mut self, row: usize, unit: usize) {
        self.generator.set_word_pos(((self.first + row) * self.row_words + unit / 2) as u128);
    }

    /// Returns whether each of the next two units stays.
    #[inline]
    fn next_two(&mut self) -> [bool; 2] {
        let word = self.generator.next_u32();
        [word & 0xFFFF, word >> 16].map(|half| half >= self.threshold)
    }
}

/// Fills S (rows × some units) of a layer of `units`, from unit `first`, a multiple of 8.
pub(super) fn draw<A: Real>(mask: &LayerMask, units: usize, first: usize, mut s: MatMut<'_, A>) {
    let (mut mask, scale) = (mask.draw(units), A::from_f64(mask.scale));
    for row in 0..s.rows() {
        mask.seek(row, first);
        for pair in s.row_mut(row).chunks_mut(2) {
            for (s, keep) in pair.iter_mut().zip(mask.next_two()) {
                *s = if keep { scale } else { A::zero() };
            }
        }
    }
}

/// S ⊙ X for some dense rows, from row `first`. The mask skips zeros.
pub(super) fn drop_dense<A: Real>(
    mask: &LayerMask,
    first: usize,
    x: ArrayView2<'_, A>,
    mut dropped: MatMut<'_, A>,
) {
    let (mut mask, scale) = (mask.draw(x.ncols()), A::from_f64(mask.scale));
    for (row, x) in x.rows().into_iter().enumerate() {
        mask.seek(first + row, 0);
        let (mut keeps, mut next) = ([false; 2], 0);
        for (dropped, &x) in dropped.row_mut(row).iter_mut().zip(x) {
            *dropped = A::zero();
            if x != A::zero() {
                if next % 2 == 0 {
                    keeps = mask.next_two();
                }
                if keeps[next % 2] {
                    *dropped = x * scale;
                }
                next += 1;
            }
        }
    }
}

/// The entries of some rows of S ⊙ X, row i from entry `starts[i]`.
pub struct DroppedRows<'a, A> {
    pub(crate) rows: Range<usize>,
    pub(crate) starts: &'a [usize],    // of all rows
    pub(crate) ends: &'a mut [usize],  // for each of `rows`, start and end of its entries
    pub(crate) columns: &'a mut [u32], // of all entries of `rows` before dropout
    pub(crate) values: &'a mut [A],
}

/// S ⊙ X for some rows of a sparse X. The mask skips zeros.
pub(super) fn drop_sparse<A: Real>(mask: &LayerMask, x: &CsrMatrix<'_, A>, out: DroppedRows<'_, A>) {
    let DroppedRows { rows, starts, ends, columns, values } = out;
    let (mut mask, scale) = (mask.draw(x.width()), A::from_f64(mask.scale));
    let first = starts[rows.start];
    for (row, ends) in rows.zip(ends.chunks_mut(2)) {
        mask.seek(row, 0);
        let mut at = starts[row] - first;
        ends[0] = first + at;
        let mut keeps = [false; 2];
        for (index, entry) in x.range(row).enumerate() {
            if index % 2 == 0 {
                keeps = mask.next_two();
            }
            columns[at] = x.columns().at(entry) as u32;
            values[at] = x.values().at(entry) * scale;
            at += usize::from(keeps[index % 2]);
        }
        ends[1] = first + at;
    }
}
