//! The BLAS boundary: products by OpenBLAS, and the one call that is not ndarray's.
//!
//! OpenBLAS is called through ndarray's `general_mat_mul`: one call of `cblas_sgemm` or `cblas_dgemm` for each block of at most
//! [`BLAS_BLOCK`] rows or columns. A transpose is a view whose strides are swapped: BLAS is given it as a flag, and nothing is copied.
//!
//! It runs single-threaded: the parallelism is ours, in `network.rs`. How it rounds depends on the sizes of a call, since it sums small
//! products in another order than large ones. So the calls must not depend on the number of threads: they are blocks along the
//! axis that the threads share, and each thread computes whole ones.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayBase, ArrayView2, ArrayViewMut2, Axis, Ix2, RawData};

use crate::Scalar;
use crate::kernels::{Block, BlockMut};
use crate::products::Cut;

/// Rows or columns of a product that OpenBLAS is asked for.
pub(crate) const BLAS_BLOCK: usize = 64;

/// C ← alpha·A·B + beta·C by OpenBLAS, in blocks that begin at multiples of [`BLAS_BLOCK`] where C is cut.
pub(crate) fn product<A: Scalar>(
    alpha: A,
    a: Block<'_, A>,
    b: Block<'_, A>,
    beta: A,
    mut c: BlockMut<'_, A>,
    cut: Cut,
) {
    one_blas_thread();
    let gemm = |a: ArrayView2<'_, A>, b: ArrayView2<'_, A>, c: ArrayViewMut2<'_, A>| {
        general_mat_mul(alpha, &unit_axes(a), &unit_axes(b), beta, &mut unit_axes(c));
    };
    match cut {
        Cut::Rows => blocks(c.rows()).for_each(|rows| {
            gemm(a.rows_of(rows.clone()).view(), b.view(), c.reborrow().rows_of(rows).view_mut());
        }),
        Cut::Columns => blocks(c.columns()).for_each(|columns| {
            gemm(a.view(), b.columns_of(columns.clone()).view(), c.reborrow().columns_of(columns).view_mut());
        }),
    }
}

/// 0..`len` in blocks.
fn blocks(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(BLAS_BLOCK).map(move |first| first..len.min(first + BLAS_BLOCK))
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

/// Tells OpenBLAS, once, to use the calling thread only. Comes before its first use: LAPACK's results, too, depend on it.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub(crate) fn one_blas_thread() {
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
pub(crate) fn one_blas_thread() {}
