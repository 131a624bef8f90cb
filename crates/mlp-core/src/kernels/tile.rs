//! A tile: part of a row in registers, a multiple of [`LANES`] wide.

use super::simd::{LANES, Simd};

/// F vectors of `S` and H half vectors (0 or 1).
pub(super) struct Tile<A, S: Simd<A>, const F: usize, const H: usize> {
    full: [S::Vector; F],
    half: [Half<A, S>; H],
}

type Half<A, S> = <<S as Simd<A>>::Half as Simd<A>>::Vector;

impl<A, S: Simd<A>, const F: usize, const H: usize> Clone for Tile<A, S, F, H> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, S: Simd<A>, const F: usize, const H: usize> Copy for Tile<A, S, F, H> {}

impl<A: Copy, S: Simd<A>, const F: usize, const H: usize> Tile<A, S, F, H> {
    /// Fills the tile with one number.
    #[inline(always)]
    pub(super) fn splat(simd: S, a: A) -> Self {
        let a = simd.splat(a);
        Self { full: [a; F], half: [simd.halve(a); H] }
    }

    /// Loads the tile.
    ///
    /// # Safety
    /// The tile's numbers must be readable at `from`.
    #[inline(always)]
    pub(super) unsafe fn load(simd: S, from: *const A) -> Self {
        // SAFETY: both parts are within the caller's promise.
        unsafe {
            Self {
                full: std::array::from_fn(|i| simd.load(from.add(i * S::LANES))),
                half: std::array::from_fn(|_| simd.half().load(from.add(F * S::LANES))),
            }
        }
    }

    /// Stores the tile.
    ///
    /// # Safety
    /// The tile's numbers must be writable at `to`.
    #[inline(always)]
    pub(super) unsafe fn store(self, simd: S, to: *mut A) {
        // SAFETY: both parts are within the caller's promise.
        unsafe {
            for (i, vector) in self.full.into_iter().enumerate() {
                simd.store(vector, to.add(i * S::LANES));
            }
            for vector in self.half {
                simd.half().store(vector, to.add(F * S::LANES));
            }
        }
    }

    /// Returns a·self.
    #[inline(always)]
    pub(super) fn scaled(mut self, simd: S, a: A) -> Self {
        let a = simd.splat(a);
        self.full.iter_mut().for_each(|vector| *vector = simd.multiply(a, *vector));
        self.half.iter_mut().for_each(|vector| *vector = simd.half().multiply(simd.halve(a), *vector));
        self
    }

    /// self ← fma(a, row, self), element by element.
    #[inline(always)]
    pub(super) fn multiply_add(&mut self, simd: S, a: A, row: &Self) {
        let a = simd.splat(a);
        for (sum, &row) in self.full.iter_mut().zip(&row.full) {
            *sum = simd.multiply_add(a, row, *sum);
        }
        for (sum, &row) in self.half.iter_mut().zip(&row.half) {
            *sum = simd.half().multiply_add(simd.halve(a), row, *sum);
        }
    }
}

/// Splits `width` columns into equal tiles of at most `most` [`LANES`]. Returns each tile's first
/// column and its width in [`LANES`].
pub(super) fn tiles(width: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let lanes = width / LANES;
    let tiles = lanes.div_ceil(most);
    (0..tiles).map(move |tile| {
        let (first, end) = (lanes * tile / tiles, lanes * (tile + 1) / tiles);
        (first * LANES, end - first)
    })
}
