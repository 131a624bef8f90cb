//! W + alpha·Xᵀ·δ with the entries of X column by column: a tile of a row of W stays in registers
//! for all entries of a column. Compared to X row by row (`sparse.rs`), W is read and written once,
//! but the entries must be sorted first, which pays for wide layers.

use std::mem::MaybeUninit;

use super::isa::{Work, prefetch};
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::{ByWidth, LANES, Simd};
use super::tile::{Tile, tiles};

/// Examples per chunk, so that a byte holds their numbers.
const CHUNK: usize = 128;

/// Batches with fewer examples have too few entries per column.
const FEW_EXAMPLES: usize = 16;

/// Fewer units have too few multiply-adds per entry.
const FEW_UNITS: usize = 192;

/// Rows of W are prefetched this many columns of X ahead.
const AHEAD: usize = 3;

/// The entries of a chunk of sparse rows, sorted by column, and their memory.
#[derive(Debug, Default)]
pub struct ByColumn<A> {
    pub(super) starts: Vec<u32>, // (columns + 2): of the entries of each column; empty without memory
    pub(super) examples: Vec<u8>, // of each entry, counted from the first of the chunk
    pub(super) values: Vec<A>,
}

impl<A: Real> ByColumn<A> {
    /// Returns memory for rows with this many columns, if that pays for a thread with `units`.
    pub(crate) fn new(columns: usize, units: usize) -> Self {
        if units < FEW_UNITS {
            return Self::default();
        }
        // Enough for any row, and for a chunk of a usual batch.
        let entries = columns.max(1 << 15);
        Self { starts: vec![0; columns + 2], examples: vec![0; entries], values: vec![A::zero(); entries] }
    }

    /// Returns true if sorting such a batch pays, and there is memory.
    pub(super) fn pays(&self, examples: usize, columns: usize, units: usize) -> bool {
        examples >= FEW_EXAMPLES && units >= FEW_UNITS && self.starts.len() == columns + 2
    }

    /// Returns how many of the next rows are a chunk, given the number of their entries.
    pub(super) fn chunk(&self, entries: impl Iterator<Item = usize>) -> usize {
        let mut sum = 0;
        let fits = |&count: &usize| {
            sum += count;
            sum <= self.values.len()
        };
        entries.take(CHUNK).take_while(fits).count()
    }
}

/// W ← W + alpha·Xᵀ·δ for the examples of a chunk.
pub(super) struct Update<'a, 'w, A> {
    pub(super) alpha: A,
    pub(super) x: &'a ByColumn<A>,
    pub(super) delta: MatRef<'a, A>,
    pub(super) weights: MatMut<'w, A>,
}

/// Memory for alpha·δ of a tile.
#[repr(align(64))]
struct Scaled(MaybeUninit<[u8; Self::SIZE]>);

impl Scaled {
    const SIZE: usize = 64 << 10;
}

impl<A: Real> Work for Update<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, simd: S) {
        let Self { alpha, x, delta, mut weights } = self;
        let mut scaled = Scaled(MaybeUninit::uninit());
        for (column, lanes) in tiles(weights.columns(), S::WIDE) {
            let width = lanes * LANES;
            assert!(delta.rows() * width * size_of::<A>() <= Scaled::SIZE);
            let to = scaled.0.as_mut_ptr().cast::<A>();
            for row in 0..delta.rows() {
                for (i, &delta) in delta.row(row)[column..column + width].iter().enumerate() {
                    // SAFETY: the memory is large enough, see above.
                    unsafe { to.add(row * width + i).write(alpha * delta) };
                }
            }
            let weights = weights.reborrow().columns_of(column..column + width);
            simd.wide(lanes, Rows { simd, x, scaled: to, examples: delta.rows(), weights });
        }
    }
}

/// A tile of every row of W.
struct Rows<'a, 'w, A, S> {
    simd: S,
    x: &'a ByColumn<A>,
    scaled: *const A, // (examples, the columns of the tile)
    examples: usize,
    weights: MatMut<'w, A>, // (columns of X, the columns of the tile)
}

impl<A: Real, S: Simd<A>> ByWidth for Rows<'_, '_, A, S> {
    type Output = ();

    #[inline(always)]
    fn run<const F: usize, const H: usize>(self) {
        let Self { simd, x, scaled, examples, mut weights } = self;
        let (rows, width) = (weights.rows().min(x.starts.len() - 2), weights.columns());
        for row in 0..rows {
            let entries = x.starts[row] as usize..x.starts[row + 1] as usize;
            if entries.is_empty() {
                continue;
            }
            if row + AHEAD < rows {
                prefetch(weights.row_mut(row + AHEAD));
            }
            // SAFETY: the row is as wide as the tile.
            let mut sums = unsafe { Tile::<A, S, F, H>::load(simd, weights.address_mut(row, 0)) };
            for (&example, &value) in x.examples[entries.clone()].iter().zip(&x.values[entries]) {
                let example = usize::from(example);
                debug_assert!(example < examples);
                // SAFETY: the examples of the entries are those of the chunk.
                let delta = unsafe { Tile::load(simd, scaled.add(example * width)) };
                sums.multiply_add(simd, value, &delta);
            }
            // SAFETY: as above.
            unsafe { sums.store(simd, weights.address_mut(row, 0)) };
        }
    }
}
