//! Principal component analysis: the directions in which points spread most. It serves to look at hidden layers, whose units are more than
//! can be drawn.
//!
//! With x̄ the mean of the rows of X (n×d) and U·Σ·Vᵀ the singular value decomposition of X - x̄, the components are the columns of V, and along the
//! j-th the points have the variance σⱼ² / (n - 1) (Jolliffe 2002, Principal Component Analysis, section 3.5).
//!
//! A file of its own because it is the only decomposition besides the one that `orthonormal.rs` holds.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The principal components of points, the first of them the one along which they spread most.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    mean: Array1<f64>,       // (d)
    components: Array2<f64>, // (d, k), orthonormal columns
    variances: Array1<f64>,  // (k)
    total: f64,              // variance in all d directions
}

impl Pca {
    /// The first `k` components of the rows of `x` (n×d); the entry of each that is the largest in size is positive, so that the signs, which
    /// the mathematics leaves open, are always the same ones.
    ///
    /// By LAPACK's singular value decomposition in a build with OpenBLAS, and by orthogonal iteration in one without.
    ///
    /// # Panics
    /// If there are no rows, `k` is more than n or d, or a number is not finite.
    ///
    /// # Example
    /// ```
    /// use mlp_core::Pca;
    /// use mlp_core::ndarray::array;
    ///
    /// let points = array![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]];
    /// let pca = Pca::fit(points.view(), 1);
    /// let along = pca.project(points.view()); // (3, 1)
    /// assert!((along[[2, 0]] - 2.0_f64.sqrt()).abs() < 1e-12);
    /// assert!((pca.shares()[0] - 1.0).abs() < 1e-12);
    /// ```
    #[track_caller]
    pub fn fit(x: ArrayView2<'_, f64>, k: usize) -> Self {
        let (n, d) = x.dim();
        assert!(n > 0 && k <= n.min(d), "{k} components of {n} points in {d} dimensions");
        assert!(x.iter().all(|value| value.is_finite()), "a point that is not finite");
        let mean = x.mean_axis(Axis(0)).expect("there are rows");
        let centered = &x - &mean;
        let freedom = (n.max(2) - 1) as f64;
        let total = centered.iter().map(|value| value * value).sum::<f64>() / freedom;
        let (mut components, squares) = leading(centered, k);
        for mut column in components.columns_mut() {
            let largest = column.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            if largest < 0.0 {
                column.mapv_inplace(|value| -value);
            }
        }
        Self { mean, components, variances: squares / freedom, total }
    }

    /// The coordinates (n×k) of points (n×d) along the components.
    ///
    /// # Panics
    /// If the points have another number of dimensions.
    #[track_caller]
    pub fn project(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(x.ncols(), self.mean.len(), "points of another number of dimensions");
        (&x - &self.mean).dot(&self.components)
    }

    /// The components, (d, k).
    pub fn components(&self) -> ArrayView2<'_, f64> {
        self.components.view()
    }

    /// Each component's share of the whole variance, (k); zeros where there is none.
    pub fn shares(&self) -> Vec<f64> {
        self.variances
            .iter()
            .map(|&variance| if self.total > 0.0 { variance / self.total } else { 0.0 })
            .collect()
    }
}

/// The first `k` right singular vectors (d, k) of `x` and the squares of their singular values.
#[cfg(feature = "_blas")]
fn leading(x: Array2<f64>, k: usize) -> (Array2<f64>, Array1<f64>) {
    use ndarray::s;
    use ndarray_linalg::{JobSvd, SVDDC};

    crate::linalg::blas::one_blas_thread();
    let (_, sigma, vt) = x.svddc(JobSvd::Some).expect("LAPACK decomposes every finite matrix");
    let vt = vt.expect("V was asked for");
    (vt.slice(s![..k, ..]).t().to_owned(), sigma.slice(s![..k]).mapv(|sigma| sigma * sigma))
}

/// The same without LAPACK.
#[cfg(not(feature = "_blas"))]
fn leading(x: Array2<f64>, k: usize) -> (Array2<f64>, Array1<f64>) {
    orthogonal_iteration(&x, k)
}

/// Orthogonal iteration with Rayleigh and Ritz's step (Golub and Van Loan 2013, section 8.2.4): a few more directions than are wanted are multiplied
/// by XᵀX and made orthonormal until they stand still.
#[cfg(any(test, not(feature = "_blas")))]
fn orthogonal_iteration(x: &Array2<f64>, k: usize) -> (Array2<f64>, Array1<f64>) {
    use ndarray::s;

    use crate::linalg::qr::orthonormal_factor;
    use crate::random::{NativeStream, RandomStream};

    /// Beyond the wanted ones: they make the iteration converge.
    const MORE: usize = 10;
    const MAX_ROUNDS: usize = 500;

    let wide = (k + MORE).min(x.nrows().min(x.ncols()));
    let mut stream = NativeStream::new(0);
    let mut q =
        orthonormal_factor(Array2::from_shape_simple_fn((x.ncols(), wide), || stream.standard_normal()));
    let mut squares = Array1::<f64>::zeros(wide);
    for _ in 0..MAX_ROUNDS {
        let along = x.dot(&q);
        let (found, rotation) = symmetric_eigen(along.t().dot(&along));
        q = q.dot(&rotation);
        let change = (&found - &squares).fold(0.0_f64, |most, d| most.max(d.abs()));
        squares = found;
        if change <= 1e-14 * squares[0] {
            break;
        }
        // A direction without variance stays as it is: a product of zeros could not be made orthonormal.
        let image = x.t().dot(&x.dot(&q));
        let floor = f64::EPSILON * squares[0];
        for (j, mut column) in q.columns_mut().into_iter().enumerate() {
            if squares[j] > floor {
                column.assign(&image.column(j));
            }
        }
        q = orthonormal_factor(q);
    }
    (q.slice(s![.., ..k]).to_owned(), squares.slice(s![..k]).mapv(|square| square.max(0.0)))
}

/// Eigenvalues, falling, and eigenvectors (columns) of a small symmetric matrix, by Jacobi's rotations (Golub and Van Loan 2013, section 8.5).
#[cfg(any(test, not(feature = "_blas")))]
fn symmetric_eigen(mut a: Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut v = Array2::<f64>::eye(n);
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))).map(|at| a[at] * a[at]).sum();
        if off <= f64::MIN_POSITIVE
            || off.sqrt() <= 1e-17 * a.diag().iter().fold(0.0, |s: f64, x| s + x.abs())
        {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]] == 0.0 {
                    continue;
                }
                let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for i in 0..n {
                    let (x, y) = (a[[i, p]], a[[i, q]]);
                    (a[[i, p]], a[[i, q]]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[[i, p]], v[[i, q]]);
                    (v[[i, p]], v[[i, q]]) = (c * x - s * y, s * x + c * y);
                }
                for i in 0..n {
                    let (x, y) = (a[[p, i]], a[[q, i]]);
                    (a[[p, i]], a[[q, i]]) = (c * x - s * y, s * x + c * y);
                }
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
    use crate::random::{NativeStream, RandomStream};

    /// Points that spread by these deviations along the axes.
    fn cloud(n: usize, deviations: &[f64]) -> Array2<f64> {
        let mut stream = NativeStream::new(4);
        let mut x = Array2::from_shape_simple_fn((n, deviations.len()), || stream.standard_normal());
        for (mut column, &deviation) in x.columns_mut().into_iter().zip(deviations) {
            column.mapv_inplace(|value| 3.0 + deviation * value);
        }
        x
    }

    #[test]
    fn a_rectangle_has_the_components_that_one_works_out_by_hand() {
        // Corners of a rectangle of sides 6 and 2 around (1, 5): variances 4·3²/3 and 4·1²/3.
        let x = array![[4.0, 6.0], [4.0, 4.0], [-2.0, 6.0], [-2.0, 4.0]];
        let pca = Pca::fit(x.view(), 2);
        let close = |a: &Array2<f64>, b: &Array2<f64>| (a - b).iter().all(|d| d.abs() < 1e-12);
        assert!(
            close(&pca.components().to_owned(), &array![[1.0, 0.0], [0.0, 1.0]]),
            "{:?}",
            pca.components()
        );
        let shares = pca.shares();
        assert!((shares[0] - 0.9).abs() < 1e-12 && (shares[1] - 0.1).abs() < 1e-12, "{shares:?}");
        assert!(close(&pca.project(x.view()), &array![[3.0, 1.0], [3.0, -1.0], [-3.0, 1.0], [-3.0, -1.0]]));
    }

    #[test]
    fn both_ways_lead_to_the_same_components() {
        for (n, deviations) in
            [(60, vec![5.0, 3.0, 2.0, 1.0, 0.5]), (12, (1..=30).rev().map(f64::from).collect())]
        {
            let x = cloud(n, &deviations);
            let centered = &x - &x.mean_axis(Axis(0)).unwrap();
            let pca = Pca::fit(x.view(), 2);
            let (v, squares) = orthogonal_iteration(&centered, 2);
            for j in 0..2 {
                let same = v.column(j).dot(&pca.components().column(j)).abs();
                assert!((same - 1.0).abs() < 1e-9, "{n} points, component {j}: {same}");
                let variance = squares[j] / (n - 1) as f64;
                assert!((variance / pca.variances[j] - 1.0).abs() < 1e-10, "{variance}");
            }
        }
    }

    #[test]
    fn points_that_do_not_spread_have_no_shares() {
        let x = Array2::from_elem((5, 3), 2.0);
        let pca = Pca::fit(x.view(), 2);
        assert_eq!(pca.shares(), [0.0, 0.0]);
        assert!(pca.project(x.view()).iter().all(|&value| value == 0.0));
    }

    #[test]
    #[should_panic(expected = "3 components of 2 points in 5 dimensions")]
    fn more_components_than_points_panic() {
        Pca::fit(Array2::zeros((2, 5)).view(), 3);
    }
}
