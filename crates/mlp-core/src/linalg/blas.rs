//! The BLAS boundary: products by OpenBLAS, and the one call to it that is not ndarray's.
//!
//! Each block of a product is one call of `cblas_sgemm` or `cblas_dgemm`, through ndarray's `general_mat_mul`. A transpose is a
//! view with swapped strides: BLAS gets it as a flag, and nothing is copied.
//!
//! OpenBLAS runs single-threaded here: the threads are ours. How it rounds depends on the sizes of a call, since it sums small
//! products in another order than large ones. The blocks therefore depend on the length of the axis that threads share and
//! not on the number of threads, and each thread computes whole blocks.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayBase, ArrayView2, ArrayViewMut2, Axis, Ix2, RawData};

use crate::kernels::isa::Isa;
use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::real::Real;
use crate::parallel::partition::{MAX_THREADS, Partition};

/// Along which axis threads share a product, and what a thread has of it: some of the [`blocks`] of the whole axis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut<'p> {
    /// Rows of C, from this one.
    Rows(&'p Partition, usize),
    /// Columns of C, from this one.
    Columns(&'p Partition, usize),
}

/// Returns the blocks in which OpenBLAS computes along an axis of this length, cut at multiples of `grain`: an even number of them, of
/// about 64 where there are more than two.
pub(crate) fn blocks(len: usize, grain: usize) -> Partition {
    let pairs = len.div_ceil(128).clamp(1, MAX_THREADS / 2);
    Partition::new(len, grain, 2 * pairs)
}

/// C ← alpha·A·B + beta·C by OpenBLAS, block by block.
pub(crate) fn product<A: Real>(
    alpha: A,
    a: MatRef<'_, A>,
    b: MatRef<'_, A>,
    beta: A,
    mut c: MatMut<'_, A>,
    cut: Cut<'_>,
) {
    one_blas_thread();
    let gemm = |a: ArrayView2<'_, A>, b: ArrayView2<'_, A>, c: ArrayViewMut2<'_, A>| {
        general_mat_mul(alpha, &unit_axes(a), &unit_axes(b), beta, &mut unit_axes(c));
    };
    match cut {
        Cut::Rows(blocks, first) => blocks.inside(first, c.rows()).for_each(|rows| {
            gemm(a.rows_of(rows.clone()).view(), b.view(), c.reborrow().rows_of(rows).view_mut());
        }),
        Cut::Columns(blocks, first) => blocks.inside(first, c.columns()).for_each(|columns| {
            gemm(a.view(), b.columns_of(columns.clone()).view(), c.reborrow().columns_of(columns).view_mut());
        }),
    }
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

/// Returns the processor whose kernels OpenBLAS runs, as it calls it: `Haswell`, `SkylakeX`, `Zen`; `None` in a build without it.
///
/// An OpenBLAS that is older than the processor does not know it and runs the kernels of a much older one, several times slower: see
/// [`faster_openblas_core`].
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub fn openblas_core() -> Option<&'static str> {
    use std::ffi::{CStr, c_char};

    unsafe extern "C" {
        fn openblas_get_corename() -> *const c_char;
    }
    // SAFETY: OpenBLAS exports this function with this signature, and what it returns is a constant.
    unsafe { CStr::from_ptr(openblas_get_corename()) }.to_str().ok()
}

/// As above, without OpenBLAS.
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub fn openblas_core() -> Option<&'static str> {
    None
}

/// Returns the value of `OPENBLAS_CORETYPE` that makes OpenBLAS faster on this processor, where it does not know the processor.
/// OpenBLAS reads this environment variable when it is loaded: it has to be set before the program starts.
pub fn faster_openblas_core() -> Option<&'static str> {
    /// The cores of OpenBLAS on x86-64 whose kernels use AVX2 or more.
    const MODERN: [&str; 6] = ["Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake", "SapphireRapids"];
    let core = openblas_core()?;
    let modern = MODERN.iter().any(|modern| modern.eq_ignore_ascii_case(core));
    match Isa::best().name() {
        "avx512" if !modern => Some("SkylakeX"),
        "avx2" if !modern => Some("Haswell"),
        _ => None,
    }
}
