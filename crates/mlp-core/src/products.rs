//! The BLAS boundary: the three matrix products of a network, and the one factorisation that initialisation needs.
//!
//! Every product goes through ndarray's `general_mat_mul`. With a BLAS behind ndarray that is one call of `cblas_sgemm`
//! or `cblas_dgemm` (as soon as one of the three sizes is over 7; `tests/products_reach_blas.rs` counts them), without
//! one it is ndarray's own product in Rust. A transpose is a view whose strides are swapped: BLAS is given it as a flag,
//! and nothing is copied. All results go into buffers of the caller.
//!
//! BLAS runs single-threaded: the parallelism is ours, above this file, where it cannot change a result.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayBase, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Ix2, RawData};

use crate::Scalar;

/// Out = X·W + b: (n×d)(d×k) + (1×k) -> (n×k), b added to every row.
pub(crate) fn affine<A: Scalar>(
    x: ArrayView2<'_, A>,
    weights: ArrayView2<'_, A>,
    biases: ArrayView1<'_, A>,
    mut out: ArrayViewMut2<'_, A>,
) {
    out.assign(&biases);
    product(A::one(), x, weights, A::one(), out);
}

/// Out = keep·Out + alpha·Aᵀ·δ: (n×d)ᵀ(n×k) -> (d×k). With keep = 0 what was in Out does not matter, not even NaN.
pub(crate) fn transposed_product<A: Scalar>(
    alpha: A,
    a: ArrayView2<'_, A>,
    delta: ArrayView2<'_, A>,
    keep: A,
    out: ArrayViewMut2<'_, A>,
) {
    product(alpha, a.reversed_axes(), delta, keep, out);
}

/// Out = keep·Out + alpha·1·δ, the column sums: (1×n)(n×k) -> (1×k), summed in the order of the rows.
pub(crate) fn column_sums<A: Scalar>(
    alpha: A,
    delta: ArrayView2<'_, A>,
    keep: A,
    mut out: ArrayViewMut1<'_, A>,
) {
    if keep == A::zero() {
        out.fill(A::zero());
    } else {
        out.mapv_inplace(|value| keep * value);
    }
    for row in delta.axis_iter(Axis(0)) {
        out.zip_mut_with(&row, |sum, &value| *sum += alpha * value);
    }
}

/// Out = δ·Wᵀ: (n×k)(d×k)ᵀ -> (n×d).
pub(crate) fn product_with_transposed<A: Scalar>(
    delta: ArrayView2<'_, A>,
    weights: ArrayView2<'_, A>,
    out: ArrayViewMut2<'_, A>,
) {
    product(A::one(), delta, weights.reversed_axes(), A::zero(), out);
}

/// C = alpha·A·B + beta·C.
fn product<A: Scalar>(
    alpha: A,
    a: ArrayView2<'_, A>,
    b: ArrayView2<'_, A>,
    beta: A,
    c: ArrayViewMut2<'_, A>,
) {
    one_blas_thread();
    general_mat_mul(alpha, &unit_axes(a), &unit_axes(b), beta, &mut unit_axes(c));
}

/// The same matrix with stride 1 along an axis of length 1. A slice of one row leaves stride 0 there, which ndarray's test
/// for BLAS does not take: batches of one example would go the slow way.
fn unit_axes<S: RawData>(mut matrix: ArrayBase<S, Ix2>) -> ArrayBase<S, Ix2> {
    for axis in [Axis(0), Axis(1)] {
        if matrix.len_of(axis) == 1 {
            matrix = matrix.index_axis_move(axis, 0).insert_axis(axis);
        }
    }
    matrix
}

/// What multiplies the matrices: OpenBLAS, or ndarray's own product in Rust.
pub const fn backend() -> &'static str {
    if cfg!(feature = "_blas") { "OpenBLAS" } else { "pure Rust" }
}

/// Tells OpenBLAS, once, to use the calling thread only. Comes before its first use: LAPACK's results, too, depend on it.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
fn one_blas_thread() {
    use std::ffi::c_int;
    use std::sync::Once;

    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
    }
    static ONCE: Once = Once::new();
    // SAFETY: OpenBLAS is linked under these features and exports this function with this signature (`cblas.h`). It may
    // be called at any time from one thread at a time, which `Once` sees to.
    ONCE.call_once(|| unsafe { openblas_set_num_threads(1) });
}

#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
fn one_blas_thread() {}

/// The orthonormal factor Q (m×n, m ≥ n) of A = QR, with the signs that make R's diagonal positive: that Q is unique.
///
/// By LAPACK's Householder reflections where there is a LAPACK.
#[cfg(feature = "_blas")]
pub(crate) fn orthonormal_factor(a: Array2<f64>) -> Array2<f64> {
    use ndarray_linalg::QRInto;

    one_blas_thread();
    let (mut q, r) = a.qr_into().expect("LAPACK refuses only sizes that an array cannot have");
    for (mut column, &diagonal) in q.columns_mut().into_iter().zip(r.diag()) {
        if diagonal < 0.0 {
            column.mapv_inplace(|value| -value);
        }
    }
    q
}

/// The same factor without LAPACK.
#[cfg(not(feature = "_blas"))]
pub(crate) fn orthonormal_factor(a: Array2<f64>) -> Array2<f64> {
    gram_schmidt(a)
}

/// Gram and Schmidt's method, each column orthogonalised twice: that suffices for orthogonality to machine precision
/// (Giraud, Langou and Rozložník 2005, "twice is enough").
#[cfg(any(test, not(feature = "_blas")))]
fn gram_schmidt(mut a: Array2<f64>) -> Array2<f64> {
    for j in 0..a.ncols() {
        let (done, mut rest) = a.view_mut().split_at(Axis(1), j);
        let mut column = rest.column_mut(0);
        for _ in 0..2 {
            for q in done.columns() {
                let along = q.dot(&column);
                column.scaled_add(-along, &q);
            }
        }
        let length = column.dot(&column).sqrt();
        column.mapv_inplace(|value| value / length);
    }
    a
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, s};

    use super::*;
    use crate::random::{NativeStream, RandomStream};

    fn random<A: Scalar>(rows: usize, columns: usize, seed: u64) -> Array2<A> {
        let mut stream = NativeStream::new(seed);
        Array2::from_shape_simple_fn((rows, columns), || A::from_f64(stream.standard_normal()))
    }

    /// Each entry of a product of f32 or f64 differs from the exact one by at most n·eps·Σ|a||b| (Higham 2002, (3.5)).
    fn assert_near<A: Scalar>(found: &Array2<A>, exact: &Array2<f64>, magnitude: &Array2<f64>, terms: usize) {
        for ((index, &found), (&exact, &magnitude)) in
            found.indexed_iter().zip(exact.iter().zip(magnitude.iter()))
        {
            let bound = (terms + 2) as f64 * A::EPSILON * magnitude;
            assert!((found.into_f64() - exact).abs() <= bound, "{index:?}: {found} against {exact}");
        }
    }

    /// A·B by plain loops in f64, and the same with absolute values, for the bound.
    fn plain<A: Scalar>(a: ArrayView2<'_, A>, b: ArrayView2<'_, A>) -> (Array2<f64>, Array2<f64>) {
        let entry = |i, j, f: fn(f64) -> f64| {
            (0..a.ncols()).map(|k| f(a[[i, k]].into_f64() * b[[k, j]].into_f64())).sum::<f64>()
        };
        let shape = (a.nrows(), b.ncols());
        (
            Array2::from_shape_fn(shape, |(i, j)| entry(i, j, |v| v)),
            Array2::from_shape_fn(shape, |(i, j)| entry(i, j, f64::abs)),
        )
    }

    fn check<A: Scalar>() {
        // Either side of every threshold: ndarray's for BLAS (7), the micro-kernels' and blocks' of both backends.
        for &(n, d, k) in &[
            (1, 1, 1),
            (1, 7, 3),
            (7, 7, 7),
            (8, 8, 8),
            (1, 784, 10),
            (5, 3, 8),
            (100, 784, 10),
            (33, 65, 129),
            (257, 300, 64),
        ] {
            let (x, w, delta) = (random::<A>(n, d, 1), random::<A>(d, k, 2), random::<A>(n, k, 3));
            let b: Array1<A> = random::<A>(1, k, 4).row(0).to_owned();

            let (mut exact, mut magnitude) = plain(x.view(), w.view());
            exact += &b.mapv(A::into_f64);
            magnitude += &b.mapv(|b| b.into_f64().abs());
            let mut out = Array2::from_elem((n, k), A::nan());
            affine(x.view(), w.view(), b.view(), out.view_mut());
            assert_near(&out, &exact, &magnitude, d + 1);

            let (exact, magnitude) = plain(x.t(), delta.view());
            let mut out = Array2::from_elem((d, k), A::nan());
            transposed_product(A::one(), x.view(), delta.view(), A::zero(), out.view_mut());
            assert_near(&out, &exact, &magnitude, n);

            let (half, mut out) = (A::from_f64(-0.5), w.clone());
            transposed_product(half, x.view(), delta.view(), A::one(), out.view_mut());
            let (w64, m64) = (w.mapv(A::into_f64), w.mapv(|w| w.into_f64().abs()));
            assert_near(&out, &(w64 - 0.5 * exact), &(m64 + 0.5 * magnitude), n + 1);

            let (exact, magnitude) = plain(delta.view(), w.t());
            let mut out = Array2::from_elem((n, d), A::nan());
            product_with_transposed(delta.view(), w.view(), out.view_mut());
            assert_near(&out, &exact, &magnitude, k);

            let ones = Array2::from_elem((1, n), A::one());
            let (exact, magnitude) = plain(ones.view(), delta.view());
            let mut out = Array2::from_elem((1, k), A::nan());
            column_sums(A::one(), delta.view(), A::zero(), out.row_mut(0));
            assert_near(&out, &exact, &magnitude, n);
        }
    }

    #[test]
    fn the_products_agree_with_plain_loops_in_f32() {
        check::<f32>();
    }

    #[test]
    fn the_products_agree_with_plain_loops_in_f64() {
        check::<f64>();
    }

    #[test]
    fn a_block_of_columns_of_a_wider_matrix_is_written_in_place() {
        let (x, w, b) = (random::<f32>(20, 30, 1), random::<f32>(30, 24, 2), Array1::zeros(24));
        let mut whole = Array2::zeros((20, 24));
        affine(x.view(), w.view(), b.view(), whole.view_mut());
        let mut blocks = Array2::from_elem((20, 24), f32::NAN);
        for columns in [0..12, 12..24] {
            let (w, b) = (w.slice(s![.., columns.clone()]), b.slice(s![columns.clone()]));
            affine(x.view(), w, b, blocks.slice_mut(s![.., columns]));
        }
        let (exact, magnitude) = plain(x.view(), w.view());
        assert_near(&whole, &exact, &magnitude, 30);
        assert_near(&blocks, &exact, &magnitude, 30);
    }

    #[cfg(feature = "_blas")]
    #[test]
    fn both_ways_to_the_orthonormal_factor_lead_to_the_same_one() {
        for (m, n) in [(1, 1), (5, 5), (40, 7), (64, 64)] {
            let a: Array2<f64> = random(m, n, 9);
            let (q, other) = (orthonormal_factor(a.clone()), gram_schmidt(a.clone()));
            let identity = q.t().dot(&q);
            for ((i, j), &value) in identity.indexed_iter() {
                let expected = f64::from(u8::from(i == j));
                assert!((value - expected).abs() <= 8.0 * m as f64 * f64::EPSILON, "QᵀQ at {i},{j}: {value}");
            }
            // Q is as sensitive as A is badly conditioned; a random square matrix of this size stays below 1e4.
            let difference = (&q - &other).fold(0.0_f64, |worst, d| worst.max(d.abs()));
            assert!(difference <= 1e4 * m as f64 * f64::EPSILON, "{m}x{n}: {difference}");
        }
    }
}
