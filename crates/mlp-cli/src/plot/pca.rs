//! Principal component analysis.
//!
//! With x̄ the mean of the rows of X (n×d), the components are the eigenvectors of
//! (X - x̄)ᵀ(X - x̄)/(n - 1) with the largest eigenvalues, which are the variances along them
//! (Jolliffe 2002, Principal Component Analysis, section 3.5).

use mlp_core::{NativeStream, RandomStream, orthonormal_factor};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The points in the space of the first k components.
pub(super) struct Projected {
    pub(super) points: Array2<f64>, // (n, k)
    pub(super) shares: Vec<f64>,    // (k), explained variance ratios; 0 without variance
}

/// Projects the rows of `x` (n×d) onto their first `k` components. To make the signs unique, the
/// entry of largest magnitude in each component is positive.
///
/// # Panics
/// If there are no rows, `k` exceeds n or d, or a value is not finite.
#[track_caller]
pub(super) fn project(x: ArrayView2<'_, f64>, k: usize) -> Projected {
    let (n, d) = x.dim();
    assert!(n > 0 && k <= n.min(d), "{k} components of {n} points in {d} dimensions");
    assert!(x.iter().all(|value| value.is_finite()), "all points must be finite");
    let centered = &x - &x.mean_axis(Axis(0)).expect("there are rows");
    let scatter = centered.t().dot(&centered);
    let total = scatter.diag().sum();
    let (mut components, variances) = leading(&scatter, k);
    for mut column in components.columns_mut() {
        let largest = column.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        if largest < 0.0 {
            column.mapv_inplace(|value| -value);
        }
    }
    let share = |variance: &f64| if total > 0.0 { variance / total } else { 0.0 };
    Projected { points: centered.dot(&components), shares: variances.iter().map(share).collect() }
}

/// Returns the `k` largest eigenvalues of a positive semidefinite matrix and their eigenvectors
/// (d×k), by orthogonal iteration with a Rayleigh-Ritz step (Golub and Van Loan 2013, section
/// 8.2.4). Iterating a few extra vectors speeds up convergence.
fn leading(a: &Array2<f64>, k: usize) -> (Array2<f64>, Array1<f64>) {
    const EXTRA: usize = 10;
    const MAX_ROUNDS: usize = 500;

    let (d, wide) = (a.nrows(), (k + EXTRA).min(a.nrows()));
    let mut stream = NativeStream::new(0);
    let mut q = orthonormal_factor(&Array2::from_shape_simple_fn((d, wide), || stream.standard_normal()));
    let mut values = Array1::<f64>::zeros(wide);
    for _ in 0..MAX_ROUNDS {
        let image = a.dot(&q);
        let (found, rotation) = symmetric_eigen(q.t().dot(&image));
        q = q.dot(&rotation);
        let change = (&found - &values).iter().take(k).fold(0.0_f64, |most, d| most.max(d.abs()));
        values = found;
        if change <= 1e-14 * values[0] {
            break;
        }
        // Keep directions without variance: their image consists of rounding errors.
        let image = image.dot(&rotation);
        for (j, mut column) in q.columns_mut().into_iter().enumerate() {
            if values[j] > f64::EPSILON * values[0] {
                column.assign(&image.column(j));
            }
        }
        q = orthonormal_factor(&q);
    }
    (
        q.view().split_at(Axis(1), k).0.to_owned(),
        values.view().split_at(Axis(0), k).0.mapv(|value| value.max(0.0)),
    )
}

/// Returns the eigenvalues of a small symmetric matrix in descending order and its eigenvectors
/// (columns), by LAPACK.
#[cfg(feature = "_lapack")]
fn symmetric_eigen(a: Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    use ndarray_linalg::{Eigh, UPLO};

    mlp_core::one_blas_thread();
    // It fails only if it does not converge.
    let Ok((mut values, mut vectors)) = a.eigh(UPLO::Lower) else { return jacobi(a) };
    values.invert_axis(Axis(0));
    vectors.invert_axis(Axis(1));
    (values, vectors)
}

#[cfg(not(feature = "_lapack"))]
use self::jacobi as symmetric_eigen;

/// The same by Jacobi rotations (Golub and Van Loan 2013, section 8.5).
fn jacobi(mut a: Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut v = Array2::<f64>::eye(n);
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))).map(|at| a[at] * a[at]).sum();
        let trace: f64 = a.diag().iter().map(|x| x.abs()).sum();
        if off <= f64::MIN_POSITIVE || off.sqrt() <= 1e-17 * trace {
            break;
        }
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            if a[[p, q]] == 0.0 {
                continue;
            }
            let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
            let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let c = 1.0 / t.hypot(1.0);
            let s = t * c;
            let rotated = |x: f64, y: f64| (c * x - s * y, s * x + c * y);
            for i in 0..n {
                (a[[i, p]], a[[i, q]]) = rotated(a[[i, p]], a[[i, q]]);
                (v[[i, p]], v[[i, q]]) = rotated(v[[i, p]], v[[i, q]]);
            }
            for i in 0..n {
                (a[[p, i]], a[[q, i]]) = rotated(a[[p, i]], a[[q, i]]);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[[j, j]].total_cmp(&a[[i, i]]));
    (order.iter().map(|&i| a[[i, i]]).collect(), v.select(Axis(1), &order))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Random points with these standard deviations along the axes.
    fn cloud(n: usize, deviations: &[f64]) -> Array2<f64> {
        let mut stream = NativeStream::new(4);
        let mut x = Array2::from_shape_simple_fn((n, deviations.len()), || stream.standard_normal());
        for (mut column, &deviation) in x.columns_mut().into_iter().zip(deviations) {
            column.mapv_inplace(|value| 3.0 + deviation * value);
        }
        x
    }

    #[test]
    fn the_components_of_a_rectangle_match_a_hand_calculation() {
        // A rectangle with sides 6 and 2 around (1, 5): variances 4·3²/3 and 4·1²/3.
        let x = array![[4.0, 6.0], [4.0, 4.0], [-2.0, 6.0], [-2.0, 4.0]];
        let Projected { points, shares } = project(x.view(), 2);
        assert!((shares[0] - 0.9).abs() < 1e-12 && (shares[1] - 0.1).abs() < 1e-12, "{shares:?}");
        let expected = array![[3.0, 1.0], [3.0, -1.0], [-3.0, 1.0], [-3.0, -1.0]];
        assert!((&points - &expected).iter().all(|d| d.abs() < 1e-12), "{points:?}");
    }

    #[test]
    fn the_components_match_a_full_eigendecomposition() {
        for (n, deviations) in
            [(60, vec![5.0, 3.0, 2.0, 1.0, 0.5]), (12, (1..=30).rev().map(f64::from).collect())]
        {
            let x = cloud(n, &deviations);
            let centered = &x - &x.mean_axis(Axis(0)).unwrap();
            let scatter = centered.t().dot(&centered);
            let (values, vectors) = jacobi(scatter.clone());
            let (v, found) = leading(&scatter, 2);
            let scale = values[0];
            for j in 0..2 {
                // A·v = λ·v holds for any method.
                let residual = &scatter.dot(&vectors.column(j)) - &(&vectors.column(j) * values[j]);
                assert!(residual.iter().all(|r| r.abs() < 1e-12 * scale), "{residual}");
                let same = v.column(j).dot(&vectors.column(j)).abs();
                assert!((same - 1.0).abs() < 1e-9, "{n} points, component {j}: {same}");
                assert!((found[j] / values[j] - 1.0).abs() < 1e-10, "{found}");
            }
        }
    }

    #[test]
    fn all_eigenvectors_are_those_of_jacobi_rotations() {
        let x = cloud(50, &[5.0, 3.0, 2.0, 1.0, 0.5]);
        let scatter = x.t().dot(&x);
        let (values, vectors) = symmetric_eigen(scatter.clone());
        let (expected, others) = jacobi(scatter);
        assert!((&values / &expected).iter().all(|ratio| (ratio - 1.0).abs() < 1e-12), "{values}");
        let cosines = vectors.t().dot(&others).mapv(f64::abs);
        assert!((cosines - Array2::<f64>::eye(5)).iter().all(|error| error.abs() < 1e-12));
    }

    #[test]
    fn identical_points_have_no_variance() {
        let Projected { points, shares } = project(Array2::from_elem((5, 3), 2.0).view(), 2);
        assert_eq!(shares, [0.0, 0.0]);
        assert!(points.iter().all(|&value| value == 0.0));
    }

    #[test]
    #[should_panic(expected = "3 components of 2 points in 5 dimensions")]
    fn more_components_than_points_panic() {
        project(Array2::zeros((2, 5)).view(), 3);
    }
}
