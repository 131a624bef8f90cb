//! Products of dense matrices, C = A·B and C += alpha·A·B. A tile of C, a few rows by a few
//! vectors, stays in registers while a block of terms is added to the chains of its elements. B is
//! read as vectors and A number by number, so A may have any layout.
//!
//! A panel of B, the terms of a block by the columns of a tile, stays in the nearest cache for all
//! rows. If it is transposed or scaled, it is copied first. Meanwhile the next panel is prefetched.

use std::mem::MaybeUninit;
use std::slice;

use super::isa::{self, Isa, Work};
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
/// c) for ascending j. C's width is a multiple of [`LANES`]. B may be wider, or have zeros
/// appended if it is a transpose.
pub(super) fn product<A: Real>(
    isa: Isa,
    alpha: A,
    a: MatRef<'_, A>,
    b: MatRef<'_, A>,
    start: Start<'_, A>,
    c: MatMut<'_, A>,
) {
    assert!(a.rows() == c.rows() && a.columns() == b.rows());
    let width = if b.has_contiguous_rows() { b.columns() } else { b.columns().next_multiple_of(LANES) };
    assert!(width >= c.columns());
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

/// From this many rows on, B is used panel by panel. Fewer rows would hardly reuse it.
const MANY_ROWS: usize = 4 * TILE_ROWS;

/// Terms of a panel. With [`Simd::BLOCK_WIDTH`], it takes at most two thirds of an L1 cache.
const DEPTH: usize = 128;

/// From this many terms on, memory is prefetched while a tile is computed.
const MANY_TERMS: usize = 64;

impl<A: Real> Work for Product<'_, '_, A> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(self, simd: S) {
        let Self { alpha, a, b, start, mut c } = self;
        let (rows, width, is_scaled) = (c.rows(), c.columns(), alpha != A::one());
        let is_many = rows >= MANY_ROWS;
        let is_copied = !b.has_contiguous_rows() || (is_many && is_scaled);
        let blocks = if is_many || is_copied { b.rows().div_ceil(DEPTH).max(1) } else { 1 };
        let terms = |block: usize| match blocks {
            1 => 0..b.rows(), // without a division, for small products
            _ => b.rows() * block / blocks..b.rows() * (block + 1) / blocks,
        };
        let mut copy = Copy(MaybeUninit::uninit());
        for (column, lanes) in tiles(width, S::BLOCK_WIDTH) {
            let columns = column..column + lanes * LANES;
            for block in 0..blocks {
                let start = if block == 0 { start } else { Start::Current };
                let next = match block + 1 < blocks {
                    true => b.part(terms(block + 1), columns.clone()),
                    false => b.part(terms(0), columns.end..width.min(columns.end + columns.len())),
                };
                let (a, b) = (a.columns_of(terms(block)), b.part(terms(block), columns.clone()));
                let is_long = is_many && b.rows() >= MANY_TERMS;
                let (b, scale) = match is_copied {
                    true => (copy.of(simd, b, alpha, columns.len()), None),
                    false => (b, is_scaled.then_some(alpha)),
                };
                let panel = Panel { a, b, scale, start, column };
                let mut row = 0;
                while row < rows {
                    if is_long {
                        next.prefetch(row..rows.min(row + TILE_ROWS), rows);
                        (row + TILE_ROWS..rows.min(row + 2 * TILE_ROWS))
                            .for_each(|row| isa::prefetch(&c.row_mut(row)[columns.clone()]));
                    }
                    let c = &mut c;
                    row += match rows - row {
                        TILE_ROWS.. => simd.block(lanes, Block::<A, S, TILE_ROWS> { simd, panel, c, row }),
                        2.. => simd.block(lanes, Block::<A, S, 2> { simd, panel, c, row }),
                        _ => simd.block(lanes, Block::<A, S, 1> { simd, panel, c, row }),
                    };
                }
            }
        }
    }
}

/// A panel of B, and what its rows are multiplied by.
#[derive(Clone, Copy)]
struct Panel<'b, 'a, A> {
    a: MatRef<'a, A>, // of these terms
    b: MatRef<'b, A>, // of these terms, from `column`
    scale: Option<A>, // of B
    start: Start<'a, A>,
    column: usize,
}

/// A tile of `M` rows of C.
struct Block<'b, 'a, 'c, A, S, const M: usize> {
    simd: S,
    panel: Panel<'b, 'a, A>,
    c: &'b mut MatMut<'c, A>,
    row: usize,
}

impl<A: Real, S: Simd<A>, const M: usize> ByWidth for Block<'_, '_, '_, A, S, M> {
    type Output = usize;

    /// Adds the terms of the panel to the tile and returns its number of rows.
    #[inline(always)]
    fn run<const F: usize, const H: usize>(self) -> usize {
        let Self { simd, panel: Panel { a, b, scale, start, column }, c, row } = self;
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
        for j in 0..b.rows() {
            // SAFETY: B has a row for each column of A, and the columns of the tile.
            let mut b = unsafe { Tile::load(simd, b.address(j, 0)) };
            if let Some(scale) = scale {
                b = b.scaled(simd, scale);
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

/// Memory for the copy of a panel.
#[repr(align(64))]
struct Copy(MaybeUninit<[u8; Self::SIZE]>);

impl Copy {
    const SIZE: usize = 32 << 10;

    /// Returns alpha·B, with zeros appended to `width` columns. B has at most `width` columns.
    #[inline(always)]
    fn of<A: Real, S: Simd<A>>(
        &mut self,
        simd: S,
        b: MatRef<'_, A>,
        alpha: A,
        width: usize,
    ) -> MatRef<'_, A> {
        let (rows, columns) = (b.rows(), b.columns());
        assert!(columns <= width && rows * width * size_of::<A>() <= Self::SIZE);
        let to = self.0.as_mut_ptr().cast::<A>();
        // Rows of a panel that is not a transpose, and squares of LANES numbers of one that is.
        let is_whole = b.has_contiguous_rows() && columns == width;
        let squares = if b.transposed().has_contiguous_rows() { rows / LANES * LANES } else { 0 };
        for row in 0..if is_whole { rows } else { 0 } {
            // SAFETY: both have this row.
            unsafe { to.add(row * width).copy_from_nonoverlapping(b.address(row, 0), width) };
        }
        for column in (0..if is_whole { 0 } else { width }).step_by(LANES) {
            let end = if column + LANES <= columns { squares } else { 0 };
            for row in (0..end).step_by(LANES) {
                // SAFETY: the square is within B's rows and columns, and within the copy.
                unsafe {
                    let from = b.transposed().address(column, row);
                    simd.transpose(from, b.column_stride(), to.add(row * width + column), width);
                }
            }
            for row in end..rows {
                for column in column..column + LANES {
                    // SAFETY: B has this row and column, and the copy has `rows * width` numbers.
                    unsafe {
                        let number = if column < columns { b.at(row, column) } else { A::zero() };
                        *to.add(row * width + column) = number;
                    }
                }
            }
        }
        // SAFETY: all numbers of the copy are initialized.
        let copy = unsafe { slice::from_raw_parts_mut(to, rows * width) };
        if alpha != A::one() {
            copy.iter_mut().for_each(|number| *number = alpha * *number);
        }
        MatRef::from_rows(copy, rows, width, width)
    }
}
