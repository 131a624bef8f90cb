//! The orthonormal factor of a matrix, for initialization, with or without LAPACK.

use ndarray::Array2;
#[cfg(any(test, not(feature = "_blas")))]
use ndarray::Axis;

/// Returns the orthonormal factor Q (m×n, m ≥ n) of A = QR, made unique by a positive diagonal of
/// R. Uses LAPACK's Householder reflections.
#[cfg(feature = "_blas")]
pub(crate) fn orthonormal_factor(a: Array2<f64>) -> Array2<f64> {
    use ndarray_linalg::QRInto;

    super::blas::one_blas_thread();
    let (mut q, r) = a.qr_into().expect("LAPACK refuses only sizes that an array cannot have");
    for (mut column, &diagonal) in q.columns_mut().into_iter().zip(r.diag()) {
        if diagonal < 0.0 {
            column.mapv_inplace(|value| -value);
        }
    }
    q
}

/// The same without LAPACK.
#[cfg(not(feature = "_blas"))]
pub(crate) fn orthonormal_factor(a: Array2<f64>) -> Array2<f64> {
    gram_schmidt(a)
}

/// Gram-Schmidt. Orthogonalizing each column twice is enough for machine precision (Giraud, Langou
/// and Rozložník 2005).
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

#[cfg(all(test, feature = "_blas"))]
mod tests {
    use super::*;
    use crate::random::{NativeStream, RandomStream};

    #[test]
    fn lapack_and_gram_schmidt_agree() {
        for (m, n) in [(1, 1), (5, 5), (40, 7), (64, 64)] {
            let mut stream = NativeStream::new(9);
            let a = Array2::from_shape_simple_fn((m, n), || stream.standard_normal());
            let (q, other) = (orthonormal_factor(a.clone()), gram_schmidt(a.clone()));
            let identity = q.t().dot(&q);
            for ((i, j), &value) in identity.indexed_iter() {
                let expected = f64::from(u8::from(i == j));
                assert!((value - expected).abs() <= 8.0 * m as f64 * f64::EPSILON, "QᵀQ at {i},{j}: {value}");
            }
            // The error of Q is proportional to A's condition number, here below 1e4.
            let difference = (&q - &other).fold(0.0_f64, |worst, d| worst.max(d.abs()));
            assert!(difference <= 1e4 * m as f64 * f64::EPSILON, "{m}x{n}: {difference}");
        }
    }
}
