//! The two products with sparse rows, X·W + b and W += alpha·Xᵀ·δ.
//!
//! Both keep a tile of results, one row by at most 64 columns, in registers, and go along a list of entries, each of which
//! multiplies a row of W, or of δ. Both go panel by panel, so that these rows come from the first-level cache.

use std::ops::Range;

use super::batch::{Batch, CHUNK};
use super::dense::multiply_add;
use super::isa::Work;
use super::{Block, BlockMut, Isa, LANES};
use crate::Scalar;

/// Bytes of a row of the widest tile: eight registers of 32 bytes, or four of 64.
const TILE_BYTES: usize = 256;

/// Z ← X·W + b for some rows of X: each element the chain z ← fma(x_ij, w_jc, z), beginning with b_c, for ascending j with x_ij in
/// the batch.
#[track_caller]
pub(crate) fn sparse_affine<A: Scalar>(
    isa: Isa,
    x: &Batch<A>,
    rows: Range<usize>,
    weights: Block<'_, A>,
    biases: &[A],
    z: BlockMut<'_, A>,
) {
    assert!(rows.len() == z.rows() && rows.end <= x.rows() && x.columns() <= weights.rows());
    assert!(weights.columns() >= z.columns() && biases.len() >= z.columns());
    assert!(z.columns().is_multiple_of(LANES));
    isa.run(Affine { x, rows, weights, biases, z });
}

/// W ← W + alpha·Xᵀ·δ: each element the chain w ← fma(alpha·x_ij, δ_ic, w) for ascending i with x_ij in the batch.
///
/// `alpha` is that of the [`Batch::transpose`] before it.
#[track_caller]
pub(crate) fn sparse_transposed_product<A: Scalar>(
    isa: Isa,
    alpha: A,
    x: &Batch<A>,
    delta: Block<'_, A>,
    weights: BlockMut<'_, A>,
) {
    assert!(x.rows() == delta.rows() && x.columns() <= weights.rows());
    assert!(delta.columns() >= weights.columns());
    assert!(weights.columns().is_multiple_of(LANES));
    isa.run(Update { alpha, x, delta, weights });
}

/// Calls `$self.$method::<N>($column)` for tiles of N [`LANES`], as equal as can be, that cover `$width` columns.
macro_rules! for_tiles {
    ($self:ident, $method:ident, $width:expr, $scalar:ty) => {
        let lanes = $width / LANES;
        let tiles = lanes.div_ceil(TILE_BYTES / (LANES * size_of::<$scalar>())).max(1);
        for tile in 0..tiles {
            let (first, end) = (lanes * tile / tiles, lanes * (tile + 1) / tiles);
            let column = first * LANES;
            match end - first {
                0 => {}
                1 => $self.$method::<1>(column),
                2 => $self.$method::<2>(column),
                3 => $self.$method::<3>(column),
                4 => $self.$method::<4>(column),
                5 => $self.$method::<5>(column),
                6 => $self.$method::<6>(column),
                7 => $self.$method::<7>(column),
                _ => $self.$method::<8>(column),
            }
        }
    };
}

struct Affine<'a, 'z, A> {
    x: &'a Batch<A>,
    rows: Range<usize>,
    weights: Block<'a, A>,
    biases: &'a [A],
    z: BlockMut<'z, A>,
}

impl<A: Scalar> Work for Affine<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        for_tiles!(self, columns, self.z.columns(), A);
    }
}

impl<A: Scalar> Affine<'_, '_, A> {
    #[inline(always)]
    fn columns<const N: usize>(&mut self, column: usize) {
        let mut biases = [[A::zero(); LANES]; N];
        for (n, biases) in biases.iter_mut().enumerate() {
            biases.copy_from_slice(&self.biases[column + n * LANES..][..LANES]);
        }
        let rows = self.z.rows();
        for first in (0..rows).step_by(CHUNK) {
            let chunk = first..rows.min(first + CHUNK);
            for panel in 0..self.x.panels() {
                for row in chunk.clone() {
                    // SAFETY: the row is one of Z's, and `run` goes over Z's columns.
                    let z = unsafe { self.z.tile_mut::<N>(row, column) };
                    let mut sums = if panel == 0 { biases } else { *z };
                    for entry in self.x.row(self.rows.start + row, panel) {
                        // SAFETY: the batch's indices are below its columns, which are at most W's rows; W has Z's columns.
                        let weights = unsafe { self.weights.tile::<N>(entry.index as usize, column) };
                        multiply_add(entry.value, weights, &mut sums);
                    }
                    *z = sums;
                }
            }
        }
    }
}

struct Update<'a, 'w, A> {
    alpha: A,
    x: &'a Batch<A>,
    delta: Block<'a, A>,
    weights: BlockMut<'w, A>,
}

impl<A: Scalar> Work for Update<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        for_tiles!(self, columns, self.weights.columns(), A);
    }
}

impl<A: Scalar> Update<'_, '_, A> {
    #[inline(always)]
    fn columns<const N: usize>(&mut self, column: usize) {
        let Some(transposed) = self.x.transposed() else {
            return self.columns_by_row::<N>(column);
        };
        for panel in 0..self.x.panels() {
            for chunk in 0..self.x.chunks() {
                for (row, entries) in transposed.columns(panel, chunk) {
                    if entries.is_empty() {
                        continue;
                    }
                    // SAFETY: the batch's columns are at most W's rows, and `run` goes over W's columns.
                    let weights = unsafe { self.weights.tile_mut::<N>(row, column) };
                    let mut sums = *weights;
                    for entry in entries {
                        // SAFETY: the transposed batch's indices are below its rows, which are δ's; δ has W's columns.
                        let delta = unsafe { self.delta.tile::<N>(entry.index as usize, column) };
                        multiply_add(entry.value, delta, &mut sums);
                    }
                    *weights = sums;
                }
            }
        }
    }

    /// The same chains for a batch of a few rows, which is not worth transposing.
    #[inline(always)]
    fn columns_by_row<const N: usize>(&mut self, column: usize) {
        for row in 0..self.x.rows() {
            // SAFETY: the row is one of δ's, which has W's columns.
            let delta = unsafe { self.delta.tile::<N>(row, column) };
            for entry in self.x.whole_row(row) {
                // SAFETY: the batch's indices are below its columns, which are at most W's rows.
                let weights = unsafe { self.weights.tile_mut::<N>(entry.index as usize, column) };
                multiply_add(self.alpha * entry.value, delta, weights);
            }
        }
    }
}
