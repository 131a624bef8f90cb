//! Products of dense matrices, C = A·B and C += alpha·A·B. A tile of C, a few rows by a few
//! vectors, stays in registers for the whole sum: the one chain of each element. B is read as
//! vectors and A number by number, so A may have any layout.

use super::isa::{Isa, Work};
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::{ByWidth, LANES, Simd};
use super::tile::{Tile, tiles};

/// The start of the chains.
#[derive(Clone, Copy)]
pub enum Start<'a, A> {
    /// Zero.
    Zero,
    /// The current value.
    Current,
    /// The same row, as wide as C, for all rows.
    Row(&'a [A]),
}

/// C ← start + alpha·A·B: (n×m)(m×k) -> (n×k). Each element is the chain c ← fma(a_ij, alpha·b_jc,
/// c) for ascending j. C's width is a multiple of [`LANES`]; B may be wider.
pub(super) fn product<A: Real>(
    isa: Isa,
    alpha: A,
    a: MatRef<'_, A>,
    b: MatRef<'_, A>,
    start: Start<'_, A>,
    c: MatMut<'_, A>,
) {
    assert!(a.rows() == c.rows() && a.columns() == b.rows() && b.columns() >= c.columns());
    assert!(c.columns().is_multiple_of(LANES));
    if let Start::Row(row) = start {
        assert!(row.len() >= c.columns());
    }
    isa.run(Product { alpha, a, b, start, c });
}

struct Product<'a, 'c, A> {
    alpha: A,
    a: MatRef<'a, A>,
    b: MatRef<'a, A>,
    start: Start<'a, A>,
    c: MatMut<'c, A>,
}

/// Rows of a tile. With [`Simd::BLOCK_WIDTH`], they fill three quarters of the registers.
const TILE_ROWS: usize = 6;

impl<A: Real> Work for Product<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, simd: S) {
        for (column, width) in tiles(self.c.columns(), S::BLOCK_WIDTH) {
            let rows = self.c.rows();
            let mut row = 0;
            while row < rows {
                let product = &mut self;
                row += match rows - row {
                    TILE_ROWS.. => simd.block(width, Block::<A, S, TILE_ROWS> { product, simd, row, column }),
                    2.. => simd.block(width, Block::<A, S, 2> { product, simd, row, column }),
                    _ => simd.block(width, Block::<A, S, 1> { product, simd, row, column }),
                };
            }
        }
    }
}

/// A tile of `M` rows of C.
struct Block<'p, 'a, 'c, A, S, const M: usize> {
    product: &'p mut Product<'a, 'c, A>,
    simd: S,
    row: usize,
    column: usize,
}

impl<A: Real, S: Simd<A>, const M: usize> ByWidth for Block<'_, '_, '_, A, S, M> {
    type Output = usize;

    /// Computes the tile and returns its number of rows.
    #[inline(always)]
    fn run<const F: usize, const H: usize>(self) -> usize {
        let Self { product: Product { alpha, a, b, start, c }, simd, row, column } = self;
        let mut sums = [Tile::<A, S, F, H>::splat(simd, A::zero()); M];
        for (m, sums) in sums.iter_mut().enumerate() {
            match start {
                Start::Zero => {}
                // SAFETY: the tile stays within the rows and columns of C.
                Start::Current => *sums = unsafe { Tile::load(simd, c.address_mut(row + m, column)) },
                // SAFETY: `start` is as long as a row of C.
                Start::Row(start) => *sums = unsafe { Tile::load(simd, start.as_ptr().add(column)) },
            }
        }
        let is_scaled = *alpha != A::one();
        for j in 0..b.rows() {
            // SAFETY: B has a row for each column of A, and at least the columns of C.
            let mut b = unsafe { Tile::load(simd, b.address(j, column)) };
            if is_scaled {
                b = b.scaled(simd, *alpha);
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                // SAFETY: A has the rows of C.
                let a = unsafe { a.at(row + m, j) };
                sums.multiply_add(simd, a, &b);
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { sums.store(simd, c.address_mut(row + m, column)) };
        }
        M
    }
}

/// B ← Aᵀ: (n×k) -> (k×n).
pub(super) struct Transpose<'a, 'b, A> {
    pub(super) a: MatRef<'a, A>,
    pub(super) b: MatMut<'b, A>,
}

impl<A: Real> Work for Transpose<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        assert!(self.a.rows() <= self.b.columns() && self.a.columns() <= self.b.rows());
        // Square tiles keep both matrices in the cache.
        for first in (0..self.a.rows()).step_by(LANES) {
            let end = self.a.rows().min(first + LANES);
            for j in 0..self.a.columns() {
                let target = &mut self.b.row_mut(j)[first..end];
                for (i, target) in (first..end).zip(target) {
                    // SAFETY: A has row i and column j.
                    *target = unsafe { self.a.at(i, j) };
                }
            }
        }
    }
}
