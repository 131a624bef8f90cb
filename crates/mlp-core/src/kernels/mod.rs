//! The kernels: what the time of a training step is spent in. Everything that needs `unsafe`, apart from one call to OpenBLAS in
//! `blas.rs`, is in this folder.
//!
//! **One chain.** Every element of a product is computed as a single chain of fused multiply-adds in the order of the index that
//! is summed over: `acc ← fma(a, b, acc)`, beginning with the bias, with what was there, or with zero. Neither the width of a
//! vector, nor the size of a tile, nor the share of a thread, nor a zero that is left out appears in that definition, and
//! therefore none of them has an influence on a bit of the result. (A term with a zero factor leaves a finite chain as it is;
//! that is why sparse and dense rows give the same numbers, up to the sign of a zero.)
//!
//! **One body.** A kernel is one text, compiled once for each instruction set (`isa.rs`). What it does number by number is a plain loop; what
//! has to stay in registers is a tile of vectors (`tile.rs`), whose few operations are intrinsics, or plain loops in the portable
//! version (`simd.rs`), which Miri runs.
//!
//! | file | holds |
//! |---|---|
//! | `isa.rs` | which instruction sets there are, and calling a kernel compiled for one |
//! | `simd.rs` | vectors of numbers, by the intrinsics of each instruction set |
//! | `tile.rs` | some numbers of a row in registers |
//! | `team.rs` | the threads of a step |
//! | `shares.rs` | what each of them works on: buffers cut into shares |
//! | `block.rs` | matrices with a row stride, of which a thread writes its own part |
//! | `dense.rs` | C = A·B and C += A·B |
//! | `sparse.rs` | X·W + b and W += alpha·Xᵀ·δ with sparse rows |
//! | `exp.rs` | the exponential function |

mod block;
mod dense;
mod exp;
mod isa;
mod shares;
mod simd;
mod sparse;
mod team;
mod tile;

pub(crate) use block::{Block, BlockMut};
pub(crate) use dense::Start;
pub(crate) use exp::exp;
pub use isa::Isa;
pub(crate) use isa::Work;
pub(crate) use shares::{ByColumns, MAX_THREADS, Shares};
pub(crate) use simd::Simd;
pub(crate) use team::Team;

use std::ops::Range;

use crate::activation::{self, Activation};
use crate::step::{self, Step};
use crate::{CsrMatrix, average, loss};

/// Writes the trait [`Compiled`] and its two implementations from one list of kernels: `fn method(arguments) = function`.
macro_rules! kernels {
    ($($(#[$doc:meta])* fn $method:ident($($argument:ident: $type:ty),+) = $function:path;)+) => {
        /// The kernels for one type of numbers.
        ///
        /// They are methods of a trait so that they are compiled here, once and optimized, and not again in every crate that
        /// trains a network.
        pub trait Compiled: Copy + Sized {
            #[cfg(target_arch = "x86_64")]
            type Avx512: Simd<Self>;
            #[cfg(target_arch = "x86_64")]
            type Avx2: Simd<Self>;
            #[cfg(target_arch = "aarch64")]
            type Neon: Simd<Self>;
            type Portable: Simd<Self>;

            $($(#[$doc])* fn $method($($argument: $type),+);)+
        }

        kernels!(of f32: $(fn $method($($argument: $type),+) = $function;)+);
        kernels!(of f64: $(fn $method($($argument: $type),+) = $function;)+);
    };
    (of $number:ty: $(fn $method:ident($($argument:ident: $type:ty),+) = $function:path;)+) => {
        impl Compiled for $number {
            #[cfg(target_arch = "x86_64")]
            type Avx512 = simd::Avx512;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = simd::Avx2;
            #[cfg(target_arch = "aarch64")]
            type Neon = simd::Neon;
            type Portable = simd::Portable;

            $(fn $method($($argument: $type),+) {
                $function($($argument),+);
            })+
        }
    };
}

kernels! {
    /// [`dense::product`].
    fn product(
        isa: Isa, alpha: Self, a: Block<'_, Self>, b: Block<'_, Self>, start: Start<'_, Self>, c: BlockMut<'_, Self>
    ) = dense::product;

    /// [`dense::transpose`].
    fn transpose(isa: Isa, a: Block<'_, Self>, b: BlockMut<'_, Self>) = dense::transpose;

    /// [`sparse::affine`].
    fn sparse_affine(
        isa: Isa, x: &CsrMatrix<'_, Self>, rows: Range<usize>, weights: Block<'_, Self>, biases: &[Self],
        z: BlockMut<'_, Self>
    ) = sparse::affine;

    /// [`sparse::transposed_product`].
    fn sparse_transposed_product(
        isa: Isa, alpha: Self, x: &CsrMatrix<'_, Self>, delta: Block<'_, Self>, weights: BlockMut<'_, Self>
    ) = sparse::transposed_product;

    /// [`activation::apply`].
    fn apply(activation: Activation, isa: Isa, z: Block<'_, Self>, h: BlockMut<'_, Self>) = activation::apply;

    /// [`activation::multiply_by_derivative`].
    fn multiply_by_derivative(
        activation: Activation, isa: Isa, z: Block<'_, Self>, h: Block<'_, Self>, d: BlockMut<'_, Self>
    ) = activation::multiply_by_derivative;

    /// [`loss::softmax_cross_entropy`].
    fn softmax_cross_entropy(
        isa: Isa, classes: usize, z_o: Block<'_, Self>, labels: &[u8], y_hat: BlockMut<'_, Self>,
        scores: (&mut [f64], &mut [u8])
    ) = loss::softmax_cross_entropy;

    /// [`step::optimize`].
    fn optimize(
        isa: Isa, step: Step, kept: f64, gradient: Block<'_, Self>, parameters: BlockMut<'_, Self>,
        states: [BlockMut<'_, Self>; 2]
    ) = step::optimize;

    /// [`step::add_squares`].
    fn add_squares(isa: Isa, gradient: Block<'_, Self>, sums: &mut [f64]) = step::add_squares;

    /// [`average::approach`].
    fn approach(isa: Isa, share: f64, target: Block<'_, Self>, average: BlockMut<'_, Self>) = average::approach;
}

/// Numbers that a kernel handles together: widths are multiples of it.
pub(crate) const LANES: usize = 8;
