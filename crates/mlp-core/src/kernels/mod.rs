//! The kernels: how a part of an operation is computed. This folder and `parallel/` are the only places, apart from one call to
//! OpenBLAS, that need `unsafe`.
//!
//! **One chain.** Every element of a product is a single chain of fused multiply-adds in the order of the index that is summed
//! over: `acc ← fma(a, b, acc)`, starting with the bias, with what was there, or with zero. The width of a vector, the size of a
//! tile, the part of a thread and a zero that is left out do not appear in that definition, so none of them changes a bit of the
//! result. (A term with a zero factor leaves a finite chain as it is: sparse and dense rows give the same numbers, up to the
//! sign of a zero.)
//!
//! **One body.** A kernel is a struct with its operands whose [`Work::run`] is compiled once for each instruction set (`isa.rs`).
//! What goes number by number is a plain loop; what has to stay in registers is a tile of vectors (`tile.rs`, `simd.rs`).
//!
//! | file | holds |
//! |---|---|
//! | `mat.rs` | `MatRef` and `MatMut`: views of matrices with strides |
//! | `real.rs`, `exp.rs` | the arithmetic of one number; the exponential function |
//! | `simd.rs`, `tile.rs` | vectors by the intrinsics of each instruction set; some numbers of a row in registers |
//! | `isa.rs` | which instruction sets there are, and running a kernel with one |
//! | `dense.rs`, `sparse.rs` | products with dense rows and with CSR rows |
//! | `elementwise.rs`, `softmax.rs`, `update.rs` | loops over numbers: activations; the output layer; optimizers |

mod dense;
mod elementwise;
mod exp;
pub(crate) mod isa;
pub(crate) mod mat;
pub(crate) mod real;
pub(crate) mod simd;
mod softmax;
mod sparse;
mod tile;
mod update;

pub(crate) use dense::Start;
pub use isa::Isa;
pub(crate) use mat::{MatMut, MatRef};
pub use real::Real;
pub(crate) use update::Step;

use std::ops::Range;

use crate::activation::Activation;
use crate::linalg::csr::CsrMatrix;

/// Writes the trait [`Kernels`] and its two implementations from one list: `fn method(arguments) = body`.
macro_rules! kernels {
    ($($(#[$doc:meta])* fn $method:ident($($argument:ident: $type:ty),+ $(,)?) = $body:expr;)+) => {
        /// The kernels for one number type.
        ///
        /// They are methods of a trait with two implementations here, so that they are compiled once, with this crate's
        /// optimization level, and not again in every crate that trains a network.
        #[allow(clippy::too_many_arguments, reason = "operands of a kernel, in the order of its formula")]
        pub trait Kernels: Sized {
            $($(#[$doc])* fn $method($($argument: $type),+);)+
        }

        kernels!(of f32: $(fn $method($($argument: $type),+) = $body;)+);
        kernels!(of f64: $(fn $method($($argument: $type),+) = $body;)+);
    };
    (of $number:ty: $(fn $method:ident($($argument:ident: $type:ty),+) = $body:expr;)+) => {
        impl Kernels for $number {
            $(fn $method($($argument: $type),+) {
                $body;
            })+
        }
    };
}

kernels! {
    /// C ← start + alpha·A·B.
    fn product(
        isa: Isa, alpha: Self, a: MatRef<'_, Self>, b: MatRef<'_, Self>, start: Start<'_, Self>,
        c: MatMut<'_, Self>,
    ) = dense::product(isa, alpha, a, b, start, c);

    /// B ← Aᵀ.
    fn transpose(isa: Isa, a: MatRef<'_, Self>, b: MatMut<'_, Self>) = isa.run(dense::Transpose { a, b });

    /// Z ← X·W + b, for some rows of a sparse X.
    fn sparse_affine(
        isa: Isa, x: &CsrMatrix<'_, Self>, rows: Range<usize>, weights: MatRef<'_, Self>, biases: &[Self],
        z: MatMut<'_, Self>,
    ) = sparse::affine(isa, x, rows, weights, biases, z);

    /// W ← W + alpha·Xᵀ·δ, for a sparse X.
    fn sparse_update(
        isa: Isa, alpha: Self, x: &CsrMatrix<'_, Self>, delta: MatRef<'_, Self>, weights: MatMut<'_, Self>,
    ) = sparse::update(isa, alpha, x, delta, weights);

    /// H ← f(Z).
    fn activate(isa: Isa, activation: Activation, z: MatRef<'_, Self>, h: MatMut<'_, Self>) =
        isa.run(elementwise::Activate { activation, z, h });

    /// D ← D ⊙ f'(Z), given H = f(Z).
    fn multiply_by_derivative(
        isa: Isa, activation: Activation, z: MatRef<'_, Self>, h: MatRef<'_, Self>, d: MatMut<'_, Self>,
    ) = isa.run(elementwise::MultiplyByDerivative { activation, z, h, d });

    /// Out ← S ⊙ H.
    fn multiply(isa: Isa, s: MatRef<'_, Self>, h: MatRef<'_, Self>, out: MatMut<'_, Self>) =
        isa.run(elementwise::Multiply { s, h, out });

    /// D ← S ⊙ D.
    fn mask(isa: Isa, s: MatRef<'_, Self>, d: MatMut<'_, Self>) = isa.run(elementwise::Mask { s, d });

    /// Ŷ ← softmax(Z), with the loss and the prediction of each example.
    fn softmax_cross_entropy(
        isa: Isa, classes: usize, label_smoothing: f64, z: MatRef<'_, Self>, labels: &[u8], y_hat: MatMut<'_,
        Self>,
        losses: &mut [f64], predictions: &mut [u8],
    ) = isa.run(softmax::SoftmaxCrossEntropy { classes, label_smoothing, z, labels, y_hat, losses, predictions });

    /// δ ← (Ŷ - Y)·weight.
    fn output_delta(
        isa: Isa, classes: usize, label_smoothing: f64, weight: f64, y_hat: MatRef<'_, Self>, labels: &[u8],
        delta: MatMut<'_, Self>,
    ) = isa.run(softmax::OutputDelta { classes, label_smoothing, weight, y_hat, labels, delta });

    /// A step of an optimizer.
    fn optimize(
        isa: Isa, step: Step, kept: f64, gradient: MatRef<'_, Self>, parameters: MatMut<'_, Self>,
        states: [MatMut<'_, Self>; 2],
    ) = isa.run(update::Optimize { step, kept, gradient, parameters, states });

    /// Sums ← sums + the squares of each column.
    fn add_squares(isa: Isa, gradient: MatRef<'_, Self>, sums: &mut [f64]) =
        isa.run(update::AddSquares { gradient, sums });

    /// Average ← average + share·(target - average).
    fn approach(isa: Isa, share: f64, target: MatRef<'_, Self>, average: MatMut<'_, Self>) =
        isa.run(update::Approach { share, target, average });
}
