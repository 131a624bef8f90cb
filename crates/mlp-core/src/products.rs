//! The products of a network, and who computes them: the kernels of this crate, or OpenBLAS.

use std::ops::Range;

use crate::blas::{self, BLAS_BLOCK};
use crate::kernels::{Block, BlockMut, MAX_THREADS, Shares, Start, Team};
use crate::matrix::line;
use crate::names::named;
use crate::{CsrMatrix, Features, Isa, Scalar};

/// How the products of a step are computed.
///
/// The result depends on [`MatmulBackend`] only: not on the number of threads, and not on the instructions.
///
/// ```
/// use mlp_core::{Compute, MatmulBackend};
///
/// let kernels = Compute { threads: 2, products: MatmulBackend::Portable, ..Compute::default() };
/// assert_eq!(kernels.isa, mlp_core::Isa::best());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compute {
    /// What multiplies dense matrices. MatmulBackend with sparse rows are always this crate's own.
    pub products: MatmulBackend,
    /// The instructions of this crate's own kernels; the best that the machine has by default.
    pub isa: Isa,
    /// Threads that share each step, from 1, the default, to [`Compute::MAX_THREADS`].
    pub threads: usize,
}

impl Compute {
    /// The most threads that can share a step.
    pub const MAX_THREADS: usize = MAX_THREADS;
}

impl Default for Compute {
    fn default() -> Self {
        Self { products: MatmulBackend::default(), isa: Isa::best(), threads: 1 }
    }
}

/// What multiplies dense matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatmulBackend {
    /// OpenBLAS, in a build that has it. Another machine may round otherwise.
    OpenBlas,
    /// The kernels of this crate: one chain of fused multiply-adds for each number, the same bits everywhere.
    Portable,
}

named!(MatmulBackend, "products", OpenBlas => "openblas", Portable => "portable");

/// OpenBLAS, if it is there.
impl Default for MatmulBackend {
    fn default() -> Self {
        if Self::OpenBlas.are_available() { Self::OpenBlas } else { Self::Portable }
    }
}

impl MatmulBackend {
    /// Whether this build has them.
    pub const fn are_available(self) -> bool {
        match self {
            Self::OpenBlas => cfg!(feature = "_blas"),
            Self::Portable => true,
        }
    }
}

/// What multiplies dense matrices by default: OpenBLAS, or the kernels of this crate.
pub const fn backend() -> &'static str {
    if cfg!(feature = "_blas") { "OpenBLAS" } else { "pure Rust" }
}

/// What goes into a layer.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a, A> {
    /// X, or the H of the layer below.
    Dense(Block<'a, A>),
    /// X.
    Sparse(&'a CsrMatrix<'a, A>),
}

impl<'a, A: Scalar> From<&'a Features<'_, A>> for Input<'a, A> {
    fn from(x: &'a Features<'_, A>) -> Self {
        match x {
            Features::Dense(x) => Self::Dense(x.into()),
            Features::Sparse(x) => Self::Sparse(x),
        }
    }
}

/// Along which axis the threads share a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Each has some rows.
    Rows,
    /// Each has some columns.
    Columns,
}

/// What becomes of the numbers that a product is written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// They are replaced.
    Set,
    /// It is added to them.
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
    /// The shares of a team in the units of a layer, cut between cache lines.
    pub(crate) fn unit_shares<A>(&self, units: usize, team: &Team) -> Shares {
        Shares::new(units, self.grain(line::<A>()), team.len())
    }

    /// The shares of a team in the examples of a batch, or in the rows of a matrix.
    pub(crate) fn row_shares(&self, rows: usize, team: &Team) -> Shares {
        Shares::new(rows, self.grain(1), team.len())
    }

    fn grain(&self, own: usize) -> usize {
        match self.products {
            MatmulBackend::OpenBlas => BLAS_BLOCK,
            MatmulBackend::Portable => own,
        }
    }

    /// Z ← X·W + b for some `rows` of X: (n×d)(d×k) + (1×k) -> (n×k), b added to every row.
    pub(crate) fn affine<A: Scalar>(
        &self,
        x: Input<'_, A>,
        rows: Range<usize>,
        weights: Block<'_, A>,
        biases: &[A],
        z: BlockMut<'_, A>,
        cut: Cut,
    ) {
        match x {
            Input::Sparse(x) => A::sparse_affine(self.isa, x, rows, weights, biases, z),
            Input::Dense(x) => {
                let x = x.rows_of(rows).columns_of(0..weights.rows());
                self.product(A::one(), x, weights, Start::Row(biases), z, cut);
            }
        }
    }

    /// Out ← Out + alpha·Xᵀ·δ, or alpha·Xᵀ·δ: (n×d)ᵀ(n×k) -> (d×k). What is replaced does not matter, not even NaN.
    pub(crate) fn transposed_product<A: Scalar>(
        &self,
        alpha: A,
        x: Input<'_, A>,
        delta: Block<'_, A>,
        write: Write,
        mut out: BlockMut<'_, A>,
        cut: Cut,
    ) {
        match x {
            Input::Sparse(x) => {
                if write == Write::Set {
                    (0..out.rows()).for_each(|row| out.row_mut(row).fill(A::zero()));
                }
                A::sparse_transposed_product(self.isa, alpha, x, delta, out);
            }
            Input::Dense(x) => self.product(alpha, x.transposed(), delta, write.start(), out, cut),
        }
    }

    /// Out ← Out + alpha·1·δ, or alpha·1·δ, the column sums: (1×n)(n×k) -> (1×k), in the order of the rows.
    pub(crate) fn column_sums<A: Scalar>(&self, alpha: A, delta: Block<'_, A>, write: Write, out: &mut [A]) {
        let (width, one) = (out.len(), A::one());
        let ones = Block::repeated(&one, 1, delta.rows());
        let out = BlockMut::of_rows(out, 1, width, width);
        A::product(self.isa, alpha, ones, delta, write.start(), out);
    }

    /// Out ← δ·Wᵀ: (n×k)(d×k)ᵀ -> (n×d), of which the threads share the columns. `transposed` (k×d) is scratch for Wᵀ.
    pub(crate) fn product_with_transposed<A: Scalar>(
        &self,
        delta: Block<'_, A>,
        weights: Block<'_, A>,
        mut transposed: BlockMut<'_, A>,
        out: BlockMut<'_, A>,
    ) {
        let (units, outputs) = (weights.rows(), transposed.rows());
        let (delta, weights) = (delta.columns_of(0..outputs), weights.columns_of(0..outputs));
        match self.products {
            MatmulBackend::OpenBlas => {
                let out = out.columns_of(0..units);
                self.product(A::one(), delta, weights.transposed(), Start::Zero, out, Cut::Columns);
            }
            MatmulBackend::Portable => {
                // A chain over k for many d at a time needs the d of a k side by side.
                A::transpose(self.isa, weights, transposed.reborrow());
                self.product(A::one(), delta, transposed.as_block(), Start::Zero, out, Cut::Columns);
            }
        }
    }

    /// C ← start + alpha·A·B.
    fn product<A: Scalar>(
        &self,
        alpha: A,
        a: Block<'_, A>,
        b: Block<'_, A>,
        start: Start<'_, A>,
        mut c: BlockMut<'_, A>,
        cut: Cut,
    ) {
        match self.products {
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
    use crate::matrix::Matrix;
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

    /// Every way of multiplying that this build has.
    fn kernels() -> Vec<Compute> {
        let own = Isa::available().map(|isa| Compute { products: MatmulBackend::Portable, isa, threads: 1 });
        own.chain([Compute::default()]).collect()
    }

    fn matrix<A: Scalar>(source: &Array2<A>) -> Matrix<A> {
        Matrix::copy_of(source.view())
    }

    fn nan<A: Scalar>(rows: usize, columns: usize) -> Matrix<A> {
        matrix(&Array2::from_elem((rows, columns), A::nan()))
    }

    fn check<A: Scalar>(kernels: Compute, cut: Cut) {
        // Either side of every threshold: ndarray's for BLAS (7), the tiles', the blocks'.
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
            let b = random::<A>(1, k, 4);
            let (x_view, deltas, weights, biases) = (x.view(), matrix(&delta), matrix(&w), matrix(&b));
            let input = Input::Dense(Block::from(&x_view));

            let (mut exact, mut magnitude) = plain(x.view(), w.view());
            exact += &b.mapv(A::into_f64);
            magnitude += &b.mapv(|b| b.into_f64().abs());
            let mut out = nan(n, k);
            kernels.affine(input, 0..n, weights.block(), biases.block().row(0), out.block_mut(), cut);
            assert_near(&out.to_array(), &exact, &magnitude, d + 1);

            let (exact, magnitude) = plain(x.t(), delta.view());
            let mut out = nan(d, k);
            kernels.transposed_product(A::one(), input, deltas.block(), Write::Set, out.block_mut(), cut);
            assert_near(&out.to_array(), &exact, &magnitude, n);

            let (half, mut out) = (A::from_f64(-0.5), weights.clone());
            kernels.transposed_product(half, input, deltas.block(), Write::Add, out.block_mut(), cut);
            let (w64, m64) = (w.mapv(A::into_f64), w.mapv(|w| w.into_f64().abs()));
            assert_near(&out.to_array(), &(w64 - 0.5 * exact), &(m64 + 0.5 * magnitude), n + 1);

            let (exact, magnitude) = plain(delta.view(), w.t());
            let (mut out, mut scratch) = (nan(n, d), Matrix::zeros(k, d));
            let (d_block, w_block) = (deltas.block(), weights.block());
            kernels.product_with_transposed(d_block, w_block, scratch.block_mut(), out.block_mut());
            assert_near(&out.to_array(), &exact, &magnitude, k);

            let ones = Array2::from_elem((1, n), A::one());
            let (exact, magnitude) = plain(ones.view(), delta.view());
            let mut out = nan(1, k);
            kernels.column_sums(A::one(), deltas.block(), Write::Set, out.block_mut().row_mut(0));
            assert_near(&out.to_array(), &exact, &magnitude, n);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "there it is the chains over again, and too long")]
    fn the_products_agree_with_plain_loops() {
        for kernels in kernels() {
            for cut in [Cut::Rows, Cut::Columns] {
                check::<f32>(kernels, cut);
                check::<f64>(kernels, cut);
            }
        }
    }

    /// c ← fma(a, alpha·b, c) for ascending j, beginning with `start`: what `MatmulBackend::Portable` is defined to be.
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
        let kernels = Compute { products: MatmulBackend::Portable, isa, threads: 1 };
        let all = &[(1, 1, 1), (3, 5, 2), (7, 3, 10), (9, 17, 10), (13, 40, 33), (100, 31, 70)];
        for &(n, d, k) in if cfg!(miri) { &all[..3] } else { all } {
            let (x, w, delta) = (random::<A>(n, d, 1), random::<A>(d, k, 2), random::<A>(n, k, 3));
            let b = random::<A>(1, k, 4);
            let (x_view, deltas, weights, biases) = (x.view(), matrix(&delta), matrix(&w), matrix(&b));
            let input = Input::Dense(Block::from(&x_view));
            let start = b.broadcast((n, k)).unwrap().to_owned();
            let mut out = nan(n, k);
            kernels.affine(input, 0..n, weights.block(), biases.block().row(0), out.block_mut(), Cut::Rows);
            assert_eq!(out.to_array(), chain(A::one(), x.view(), w.view(), &start), "{isa} {n} {d} {k}");

            let (alpha, mut out) = (A::from_f64(-0.3), weights.clone());
            kernels.transposed_product(alpha, input, deltas.block(), Write::Add, out.block_mut(), Cut::Rows);
            assert_eq!(out.to_array(), chain(alpha, x.t(), delta.view(), &w), "{isa} {n} {d} {k}");

            let (mut out, mut scratch) = (nan(n, d), Matrix::zeros(k, d));
            let (d_block, w_block) = (deltas.block(), weights.block());
            kernels.product_with_transposed(d_block, w_block, scratch.block_mut(), out.block_mut());
            let expected = chain(A::one(), delta.view(), w.t(), &Array2::zeros((n, d)));
            assert_eq!(out.to_array(), expected, "{isa} {n} {d} {k}");

            let ones = Array2::from_elem((1, n), A::one());
            let mut out = biases.clone();
            kernels.column_sums(alpha, deltas.block(), Write::Add, out.block_mut().row_mut(0));
            assert_eq!(out.to_array(), chain(alpha, ones.view(), delta.view(), &b), "{isa} {n} {d} {k}");
        }
    }

    #[test]
    fn our_own_products_are_chains_in_index_order_to_the_last_bit() {
        for isa in Isa::available() {
            check_chains::<f32>(isa);
            check_chains::<f64>(isa);
        }
    }
}
