//! Products with sparse rows, X·W + b and W + alpha·Xᵀ·δ.
//!
//! Both keep a tile of one row and at most 128 numbers in registers while they iterate over the
//! entries of a row of X: the row of Z, to which rows of W are added, or the row of δ, which is
//! added to rows of W. Both process a chunk of examples panel by panel, so that W's rows stay in
//! the nearest caches. They prefetch entries of later examples, because the rows of a shuffled
//! batch are scattered in memory. Wide layers are updated by column instead (`columns.rs`).

use std::ops::Range;

use super::columns::{self, ByColumn};
use super::dense::Start;
use super::entries::{Decode, Entries, Visitor, with_entries};
use super::isa::{Isa, Work};
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::{ByWidth, LANES, Simd};
use super::tile::{Tile, tiles};
use crate::linalg::csr::CsrMatrix;

/// Columns of X per panel, half as many for wide tiles. W's rows of a panel, for one tile, take at
/// most 64 KB. Narrower panels would fit the L1 cache, but cost more mispredicted branches.
const PANEL: usize = 256;

/// Z ← X·W + b for some rows of X. Each element is the chain z ← fma(x_ij, w_jc, z) from b_c, for
/// ascending j with x_ij among the entries.
pub(super) fn affine<A: Real>(
    isa: Isa,
    x: &CsrMatrix<'_, A>,
    rows: Range<usize>,
    weights: MatRef<'_, A>,
    biases: &[A],
    z: MatMut<'_, A>,
) {
    assert!(rows.len() == z.rows() && rows.end <= x.len() && x.width() <= weights.rows());
    assert!(weights.columns() >= z.columns() && biases.len() >= z.columns());
    assert!(z.columns().is_multiple_of(LANES));
    with_entries!(x, x => isa.run(Affine { x, rows, weights, biases, z }));
}

struct Affine<'a, 'z, A, C, V, D> {
    x: Entries<'a, A, C, V, D>,
    rows: Range<usize>,
    weights: MatRef<'a, A>,
    biases: &'a [A],
    z: MatMut<'z, A>,
}

impl<A: Real, C: Copy + Into<u32>, V: Copy, D: Decode<V, A>> Work for Affine<'_, '_, A, C, V, D> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, simd: S) {
        let is_wide = is_wide::<A, S, C>(self.z.columns());
        let (most, panel) = if is_wide { (S::WIDE, PANEL / 2) } else { (S::ROW_WIDTH, PANEL) };
        for (column, width) in tiles(self.z.columns(), most) {
            let (weights, z) = (self.weights, self.z.reborrow());
            let tile = AffineTile { simd, weights, biases: self.biases, z, column, width };
            match is_wide {
                true => self.x.visit(self.rows.clone(), panel, Wide(tile)),
                false => self.x.visit(self.rows.clone(), panel, tile),
            }
        }
    }
}

/// Returns true if tiles wider than [`Simd::ROW_WIDTH`] pay: if there would be several of the
/// others. They are compiled for the usual type of columns only.
fn is_wide<A, S: Simd<A>, C>(columns: usize) -> bool {
    size_of::<C>() == 2 && S::WIDE > S::ROW_WIDTH && columns > S::ROW_WIDTH * LANES
}

struct AffineTile<'a, 'z, A, S> {
    simd: S,
    weights: MatRef<'a, A>,
    biases: &'a [A],
    z: MatMut<'z, A>,
    column: usize,
    width: usize,
}

impl<A: Real, S: Simd<A>> Visitor<A> for AffineTile<'_, '_, A, S> {
    #[inline(always)]
    fn visit(&mut self, example: usize, is_first: bool, entries: impl Iterator<Item = (usize, A)>) {
        self.simd.row(self.width, AffineRow { tile: self, example, is_first, entries });
    }
}

/// A tile wider than [`Simd::ROW_WIDTH`].
struct Wide<T>(T);

impl<A: Real, S: Simd<A>> Visitor<A> for Wide<AffineTile<'_, '_, A, S>> {
    #[inline(always)]
    fn visit(&mut self, example: usize, is_first: bool, entries: impl Iterator<Item = (usize, A)>) {
        let Self(tile) = self;
        tile.simd.wide(tile.width, AffineRow { tile, example, is_first, entries });
    }
}

struct AffineRow<'t, T, E> {
    tile: &'t mut T,
    example: usize,
    is_first: bool,
    entries: E,
}

impl<A, S, E> ByWidth for AffineRow<'_, AffineTile<'_, '_, A, S>, E>
where
    A: Real,
    S: Simd<A>,
    E: Iterator<Item = (usize, A)>,
{
    type Output = ();

    #[inline(always)]
    fn run<const F: usize, const H: usize>(self) {
        let AffineTile { simd, weights, biases, z, column, .. } = self.tile;
        let (simd, column) = (*simd, *column);
        // SAFETY: Z has this row and the columns of the tile.
        let z = unsafe { z.address_mut(self.example, column) };
        let start = if self.is_first { biases[column..].as_ptr() } else { z };
        // SAFETY: there is a bias for each column of Z.
        let mut sums = unsafe { Tile::<A, S, F, H>::load(simd, start) };
        for (j, x) in self.entries {
            // SAFETY: W has a row for each column of X, and Z's columns.
            let weights = unsafe { Tile::load(simd, weights.address(j, column)) };
            sums.multiply_add(simd, x, &weights);
        }
        // SAFETY: as above.
        unsafe { sums.store(simd, z) };
    }
}

/// W ← start + alpha·Xᵀ·δ. Each element is the chain w ← fma(x_ij, alpha·δ_ic, w), for ascending i
/// with x_ij among the entries.
pub(super) fn update<A: Real>(
    isa: Isa,
    alpha: A,
    x: &CsrMatrix<'_, A>,
    delta: MatRef<'_, A>,
    start: Start<'_, A>,
    mut weights: MatMut<'_, A>,
    sorted: &mut ByColumn<A>,
) {
    assert!(x.len() == delta.rows() && x.width() <= weights.rows());
    assert!(delta.columns() >= weights.columns());
    assert!(weights.columns().is_multiple_of(LANES));
    let width = weights.columns();
    for row in 0..weights.rows() {
        match start {
            Start::Zero => weights.row_mut(row).fill(A::zero()),
            Start::Current => break,
            Start::Row(start) => weights.row_mut(row).copy_from_slice(&start[..width]),
        }
    }
    if !sorted.pays(x.len(), x.width(), width) {
        return with_entries!(x, x => isa.run(Update { alpha, x, delta, weights }));
    }
    let mut first = 0;
    while first < x.len() {
        let chunk = first..first + sorted.chunk((first..x.len()).map(|row| x.range(row).len()));
        with_entries!(x, x => x.sort(chunk.clone(), sorted));
        first = chunk.end;
        let (delta, weights) = (delta.rows_of(chunk), weights.reborrow());
        isa.run(columns::Update { alpha, x: sorted, delta, weights });
    }
}

struct Update<'a, 'w, A, C, V, D> {
    alpha: A,
    x: Entries<'a, A, C, V, D>,
    delta: MatRef<'a, A>,
    weights: MatMut<'w, A>,
}

impl<A: Real, C: Copy + Into<u32>, V: Copy, D: Decode<V, A>> Work for Update<'_, '_, A, C, V, D> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, simd: S) {
        let is_wide = is_wide::<A, S, C>(self.weights.columns());
        let (most, panel) = if is_wide { (S::WIDE, PANEL / 2) } else { (S::ROW_WIDTH, PANEL) };
        for (column, width) in tiles(self.weights.columns(), most) {
            let (alpha, delta, weights) = (self.alpha, self.delta, self.weights.reborrow());
            let tile = UpdateTile { simd, alpha, delta, weights, column, width };
            match is_wide {
                true => self.x.visit(0..delta.rows(), panel, Wide(tile)),
                false => self.x.visit(0..delta.rows(), panel, tile),
            }
        }
    }
}

struct UpdateTile<'a, 'w, A, S> {
    simd: S,
    alpha: A,
    delta: MatRef<'a, A>,
    weights: MatMut<'w, A>,
    column: usize,
    width: usize,
}

impl<A: Real, S: Simd<A>> Visitor<A> for UpdateTile<'_, '_, A, S> {
    #[inline(always)]
    fn visit(&mut self, example: usize, _is_first: bool, entries: impl Iterator<Item = (usize, A)>) {
        self.simd.row(self.width, UpdateRow { tile: self, example, entries });
    }
}

impl<A: Real, S: Simd<A>> Visitor<A> for Wide<UpdateTile<'_, '_, A, S>> {
    #[inline(always)]
    fn visit(&mut self, example: usize, _is_first: bool, entries: impl Iterator<Item = (usize, A)>) {
        let Self(tile) = self;
        tile.simd.wide(tile.width, UpdateRow { tile, example, entries });
    }
}

struct UpdateRow<'t, T, E> {
    tile: &'t mut T,
    example: usize,
    entries: E,
}

impl<A, S, E> ByWidth for UpdateRow<'_, UpdateTile<'_, '_, A, S>, E>
where
    A: Real,
    S: Simd<A>,
    E: Iterator<Item = (usize, A)>,
{
    type Output = ();

    #[inline(always)]
    fn run<const F: usize, const H: usize>(self) {
        let UpdateTile { simd, alpha, delta, weights, column, .. } = self.tile;
        let (simd, column) = (*simd, *column);
        // SAFETY: δ has this row and W's columns.
        let delta = unsafe { Tile::<A, S, F, H>::load(simd, delta.address(self.example, column)) };
        let delta = delta.scaled(simd, *alpha);
        for (j, x) in self.entries {
            // SAFETY: W has a row for each column of X, and the columns of the tile.
            unsafe {
                let address = weights.address_mut(j, column);
                let mut weights = Tile::load(simd, address);
                weights.multiply_add(simd, x, &delta);
                weights.store(simd, address);
            }
        }
    }
}
