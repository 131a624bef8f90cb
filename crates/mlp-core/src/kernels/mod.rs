//! The kernels, which compute a part of an operation.
//!
//! **One chain.** Every element of a product is one chain of fused multiply-adds in index order,
//! `acc ← fma(a, b, acc)`, starting with the bias, the current value or zero. Vector width, tile
//! size, threads and skipped zeros do not change this definition, so they do not change a bit of
//! the result. (Skipping a term with a zero factor can only change the sign of a zero.)
//!
//! **One body.** A kernel is a struct of operands whose [`Work::run`] is compiled once per
//! instruction set (`isa.rs`). Element-wise work is a plain loop; what must stay in registers is a
//! tile of vectors.
//!
//! | file | contents |
//! |---|---|
//! | `mat.rs` | `MatRef` and `MatMut`: matrix views with strides |
//! | `real.rs`, `exp.rs` | arithmetic of one number; the exponential function |
//! | `simd.rs`, `tile.rs` | vectors by intrinsics; tiles of vectors |
//! | `isa.rs` | instruction sets, and running a kernel with one |
//! | `dense.rs`, `sparse.rs`, `columns.rs` | products with dense rows, with CSR rows, and with their columns |
//! | `elementwise.rs`, `softmax.rs`, `update.rs` | activations; the output layer; optimizers |
//! | `dropout.rs`, `inputs.rs` | dropout masks; adversarial examples |

mod columns;
mod dense;
mod dropout;
mod elementwise;
mod entries;
mod exp;
mod inputs;
pub(crate) mod isa;
pub(crate) mod mat;
pub(crate) mod real;
pub(crate) mod simd;
mod softmax;
mod sparse;
mod tile;
mod update;

pub(crate) use columns::ByColumn;
pub(crate) use dense::Start;
pub(crate) use dropout::{DroppedRows, LayerMask};
pub use isa::Isa;
pub(crate) use mat::{MatMut, MatRef};
pub use real::Real;
pub(crate) use update::Step;

use std::ops::Range;

use ndarray::ArrayView2;

use crate::activation::Activation;
use crate::instances::instances;
use crate::linalg::csr::CsrMatrix;

instances! {
    /// The kernels for one number type.
    trait Kernels;

    /// C ← start + alpha·A·B. B may be a transpose.
    fn product(
        isa: Isa, alpha: Self, a: MatRef<'_, Self>, b: MatRef<'_, Self>, start: Start<'_, Self>,
        c: MatMut<'_, Self>,
    ) = dense::product(isa, alpha, a, b, start, c);

    /// Z ← X·W + b, for some rows of a sparse X.
    fn sparse_affine(
        isa: Isa, x: &CsrMatrix<'_, Self>, rows: Range<usize>, weights: MatRef<'_, Self>, biases: &[Self],
        z: MatMut<'_, Self>,
    ) = sparse::affine(isa, x, rows, weights, biases, z);

    /// W ← start + alpha·Xᵀ·δ, for a sparse X. Faster with memory to sort its entries.
    fn sparse_update(
        isa: Isa, alpha: Self, x: &CsrMatrix<'_, Self>, delta: MatRef<'_, Self>, start: Start<'_, Self>,
        weights: MatMut<'_, Self>, sorted: &mut ByColumn<Self>,
    ) = sparse::update(isa, alpha, x, delta, start, weights, sorted);

    /// Sums ← sums + alpha·A, row by row.
    fn add_rows(isa: Isa, alpha: Self, a: MatRef<'_, Self>, sums: &mut [Self]) =
        isa.run(elementwise::AddRows { alpha, a, sums });

    /// H ← f(Z).
    fn activate(isa: Isa, activation: Activation, z: MatRef<'_, Self>, h: MatMut<'_, Self>) =
        isa.run(elementwise::Activate { activation, z, h });

    /// D ← D ⊙ f'(Z), given H = f(Z).
    fn multiply_by_derivative(
        isa: Isa, activation: Activation, z: MatRef<'_, Self>, h: MatRef<'_, Self>, d: MatMut<'_, Self>,
    ) = isa.run(elementwise::MultiplyByDerivative { activation, z, h, d });

    /// Fills S (rows × some units) of a layer of `units`, from unit `first`, a multiple of 8.
    fn draw_mask(mask: &LayerMask, units: usize, first: usize, s: MatMut<'_, Self>) =
        dropout::draw(mask, units, first, s);

    /// Dropped ← S ⊙ X, for some rows of a dense X, from row `first` of the mask.
    fn drop_dense(mask: &LayerMask, first: usize, x: ArrayView2<'_, Self>, dropped: MatMut<'_, Self>) =
        dropout::drop_dense(mask, first, x, dropped);

    /// Dropped ← S ⊙ X, for some rows of a sparse X.
    fn drop_sparse(mask: &LayerMask, x: &CsrMatrix<'_, Self>, dropped: DroppedRows<'_, Self>) =
        dropout::drop_sparse(mask, x, dropped);

    /// Each row g ← length·g/‖g‖, or 0 if it is 0.
    fn set_lengths(length: f64, rows: MatMut<'_, Self>) = inputs::set_lengths(length, rows);

    /// Out ← Out + X, for a dense X.
    fn add_dense(x: ArrayView2<'_, Self>, out: MatMut<'_, Self>) = inputs::add_dense(x, out);

    /// Out ← Out + X, for some rows of a sparse X.
    fn add_sparse(x: &CsrMatrix<'_, Self>, rows: Range<usize>, out: MatMut<'_, Self>) =
        inputs::add_sparse(x, rows, out);

    /// Out ← S ⊙ H.
    fn multiply(isa: Isa, s: MatRef<'_, Self>, h: MatRef<'_, Self>, out: MatMut<'_, Self>) =
        isa.run(elementwise::Multiply { s, h, out });

    /// D ← S ⊙ D.
    fn mask(isa: Isa, s: MatRef<'_, Self>, d: MatMut<'_, Self>) = isa.run(elementwise::Mask { s, d });

    /// Ŷ ← softmax(Z), with the loss and the prediction of each example.
    fn softmax_cross_entropy(
        isa: Isa, classes: usize, label_smoothing: f64, z: MatRef<'_, Self>, labels: &[u8],
        y_hat: MatMut<'_, Self>, losses: &mut [f64], predictions: &mut [u8],
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

    /// Sum ← sum + term.
    fn accumulate(isa: Isa, term: MatRef<'_, Self>, sum: MatMut<'_, Self>) = isa.run(update::Accumulate { term, sum });

    /// Average ← average + share·(target - average).
    fn approach(isa: Isa, share: f64, target: MatRef<'_, Self>, average: MatMut<'_, Self>) =
        isa.run(update::Approach { share, target, average });
}
