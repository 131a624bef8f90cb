//! The matrix products of the passes, by OpenBLAS or by this crate's kernels.

use std::ops::Range;

use super::compute::{Compute, MatmulBackend};
use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::{ByColumn, Start};
use crate::linalg::blas::{self, Cut};
use crate::linalg::csr::{CsrMatrix, Features};
use crate::scalar::Scalar;

/// The input of a layer.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a, A> {
    /// X, or H of the layer below.
    Dense(MatRef<'a, A>),
    /// X.
    Sparse(CsrMatrix<'a, A>),
}

impl<A: Scalar> Input<'_, A> {
    /// Returns some of the examples.
    pub(crate) fn rows_of(self, range: Range<usize>) -> Self {
        match self {
            Self::Dense(x) => Self::Dense(x.rows_of(range)),
            Self::Sparse(x) => Self::Sparse(x.rows_of(range)),
        }
    }
}

impl<'a, A: Scalar> From<&'a Features<'_, A>> for Input<'a, A> {
    fn from(x: &'a Features<'_, A>) -> Self {
        match x {
            Features::Dense(x) => Self::Dense(x.into()),
            Features::Sparse(x) => Self::Sparse(*x),
        }
    }
}

/// How a product is written to its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// Replaces it.
    Set,
    /// Is added to it.
    Add,
}

impl Write {
    fn start<A>(self) -> Start<'static, A> {
        match self {
            Self::Set => Start::Zero,
            Self::Add => Start::Current,
        }
    }
}

impl Compute {
    /// Z ← X·W + b for some `rows` of X: (n×d)(d×k) + (1×k) -> (n×k).
    pub(crate) fn affine<A: Scalar>(
        &self,
        x: Input<'_, A>,
        rows: Range<usize>,
        weights: MatRef<'_, A>,
        biases: &[A],
        z: MatMut<'_, A>,
        cut: Cut<'_>,
    ) {
        match x {
            Input::Sparse(x) => A::sparse_affine(self.isa, &x, rows, weights, biases, z),
            Input::Dense(x) => {
                let x = x.rows_of(rows).columns_of(0..weights.rows());
                self.product(A::one(), x, weights, Start::Row(biases), z, cut);
            }
        }
    }

    /// Out ← Out + alpha·Xᵀ·δ, or alpha·Xᵀ·δ even if Out is NaN: (n×d)ᵀ(n×k) -> (d×k).
    pub(crate) fn transposed_product<A: Scalar>(
        &self,
        alpha: A,
        x: Input<'_, A>,
        delta: MatRef<'_, A>,
        write: Write,
        out: MatMut<'_, A>,
        cut: Cut<'_>,
    ) {
        match x {
            Input::Sparse(_) => {
                self.input_product(alpha, x, delta, write, out, (cut, &mut ByColumn::default()));
            }
            Input::Dense(x) => self.product(alpha, x.transposed(), delta, write.start(), out, cut),
        }
    }

    /// Like [`Compute::transposed_product`], with memory to sort the entries of a sparse X.
    pub(crate) fn input_product<A: Scalar>(
        &self,
        alpha: A,
        x: Input<'_, A>,
        delta: MatRef<'_, A>,
        write: Write,
        out: MatMut<'_, A>,
        (cut, sorted): (Cut<'_>, &mut ByColumn<A>),
    ) {
        match x {
            Input::Sparse(x) => A::sparse_update(self.isa, alpha, &x, delta, write.start(), out, sorted),
            Input::Dense(_) => self.transposed_product(alpha, x, delta, write, out, cut),
        }
    }

    /// Out ← Out + alpha·1·δ, or alpha·1·δ: column sums in row order, (1×n)(n×k) -> (1×k).
    pub(crate) fn column_sums<A: Scalar>(&self, alpha: A, delta: MatRef<'_, A>, write: Write, out: &mut [A]) {
        if write == Write::Set {
            out.fill(A::zero());
        }
        A::add_rows(self.isa, alpha, delta.columns_of(0..out.len()), out);
    }

    /// Out ← Out + δ·Wᵀ, or δ·Wᵀ: (n×k)(d×k)ᵀ -> (n×d).
    pub(crate) fn product_with_transposed<A: Scalar>(
        &self,
        delta: MatRef<'_, A>,
        weights: MatRef<'_, A>,
        write: Write,
        out: MatMut<'_, A>,
        cut: Cut<'_>,
    ) {
        // OpenBLAS writes no padding.
        let width = if self.backend == MatmulBackend::OpenBlas { weights.rows() } else { out.columns() };
        let out = out.columns_of(0..width);
        self.product(A::one(), delta, weights.transposed(), write.start(), out, cut);
    }

    /// C ← start + alpha·A·B.
    fn product<A: Scalar>(
        &self,
        alpha: A,
        a: MatRef<'_, A>,
        b: MatRef<'_, A>,
        start: Start<'_, A>,
        mut c: MatMut<'_, A>,
        cut: Cut<'_>,
    ) {
        match self.backend {
            MatmulBackend::Portable => A::product(self.isa, alpha, a, b, start, c),
            MatmulBackend::OpenBlas => {
                let beta = match start {
                    Start::Zero => A::zero(),
                    Start::Current => A::one(),
                    Start::Row(row) => {
                        (0..c.rows()).for_each(|i| {
                            let width = c.columns();
                            c.row_mut(i).copy_from_slice(&row[..width]);
                        });
                        A::one()
                    }
                };
                blas::product(alpha, a, b, beta, c, cut);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView2};

    use super::*;
    use crate::kernels::Isa;
    use crate::linalg::matrix::Matrix;
    use crate::parallel::Partition;
    use crate::random::{NativeStream, RandomStream};

    fn random<A: Scalar>(rows: usize, columns: usize, seed: u64) -> Array2<A> {
        let mut stream = NativeStream::new(seed);
        Array2::from_shape_simple_fn((rows, columns), || A::from_f64(stream.standard_normal()))
    }

    /// The entries of a product in f64, and Σ|a||b| of each.
    type Exact = (Array2<f64>, Array2<f64>);

    /// An entry of a product differs from the exact one by at most n·eps·Σ|a||b| (Higham 2002,
    /// (3.5)).
    fn assert_near<A: Scalar>(found: &Array2<A>, (exact, magnitude): &Exact, terms: usize) {
        for ((index, &found), (&exact, &magnitude)) in
            found.indexed_iter().zip(exact.iter().zip(magnitude.iter()))
        {
            let bound = (terms + 2) as f64 * A::EPSILON * magnitude;
            assert!((found.into_f64() - exact).abs() <= bound, "{index:?}: {found}, expected {exact}");
        }
    }

    /// A·B by plain loops in f64.
    fn plain<A: Scalar>(a: ArrayView2<'_, A>, b: ArrayView2<'_, A>) -> Exact {
        let entry = |i, j, f: fn(f64) -> f64| {
            (0..a.ncols()).map(|k| f(a[[i, k]].into_f64() * b[[k, j]].into_f64())).sum::<f64>()
        };
        let shape = (a.nrows(), b.ncols());
        (
            Array2::from_shape_fn(shape, |(i, j)| entry(i, j, |v| v)),
            Array2::from_shape_fn(shape, |(i, j)| entry(i, j, f64::abs)),
        )
    }

    /// Every backend and instruction set of this build.
    fn all_computes() -> Vec<Compute> {
        let own = Isa::available()
            .map(|isa| Compute::default().with_backend(MatmulBackend::Portable).with_isa(isa));
        own.chain([Compute::default()]).collect()
    }

    /// Blocks of 64.
    fn blocks() -> Partition {
        Partition::new(4096, 64, 64)
    }

    fn matrix<A: Scalar>(source: &Array2<A>) -> Matrix<A> {
        Matrix::copy_of(source.view())
    }

    fn nan<A: Scalar>(rows: usize, columns: usize) -> Matrix<A> {
        matrix(&Array2::from_elem((rows, columns), A::nan()))
    }

    fn check<A: Scalar>(computes: &[Compute]) {
        let blocks = blocks();
        let (rows, columns) = (Cut::Rows(&blocks, 0), Cut::Columns(&blocks, 0));
        // Sizes on both sides of the thresholds of ndarray for BLAS (7), tiles and blocks.
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
            (131, 300, 259),
        ] {
            let (x, w, delta) = (random::<A>(n, d, 1), random::<A>(d, k, 2), random::<A>(n, k, 3));
            let (b, half) = (random::<A>(1, k, 4), A::from_f64(-0.5));
            let (x_view, deltas, weights, biases) = (x.view(), matrix(&delta), matrix(&w), matrix(&b));
            let input = Input::Dense(MatRef::from(&x_view));

            let mut z = plain(x.view(), w.view());
            z.0 += &b.mapv(A::into_f64);
            z.1 += &b.mapv(|b| b.into_f64().abs());
            let gradient = plain(x.t(), delta.view());
            let updated =
                (w.mapv(A::into_f64) - 0.5 * &gradient.0, w.mapv(|w| w.into_f64().abs()) + 0.5 * &gradient.1);
            let back = plain(delta.view(), w.t());
            let sums = plain(Array2::from_elem((1, n), A::one()).view(), delta.view());

            for (compute, cut) in
                computes.iter().flat_map(|compute| [rows, columns].map(|cut| (compute, cut)))
            {
                let mut out = nan(n, k);
                compute.affine(input, 0..n, weights.mat(), biases.mat().row(0), out.mat_mut(), cut);
                assert_near(&out.to_array(), &z, d + 1);

                let mut out = nan(d, k);
                compute.transposed_product(A::one(), input, deltas.mat(), Write::Set, out.mat_mut(), cut);
                assert_near(&out.to_array(), &gradient, n);

                let mut out = weights.clone();
                compute.transposed_product(half, input, deltas.mat(), Write::Add, out.mat_mut(), cut);
                assert_near(&out.to_array(), &updated, n + 1);

                let mut out = nan(n, d);
                let [delta_mat, w_mat] = [&deltas, &weights].map(|matrix| matrix.mat().columns_of(0..k));
                compute.product_with_transposed(delta_mat, w_mat, Write::Set, out.mat_mut(), columns);
                assert_near(&out.to_array(), &back, k);

                let mut out = nan(1, k);
                compute.column_sums(A::one(), deltas.mat(), Write::Set, out.mat_mut().row_mut(0));
                assert_near(&out.to_array(), &sums, n);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "too slow, and the test of the chains covers it")]
    fn products_agree_with_plain_loops() {
        check::<f32>(&all_computes());
        check::<f64>(&all_computes());
    }

    /// c ← fma(a, alpha·b, c) for ascending j from `start`: the definition of
    /// `MatmulBackend::Portable`.
    fn chain<A: Scalar>(
        alpha: A,
        a: ArrayView2<'_, A>,
        b: ArrayView2<'_, A>,
        start: &Array2<A>,
    ) -> Array2<A> {
        Array2::from_shape_fn(start.dim(), |(i, c)| {
            (0..a.ncols()).fold(start[[i, c]], |sum, j| a[[i, j]].mul_add(alpha * b[[j, c]], sum))
        })
    }

    fn check_chains<A: Scalar>(isa: Isa) {
        let compute = Compute::default().with_backend(MatmulBackend::Portable).with_isa(isa);
        let blocks = blocks();
        let (rows, columns) = (Cut::Rows(&blocks, 0), Cut::Columns(&blocks, 0));
        let all =
            &[(1, 1, 1), (3, 5, 2), (7, 3, 10), (9, 17, 10), (13, 40, 33), (100, 31, 70), (131, 300, 259)];
        for &(n, d, k) in if cfg!(miri) { &all[..3] } else { all } {
            let (x, w, delta) = (random::<A>(n, d, 1), random::<A>(d, k, 2), random::<A>(n, k, 3));
            let b = random::<A>(1, k, 4);
            let (x_view, deltas, weights, biases) = (x.view(), matrix(&delta), matrix(&w), matrix(&b));
            let input = Input::Dense(MatRef::from(&x_view));
            let start = b.broadcast((n, k)).unwrap().to_owned();
            let mut out = nan(n, k);
            compute.affine(input, 0..n, weights.mat(), biases.mat().row(0), out.mat_mut(), rows);
            assert_eq!(out.to_array(), chain(A::one(), x.view(), w.view(), &start), "{isa} {n} {d} {k}");

            let (alpha, mut out) = (A::from_f64(-0.3), weights.clone());
            compute.transposed_product(alpha, input, deltas.mat(), Write::Add, out.mat_mut(), rows);
            assert_eq!(out.to_array(), chain(alpha, x.t(), delta.view(), &w), "{isa} {n} {d} {k}");

            let mut out = nan(n, d);
            let [delta_mat, w_mat] = [&deltas, &weights].map(|matrix| matrix.mat().columns_of(0..k));
            compute.product_with_transposed(delta_mat, w_mat, Write::Set, out.mat_mut(), columns);
            let expected = chain(A::one(), delta.view(), w.t(), &Array2::zeros((n, d)));
            assert_eq!(out.to_array(), expected, "{isa} {n} {d} {k}");

            let ones = Array2::from_elem((1, n), A::one());
            let mut out = biases.clone();
            compute.column_sums(alpha, deltas.mat(), Write::Add, out.mat_mut().row_mut(0));
            assert_eq!(out.to_array(), chain(alpha, ones.view(), delta.view(), &b), "{isa} {n} {d} {k}");
        }
    }

    #[test]
    fn portable_products_are_bitwise_equal_to_chains_in_index_order() {
        for isa in Isa::available() {
            check_chains::<f32>(isa);
            check_chains::<f64>(isa);
        }
    }
}
