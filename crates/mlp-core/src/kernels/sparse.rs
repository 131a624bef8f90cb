//! The two products with sparse rows, X·W + b and W += alpha·Xᵀ·δ.
//!
//! Both keep a tile, one row by at most 64 numbers, in registers while they go along the entries of a row of X: Z's row, to which
//! rows of W are added, or δ's, which is added to rows of W. Both go through a chunk of examples panel by panel of columns, so that
//! W's rows come from the nearest caches, and fetch the entries of the examples to come in time: those of a shuffled batch lie all
//! over memory, and waiting for them would take as long as the products.

use std::iter::Zip;
use std::marker::PhantomData;
use std::ops::Range;
use std::slice;

use super::isa::{Isa, Work, prefetch};
use super::mat::{MatMut, MatRef};
use super::real::Real;
use super::simd::{LANES, Simd};
use super::tile::{Tile, for_width, tiles};
use crate::linalg::csr::{Columns, CsrMatrix, Values};

/// Bytes of the widest tile: eight registers of 32 bytes, or four of 64.
const TILE_BYTES: usize = 256;

/// Columns of a panel: its rows of W, for a tile, take at most 64 KB. Of narrower ones all would stay in the first-level cache, but
/// each panel costs an example a branch that is not foreseen.
const PANEL: usize = 256;

/// Examples that go through the panels together: their rows of Z or δ, for a tile, take at most 32 KB.
const CHUNK: usize = 128;

/// Fewer examples than this go through all columns at once: no row of W would be used often.
const FEW: usize = 4;

/// How many examples ahead entries are fetched.
const AHEAD: usize = 6;

/// Evaluates `$body` with the entries of `$rows` in their own form: it is compiled once for each.
macro_rules! with_entries {
    ($rows:expr, $x:ident => $body:expr) => {
        match ($rows.columns(), $rows.values()) {
            (Columns::U16(columns), Values::Numbers(values)) => {
                let $x = Entries { rows: $rows, columns, values, decode: Themselves };
                $body
            }
            (Columns::U32(columns), Values::Numbers(values)) => {
                let $x = Entries { rows: $rows, columns, values, decode: Themselves };
                $body
            }
            (Columns::U16(columns), Values::Bytes { bytes, levels }) => {
                let $x = Entries { rows: $rows, columns, values: bytes, decode: Levels(levels) };
                $body
            }
            (Columns::U32(columns), Values::Bytes { bytes, levels }) => {
                let $x = Entries { rows: $rows, columns, values: bytes, decode: Levels(levels) };
                $body
            }
        }
    };
}

/// Z ← X·W + b for some rows of X: each element the chain z ← fma(x_ij, w_jc, z), beginning with b_c, for ascending j with
/// x_ij among the entries.
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
        for (column, lanes) in tiles(self.z.columns(), max_lanes::<A>()) {
            let (weights, z) = (self.weights, self.z.reborrow());
            let tile = AffineTile { simd, weights, biases: self.biases, z, column, lanes };
            self.x.visit(self.rows.clone(), tile);
        }
    }
}

struct AffineTile<'a, 'z, A, S> {
    simd: S,
    weights: MatRef<'a, A>,
    biases: &'a [A],
    z: MatMut<'z, A>,
    column: usize,
    lanes: usize,
}

impl<A: Real, S: Simd<A>> Visitor<A> for AffineTile<'_, '_, A, S> {
    #[inline(always)]
    fn visit(&mut self, example: usize, is_first: bool, entries: impl Iterator<Item = (usize, A)>) {
        for_width!(self.lanes, S, self.add, [], (example, is_first, entries));
    }
}

impl<A: Real, S: Simd<A>> AffineTile<'_, '_, A, S> {
    #[inline(always)]
    fn add<const F: usize, const H: usize>(
        &mut self,
        example: usize,
        is_first: bool,
        entries: impl Iterator<Item = (usize, A)>,
    ) {
        // SAFETY: the example is one of Z's rows, and the tile is one of Z's.
        let z = unsafe { self.z.address_mut(example, self.column) };
        let start = if is_first { self.biases[self.column..].as_ptr() } else { z };
        // SAFETY: there are as many biases as Z has columns.
        let mut sums = unsafe { Tile::<A, S, F, H>::load(self.simd, start) };
        for (j, x) in entries {
            // SAFETY: a column of X is one of W's rows, and W has Z's columns.
            let weights = unsafe { Tile::load(self.simd, self.weights.address(j, self.column)) };
            sums.multiply_add(self.simd, x, &weights);
        }
        // SAFETY: as above.
        unsafe { sums.store(self.simd, z) };
    }
}

/// W ← W + alpha·Xᵀ·δ: each element the chain w ← fma(x_ij, alpha·δ_ic, w) for ascending i with x_ij among the entries.
pub(super) fn update<A: Real>(
    isa: Isa,
    alpha: A,
    x: &CsrMatrix<'_, A>,
    delta: MatRef<'_, A>,
    weights: MatMut<'_, A>,
) {
    assert!(x.len() == delta.rows() && x.width() <= weights.rows());
    assert!(delta.columns() >= weights.columns());
    assert!(weights.columns().is_multiple_of(LANES));
    with_entries!(x, x => isa.run(Update { alpha, x, delta, weights }));
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
        for (column, lanes) in tiles(self.weights.columns(), max_lanes::<A>()) {
            let (alpha, delta, weights) = (self.alpha, self.delta, self.weights.reborrow());
            let tile = UpdateTile { simd, alpha, delta, weights, column, lanes };
            self.x.visit(0..delta.rows(), tile);
        }
    }
}

struct UpdateTile<'a, 'w, A, S> {
    simd: S,
    alpha: A,
    delta: MatRef<'a, A>,
    weights: MatMut<'w, A>,
    column: usize,
    lanes: usize,
}

impl<A: Real, S: Simd<A>> Visitor<A> for UpdateTile<'_, '_, A, S> {
    #[inline(always)]
    fn visit(&mut self, example: usize, _is_first: bool, entries: impl Iterator<Item = (usize, A)>) {
        for_width!(self.lanes, S, self.add, [], (example, entries));
    }
}

impl<A: Real, S: Simd<A>> UpdateTile<'_, '_, A, S> {
    #[inline(always)]
    fn add<const F: usize, const H: usize>(
        &mut self,
        example: usize,
        entries: impl Iterator<Item = (usize, A)>,
    ) {
        // SAFETY: the example is one of δ's rows, and δ has W's columns.
        let delta = unsafe { self.delta.address(example, self.column) };
        // SAFETY: as above.
        let delta = unsafe { Tile::<A, S, F, H>::load(self.simd, delta) }.scaled(self.simd, self.alpha);
        for (j, x) in entries {
            // SAFETY: a column of X is one of W's rows, and the tile is one of W's.
            unsafe {
                let address = self.weights.address_mut(j, self.column);
                let mut weights = Tile::load(self.simd, address);
                weights.multiply_add(self.simd, x, &delta);
                weights.store(self.simd, address);
            }
        }
    }
}

/// The widest tile, in [`LANES`].
const fn max_lanes<A>() -> usize {
    TILE_BYTES / (LANES * size_of::<A>())
}

/// What is done with the entries of an example in a panel.
trait Visitor<A> {
    /// `example` is counted from the first one visited; `is_first` says whether it is visited for the first time. The indices of
    /// `entries` are below the width of X.
    fn visit(&mut self, example: usize, is_first: bool, entries: impl Iterator<Item = (usize, A)>);
}

/// Sparse rows with their entries in one of the forms.
struct Entries<'a, A, C, V, D> {
    rows: &'a CsrMatrix<'a, A>,
    columns: &'a [C],
    values: &'a [V],
    decode: D,
}

/// What a stored value is worth.
trait Decode<V, A> {
    fn decode(&self, value: V) -> A;
}

struct Themselves;

impl<A> Decode<A, A> for Themselves {
    #[inline(always)]
    fn decode(&self, value: A) -> A {
        value
    }
}

struct Levels<'a, A>(&'a [A; 256]);

impl<A: Copy> Decode<u8, A> for Levels<'_, A> {
    #[inline(always)]
    fn decode(&self, value: u8) -> A {
        self.0[usize::from(value)]
    }
}

impl<A: Real, C: Copy + Into<u32>, V: Copy, D: Decode<V, A>> Entries<'_, A, C, V, D> {
    /// Shows the entries of some examples: chunk after chunk of examples, of these panel after panel of columns, and of these
    /// example after example.
    #[inline(always)]
    fn visit(&self, examples: Range<usize>, mut visitor: impl Visitor<A>) {
        let width = self.rows.width();
        let panel = if examples.len() < FEW { width } else { PANEL };
        for first in examples.clone().step_by(CHUNK) {
            let chunk = first..examples.end.min(first + CHUNK);
            // What remains of each example's entries.
            let mut rests = [(0, 0); CHUNK];
            for (example, rest) in chunk.clone().zip(&mut rests) {
                let entries = self.rows.range(example);
                *rest = (entries.start, entries.end);
            }
            for &(start, end) in rests.iter().take(AHEAD) {
                self.prefetch(start..end);
            }
            let mut end = 0;
            while end < width || end == 0 {
                let is_first = end == 0;
                end = (end + panel).max(1);
                for (place, example) in chunk.clone().enumerate() {
                    if is_first && let Some(&(start, end)) = rests.get(place + AHEAD) {
                        self.prefetch(start..end);
                    }
                    let rest = &mut rests[place];
                    let (columns, values) = (&self.columns[rest.0..rest.1], &self.values[rest.0..rest.1]);
                    let entries = columns.iter().zip(values);
                    let (end, decode) = (end as u32, &self.decode);
                    let mut entries = UpTo { entries, end, decode, numbers: PhantomData };
                    visitor.visit(example - examples.start, is_first, &mut entries);
                    rest.0 = rest.1 - entries.entries.len();
                }
            }
        }
    }

    #[inline(always)]
    fn prefetch(&self, entries: Range<usize>) {
        prefetch(&self.columns[entries.clone()]);
        prefetch(&self.values[entries]);
    }
}

/// The entries of a row up to a column; those that it has not come to remain in it.
struct UpTo<'a, A, C, V, D> {
    entries: Zip<slice::Iter<'a, C>, slice::Iter<'a, V>>,
    end: u32,
    decode: &'a D,
    numbers: PhantomData<A>,
}

impl<A, C: Copy + Into<u32>, V: Copy, D: Decode<V, A>> Iterator for UpTo<'_, A, C, V, D> {
    type Item = (usize, A);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, A)> {
        let mut entries = self.entries.clone();
        let (&column, &value) = entries.next()?;
        let column = column.into();
        if column >= self.end {
            return None;
        }
        self.entries = entries;
        Some((column as usize, self.decode.decode(value)))
    }
}
