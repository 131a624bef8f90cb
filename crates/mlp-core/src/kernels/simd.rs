//! Vectors of numbers, with a few operations for each instruction set. For kernels that must keep a
//! tile in registers, which auto-vectorization does not guarantee.
//!
//! A value of type `S: Simd<A>` proves that the machine has the instructions; `isa.rs` creates it
//! after detecting them. This makes all operations safe, except for memory access by address.

/// The widths of all kernel operands are multiples of this number.
pub(crate) const LANES: usize = 8;

/// The vectors of a number type, by instruction set.
pub trait Vectors: Copy + Sized {
    #[cfg(target_arch = "x86_64")]
    type Avx512: Simd<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx2: Simd<Self>;
    #[cfg(target_arch = "aarch64")]
    type Neon: Simd<Self>;
    type Generic: Simd<Self>;
}

macro_rules! vectors {
    ($($number:ty),+) => {$(
        impl Vectors for $number {
            #[cfg(target_arch = "x86_64")]
            type Avx512 = Avx512;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = Avx2;
            #[cfg(target_arch = "aarch64")]
            type Neon = Neon;
            type Generic = Generic;
        }
    )+};
}

vectors!(f32, f64);

/// An instruction set for vectors of `A`.
pub trait Simd<A>: Copy {
    /// [`LANES`] numbers or twice as many, in one or more registers.
    type Vector: Copy;
    /// Instructions for vectors of [`LANES`] numbers.
    type Half: Simd<A>;

    /// Numbers in a vector.
    const LANES: usize;
    /// Maximum width, in [`LANES`], of a tile of several rows that fits into the registers.
    const BLOCK_WIDTH: usize;
    /// Maximum width, in [`LANES`], of a tile of one row: 256 bytes.
    const ROW_WIDTH: usize;
    /// Maximum width, in [`LANES`], of a wide tile of one row; an even number.
    const WIDE: usize;

    /// Returns the proof.
    ///
    /// # Safety
    /// The machine must have these instructions.
    unsafe fn assume() -> Self;

    /// Runs code for a tile of several rows, 1 to [`Self::BLOCK_WIDTH`] wide.
    fn block<W: ByWidth>(self, width: usize, work: W) -> W::Output;
    /// Runs code for a tile of one row, 1 to [`Self::ROW_WIDTH`] wide.
    fn row<W: ByWidth>(self, width: usize, work: W) -> W::Output;
    /// Runs code for a wide tile of one row, half of [`Self::WIDE`] to all of it wide.
    fn wide<W: ByWidth>(self, width: usize, work: W) -> W::Output;
    fn half(self) -> Self::Half;
    /// Returns half of a vector whose numbers are all equal.
    fn halve(self, vector: Self::Vector) -> <Self::Half as Simd<A>>::Vector;
    /// Returns a vector of `a`s.
    fn splat(self, a: A) -> Self::Vector;
    /// a·b, element by element.
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a·b + c, rounded once, element by element.
    fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Loads [`Self::LANES`] numbers.
    ///
    /// # Safety
    /// They must be readable.
    unsafe fn load(self, from: *const A) -> Self::Vector;
    /// Stores [`Self::LANES`] numbers.
    ///
    /// # Safety
    /// They must be writable.
    unsafe fn store(self, vector: Self::Vector, to: *mut A);
    /// Writes the transpose of a square of [`LANES`]² numbers. `stride` and `width` are
    /// from row to row.
    ///
    /// # Safety
    /// They must be readable and writable.
    unsafe fn transpose(self, from: *const A, stride: isize, to: *mut A, width: usize);
}

/// [`Simd::transpose`] number by number.
///
/// # Safety
/// See there.
#[inline(always)]
unsafe fn transpose<A: Copy>(from: *const A, stride: isize, to: *mut A, width: usize) {
    for row in 0..LANES {
        for column in 0..LANES {
            // SAFETY: the caller's promise.
            unsafe { *to.add(column * width + row) = *from.offset(row as isize * stride).add(column) };
        }
    }
}

/// Code that is compiled for each width of a tile: F vectors and H half vectors (0 or 1).
pub trait ByWidth {
    type Output;

    /// Must be `#[inline(always)]`, or it is compiled for the baseline.
    fn run<const F: usize, const H: usize>(self) -> Self::Output;
}

/// Runs `$work` for a tile of `$width` [`LANES`], one of `$case`, with vectors of `$lanes` numbers.
macro_rules! by_width {
    ([$($case:literal)+], $width:expr, $lanes:expr, $work:expr) => {
        match $width {
            $($case => $work.run::<{ $case * LANES / ($lanes) }, { $case * LANES % ($lanes) / LANES }>(),)+
            width => unreachable!("a tile of {width}"),
        }
    };
}

/// The last of some numbers.
macro_rules! last {
    ([$only:literal]) => { $only };
    ([$_first:literal $($rest:literal)+]) => { last!([$($rest)+]) };
}

/// Plain loops, for every processor.
#[derive(Clone, Copy)]
pub struct Generic;

macro_rules! generic {
    ($($number:ty),+) => {$(
        impl Simd<$number> for Generic {
            type Vector = [$number; LANES];
            type Half = Self;
            const LANES: usize = LANES;
            const BLOCK_WIDTH: usize = 1;
            const ROW_WIDTH: usize = 2;
            const WIDE: usize = 2;

            #[inline(always)]
            unsafe fn assume() -> Self {
                Self
            }

            #[inline(always)]
            fn block<W: ByWidth>(self, width: usize, work: W) -> W::Output {
                by_width!([1], width, LANES, work)
            }

            #[inline(always)]
            fn row<W: ByWidth>(self, width: usize, work: W) -> W::Output {
                by_width!([1 2], width, LANES, work)
            }

            #[inline(always)]
            fn wide<W: ByWidth>(self, width: usize, work: W) -> W::Output {
                <Self as Simd<$number>>::row(self, width, work)
            }

            #[inline(always)]
            fn half(self) -> Self {
                self
            }

            #[inline(always)]
            fn halve(self, vector: Self::Vector) -> Self::Vector {
                vector
            }

            #[inline(always)]
            fn splat(self, a: $number) -> Self::Vector {
                [a; LANES]
            }

            #[inline(always)]
            fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| a[i] * b[i])
            }

            #[inline(always)]
            fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $number) -> Self::Vector {
                // SAFETY: the caller's promise; an array is aligned like its elements.
                unsafe { *from.cast() }
            }

            #[inline(always)]
            unsafe fn store(self, vector: Self::Vector, to: *mut $number) {
                // SAFETY: as above.
                unsafe { *to.cast() = vector };
            }

            #[inline(always)]
            unsafe fn transpose(self, from: *const $number, stride: isize, to: *mut $number, width: usize) {
                // SAFETY: the caller's promise.
                unsafe { transpose(from, stride, to, width) };
            }
        }
    )+};
}

generic!(f32, f64);

/// Implements [`Simd`] with intrinsics, on `$registers` registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! by_intrinsics {
    (
        $set:ident, $number:ty, [$register:ident of $lanes:literal; $registers:literal],
        blocks of $block:tt, rows of $row:tt, wide of $wide:tt, half: $half:ident by $halve:expr,
        $splat:ident, $multiply:ident, $multiply_add:expr, $load:ident, $store:ident, $transpose:ident
    ) => {
        impl Simd<$number> for $set {
            type Vector = [$register; $registers];
            type Half = $half;
            const LANES: usize = $lanes * $registers;
            const BLOCK_WIDTH: usize = last!($block);
            const ROW_WIDTH: usize = last!($row);
            const WIDE: usize = last!($wide);

            #[inline(always)]
            unsafe fn assume() -> Self {
                Self(())
            }

            #[inline(always)]
            fn block<W: ByWidth>(self, width: usize, work: W) -> W::Output {
                by_width!($block, width, $lanes * $registers, work)
            }

            #[inline(always)]
            fn row<W: ByWidth>(self, width: usize, work: W) -> W::Output {
                by_width!($row, width, $lanes * $registers, work)
            }

            #[inline(always)]
            fn wide<W: ByWidth>(self, width: usize, work: W) -> W::Output {
                by_width!($wide, width, $lanes * $registers, work)
            }

            #[inline(always)]
            fn half(self) -> $half {
                $half(())
            }

            #[inline(always)]
            fn halve(self, vector: Self::Vector) -> <$half as Simd<$number>>::Vector {
                // SAFETY: `self` proves that the instructions exist.
                #[allow(unused_unsafe, reason = "`identity` is safe")]
                vector.map(|register| unsafe { $halve(register) })
            }

            #[inline(always)]
            fn splat(self, a: $number) -> Self::Vector {
                // SAFETY: as above.
                [unsafe { $splat(a) }; $registers]
            }

            #[inline(always)]
            fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as above.
                array::from_fn(|i| unsafe { $multiply(a[i], b[i]) })
            }

            #[inline(always)]
            fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                // SAFETY: as above.
                array::from_fn(|i| unsafe { $multiply_add(a[i], b[i], c[i]) })
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $number) -> Self::Vector {
                // SAFETY: as above; the caller promises that the memory is valid.
                array::from_fn(|i| unsafe { $load(from.add(i * $lanes)) })
            }

            #[inline(always)]
            unsafe fn store(self, vector: Self::Vector, to: *mut $number) {
                for (i, register) in vector.into_iter().enumerate() {
                    // SAFETY: as above; the caller promises that the memory is valid.
                    unsafe { $store(to.add(i * $lanes), register) };
                }
            }

            #[inline(always)]
            unsafe fn transpose(self, from: *const $number, stride: isize, to: *mut $number, width: usize) {
                // SAFETY: as above; the caller promises that the memory is valid.
                unsafe { $transpose(from, stride, to, width) };
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::array;
    use std::convert::identity;

    use super::{ByWidth, LANES, Simd, transpose};

    /// AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub struct Avx2(());

    /// AVX-512, and AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub struct Avx512(());

    by_intrinsics!(
        Avx2, f32, [__m256 of 8; 1],
        blocks of [1 2], rows of [1 2 3 4 5 6 7 8], wide of [4 5 6 7 8], half: Avx2 by identity,
        _mm256_set1_ps, _mm256_mul_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_storeu_ps, transpose_f32
    );
    by_intrinsics!(
        Avx2, f64, [__m256d of 4; 2],
        blocks of [1], rows of [1 2 3 4], wide of [2 3 4], half: Avx2 by identity,
        _mm256_set1_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_loadu_pd, _mm256_storeu_pd, transpose
    );
    by_intrinsics!(
        Avx512, f32, [__m512 of 16; 1],
        blocks of [1 2 3 4 5 6 7 8], rows of [1 2 3 4 5 6 7 8], wide of [8 9 10 11 12 13 14 15 16],
        half: Avx2 by _mm512_castps512_ps256,
        _mm512_set1_ps, _mm512_mul_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_storeu_ps, transpose_f32
    );
    by_intrinsics!(
        Avx512, f64, [__m512d of 8; 1],
        blocks of [1 2 3 4], rows of [1 2 3 4], wide of [4 5 6 7 8], half: Avx512 by identity,
        _mm512_set1_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_storeu_pd, transpose
    );

    /// [`Simd::transpose`] with AVX2, four columns at a time.
    ///
    /// # Safety
    /// See there; the machine must have AVX2.
    #[inline(always)]
    unsafe fn transpose_f32(from: *const f32, stride: isize, to: *mut f32, width: usize) {
        for first in [0, 4] {
            // SAFETY: the caller's promise.
            unsafe {
                // Row r in the lower half, row r + 4 in the upper one.
                let rows: [_; 4] = array::from_fn(|row| {
                    let from = from.offset(row as isize * stride).add(first);
                    let lower = _mm256_castps128_ps256(_mm_loadu_ps(from));
                    _mm256_insertf128_ps::<1>(lower, _mm_loadu_ps(from.offset(4 * stride)))
                });
                let [a, b, c, d] = rows;
                let pairs = [
                    (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d)),
                    (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d)),
                ];
                for (pair, (lower, upper)) in pairs.into_iter().enumerate() {
                    let to = to.add((first + 2 * pair) * width);
                    _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(lower, upper));
                    _mm256_storeu_ps(to.add(width), _mm256_shuffle_ps::<0xEE>(lower, upper));
                }
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(crate) use arm::Neon;

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;
    use std::array;
    use std::convert::identity;

    use super::{ByWidth, LANES, Simd, transpose};

    /// NEON, part of every AArch64.
    #[derive(Clone, Copy)]
    pub struct Neon(());

    by_intrinsics!(
        Neon, f32, [float32x4_t of 4; 2],
        blocks of [1 2], rows of [1 2 3 4 5 6 7 8], wide of [4 5 6 7 8], half: Neon by identity,
        vdupq_n_f32, vmulq_f32, |a, b, c| vfmaq_f32(c, a, b), vld1q_f32, vst1q_f32, transpose
    );
    by_intrinsics!(
        Neon, f64, [float64x2_t of 2; 4],
        blocks of [1], rows of [1 2 3 4], wide of [2 3 4], half: Neon by identity,
        vdupq_n_f64, vmulq_f64, |a, b, c| vfmaq_f64(c, a, b), vld1q_f64, vst1q_f64, transpose
    );
}
