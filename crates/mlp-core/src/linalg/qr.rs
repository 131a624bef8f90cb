//! The orthonormal factor of a matrix by our own Householder reflections, not LAPACK's: all sums
//! have a fixed order, so a seed gives the same orthogonal initialization on every processor.

use ndarray::Array2;

/// Returns the orthonormal factor Q (m×n) of A = QR (m×n, m ≥ n), made unique by a positive
/// diagonal of R. It has the same bits on every processor and with every backend.
///
/// The columns of Q are orthonormal to machine precision for any finite A, by Householder
/// reflections (Golub and Van Loan 2013, algorithm 5.2.1). If the columns of A are linearly
/// dependent, the first n columns of Q still contain their span.
///
/// ```
/// use mlp_core::ndarray::array;
/// use mlp_core::orthonormal_factor;
///
/// let q = orthonormal_factor(&array![[3.0, 1.0], [4.0, 0.0]]);
/// assert!((q - array![[0.6, 0.8], [0.8, -0.6]]).iter().all(|error| error.abs() < 1e-15));
/// ```
///
/// # Panics
/// If A has fewer rows than columns.
#[track_caller]
pub fn orthonormal_factor(a: &Array2<f64>) -> Array2<f64> {
    let (m, n) = a.dim();
    assert!(m >= n, "{m} rows are fewer than {n} columns");
    if n == 0 {
        return Array2::zeros((m, n));
    }
    // Columns are stored one after the other. Column j of `v` becomes the vector of the reflection
    // H = I - v·vᵀ that maps the rest of A's column to a multiple of the first unit vector.
    let mut v: Vec<f64> = a.t().iter().copied().collect();
    let mut signs = vec![1.0; n]; // of R's diagonal
    for j in 0..n {
        let (this, rest) = v[j * m + j..].split_at_mut(m - j);
        let largest = this.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        if largest == 0.0 {
            continue;
        }
        // The reflection does not depend on the length, and this one cannot overflow.
        this.iter_mut().for_each(|x| *x /= largest);
        let length = dot(this, this).sqrt();
        signs[j] = if this[0] < 0.0 { 1.0 } else { -1.0 };
        let scale = (length * (length + this[0].abs())).sqrt();
        this[0] -= signs[j] * length;
        this.iter_mut().for_each(|x| *x /= scale);
        for column in rest.chunks_exact_mut(m) {
            reflect(this, &mut column[j..]);
        }
    }
    // Q is the product of the reflections, applied to the identity from the last to the first.
    let mut q = vec![0.0; m * n];
    for j in (0..n).rev() {
        q[j * m + j] = 1.0;
        for column in q[j * m..].chunks_exact_mut(m) {
            reflect(&v[j * m + j..][..m - j], &mut column[j..]);
        }
    }
    Array2::from_shape_fn((m, n), |(i, j)| signs[j] * q[j * m + i])
}

/// x ← x - v·(vᵀx)
fn reflect(v: &[f64], x: &mut [f64]) {
    let along = dot(v, x);
    for (x, v) in x.iter_mut().zip(v) {
        *x -= along * v;
    }
}

/// The dot product as eight sums in a fixed order: that is exact in the same way for any vector
/// width, and eight times as fast as one sum.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;

    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).fold(0.0, |sum, term| sum + term)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{NativeStream, RandomStream};

    fn random(m: usize, n: usize) -> Array2<f64> {
        let mut stream = NativeStream::new(9);
        Array2::from_shape_simple_fn((m, n), || stream.standard_normal())
    }

    /// The largest difference between two matrices.
    fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        (a - b).iter().fold(0.0, |most, d| if d.is_nan() { f64::NAN } else { d.abs().max(most) })
    }

    #[test]
    fn q_is_orthonormal_and_q_transposed_a_is_upper_triangular_with_a_positive_diagonal() {
        for (m, n) in [(1, 1), (2, 1), (5, 5), (9, 8), (40, 7), (64, 64), (300, 17)] {
            let a = random(m, n);
            let q = orthonormal_factor(&a);
            assert_eq!(q.dim(), (m, n));
            assert!(distance(&q.t().dot(&q), &Array2::eye(n)) < 1e-14 * m as f64, "{m}x{n}");
            let r = q.t().dot(&a);
            for ((i, j), &value) in r.indexed_iter() {
                assert!(i != j || value > 0.0, "{m}x{n} at {i},{j}: {value}");
                assert!(i <= j || value.abs() < 1e-13 * m as f64, "{m}x{n} at {i},{j}: {value}");
            }
            assert!(distance(&q.dot(&r), &a) < 1e-13 * m as f64, "{m}x{n}");
        }
    }

    #[test]
    fn dependent_zero_tiny_and_huge_columns_give_an_orthonormal_factor_too() {
        let mut a = random(20, 6);
        a.column_mut(1).fill(0.0);
        let first = a.column(0).to_owned();
        a.column_mut(2).assign(&(&first * 2.0));
        a.column_mut(3).mapv_inplace(|x| x * 1e300);
        a.column_mut(4).mapv_inplace(|x| x * 1e-310);
        let q = orthonormal_factor(&a);
        assert!(distance(&q.t().dot(&q), &Array2::eye(6)) < 1e-14, "{q}");
        assert_eq!(
            orthonormal_factor(&Array2::zeros((3, 2))),
            Array2::<f64>::eye(3).slice(ndarray::s![.., ..2])
        );
        assert_eq!(orthonormal_factor(&Array2::zeros((3, 0))).dim(), (3, 0));
    }

    #[test]
    #[should_panic(expected = "2 rows are fewer than 3 columns")]
    fn a_wide_matrix_panics() {
        orthonormal_factor(&random(2, 3));
    }
}
