//! Products of dense matrices, C = A·B and C += alpha·A·B, for the layers above the first one, and for all where there is no OpenBLAS.
//!
//! A tile of C, a few rows by a few [`LANES`], stays in registers while the kernel goes along the index that is summed over, once: that is the
//! one chain of each element. B's rows are read as vectors, A's numbers one at a time, so that A may lie any way: transposed, too.

use super::isa::Work;
use super::{Block, BlockMut, Isa, LANES};
use crate::Scalar;

/// Rows of a tile, and its widest width in [`LANES`].
const TILE_ROWS: usize = 4;
const TILE_LANES: usize = 4;

/// What the chains begin with.
#[derive(Clone, Copy)]
pub enum Start<'a, A> {
    /// Zero.
    Zero,
    /// What is there.
    Current,
    /// The same row (as wide as C) for all rows.
    Row(&'a [A]),
}

/// C ← start + alpha·A·B: (n×m)(m×k) -> (n×k), each element the chain c ← fma(alpha·a_ij, b_jc, c) for ascending j.
///
/// C's columns are whole [`LANES`]; B may have more.
#[track_caller]
pub(super) fn product<A: Scalar>(
    isa: Isa,
    alpha: A,
    a: Block<'_, A>,
    b: Block<'_, A>,
    start: Start<'_, A>,
    c: BlockMut<'_, A>,
) {
    assert!(
        a.rows() == c.rows() && a.columns() == b.rows() && b.columns() >= c.columns(),
        "{a:?} {b:?} {c:?}"
    );
    assert!(c.columns().is_multiple_of(LANES));
    if let Start::Row(row) = start {
        assert!(row.len() >= c.columns());
    }
    if alpha == A::one() {
        isa.run(Product::<'_, '_, A, false> { alpha, a, b, start, c });
    } else {
        isa.run(Product::<'_, '_, A, true> { alpha, a, b, start, c });
    }
}

/// B ← Aᵀ: (n×k) -> (k×n).
#[track_caller]
pub(super) fn transpose<A: Scalar>(isa: Isa, a: Block<'_, A>, b: BlockMut<'_, A>) {
    assert!(a.rows() <= b.columns() && a.columns() <= b.rows());
    isa.run(Transpose { a, b });
}

struct Product<'a, 'c, A, const SCALED: bool> {
    alpha: A,
    a: Block<'a, A>,
    b: Block<'a, A>,
    start: Start<'a, A>,
    c: BlockMut<'c, A>,
}

impl<A: Scalar, const SCALED: bool> Work for Product<'_, '_, A, SCALED> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let width = self.c.columns();
        let mut column = 0;
        while column < width {
            let lanes = (width - column) / LANES;
            match lanes {
                TILE_LANES.. => self.columns::<TILE_LANES>(column),
                2.. => self.columns::<2>(column),
                _ => self.columns::<1>(column),
            }
            column += LANES * if lanes >= TILE_LANES { TILE_LANES } else { lanes.min(2) };
        }
    }
}

impl<A: Scalar, const SCALED: bool> Product<'_, '_, A, SCALED> {
    #[inline(always)]
    fn columns<const N: usize>(&mut self, column: usize) {
        let rows = self.c.rows();
        let whole = rows - rows % TILE_ROWS;
        for row in (0..whole).step_by(TILE_ROWS) {
            self.tile::<TILE_ROWS, N>(row, column);
        }
        for row in whole..rows {
            self.tile::<1, N>(row, column);
        }
    }

    #[inline(always)]
    fn tile<const M: usize, const N: usize>(&mut self, row: usize, column: usize) {
        let mut sums = [[[A::zero(); LANES]; N]; M];
        match self.start {
            Start::Zero => {}
            Start::Current => {
                for (m, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: `run` goes over the rows and columns of C.
                    *sums = *unsafe { self.c.tile_mut(row + m, column) };
                }
            }
            Start::Row(start) => {
                for sums in &mut sums {
                    for (n, sums) in sums.iter_mut().enumerate() {
                        sums.copy_from_slice(&start[column + n * LANES..][..LANES]);
                    }
                }
            }
        }
        for j in 0..self.b.rows() {
            // SAFETY: B has as many rows as A has columns, and at least the columns of C.
            let b = unsafe { self.b.tile::<N>(j, column) };
            for (m, sums) in sums.iter_mut().enumerate() {
                // SAFETY: A has the rows of C.
                let a = unsafe { self.a.at(row + m, j) };
                multiply_add(if SCALED { self.alpha * a } else { a }, b, sums);
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            // SAFETY: as above.
            *unsafe { self.c.tile_mut(row + m, column) } = *sums;
        }
    }
}

/// sums ← fma(a, row, sums), number by number.
#[inline(always)]
pub(super) fn multiply_add<A: Scalar, const N: usize>(
    a: A,
    row: &[[A; LANES]; N],
    sums: &mut [[A; LANES]; N],
) {
    for (sums, row) in sums.iter_mut().zip(row) {
        for (sum, &b) in sums.iter_mut().zip(row) {
            *sum = a.mul_add(b, *sum);
        }
    }
}

struct Transpose<'a, 'b, A> {
    a: Block<'a, A>,
    b: BlockMut<'b, A>,
}

impl<A: Scalar> Work for Transpose<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        // Square tiles, so that both sides stay in the cache.
        for first in (0..self.a.rows()).step_by(LANES) {
            let end = self.a.rows().min(first + LANES);
            for j in 0..self.a.columns() {
                let target = &mut self.b.row_mut(j)[first..end];
                for (i, target) in (first..end).zip(target) {
                    // SAFETY: i and j are below the number of rows and columns of A.
                    *target = unsafe { self.a.at(i, j) };
                }
            }
        }
    }
}
