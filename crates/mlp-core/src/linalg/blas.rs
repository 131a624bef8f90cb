//! The BLAS boundary. Each block of a product is one call of `cblas_sgemm` or `cblas_dgemm`,
//! through ndarray's `general_mat_mul`. Transposes are views with swapped strides, which BLAS gets
//! as flags.
//!
//! OpenBLAS runs on one thread; the threads are ours. Its rounding depends on the size of a call.
//! The blocks therefore depend on the length of the split axis, not on the number of threads, and
//! each thread computes whole blocks.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayBase, ArrayView2, ArrayViewMut2, Axis, Ix2, RawData};

use crate::kernels::isa::Isa;
use crate::kernels::mat::{MatMut, MatRef};
use crate::kernels::real::Real;
use crate::parallel::partition::{MAX_THREADS, Partition};

/// The axis along which threads split a product, the blocks of that axis, and the thread's first
/// index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut<'p> {
    /// Rows of C.
    Rows(&'p Partition, usize),
    /// Columns of C.
    Columns(&'p Partition, usize),
}

/// Returns OpenBLAS's blocks of an axis, split at multiples of `grain`: an even number, each about
/// 64 long up to 512, then eight, each up to 1024 long. OpenBLAS copies the other operand for every
/// block, and for blocks of 64 that takes up to a fifth of the time.
pub(crate) fn blocks(len: usize, grain: usize) -> Partition {
    let pairs = len.div_ceil(128).clamp(1, 4).max(len.div_ceil(2048)).min(MAX_THREADS / 2);
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

/// Returns the same matrix with stride 1 along axes of length 1. A slice of one row has stride 0
/// there, for which ndarray does not use BLAS.
fn unit_axes<S: RawData>(mut matrix: ArrayBase<S, Ix2>) -> ArrayBase<S, Ix2> {
    for axis in [Axis(0), Axis(1)] {
        if matrix.len_of(axis) == 1 {
            matrix = matrix.index_axis_move(axis, 0).insert_axis(axis);
        }
    }
    matrix
}

/// Sets OpenBLAS to one thread, because its results depend on their number. This crate does so by
/// itself; a program that calls OpenBLAS or its LAPACK must do so before.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub fn one_blas_thread() {
    use std::ffi::c_int;
    use std::sync::Once;

    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
    }
    static ONCE: Once = Once::new();
    // SAFETY: OpenBLAS is linked with these features and exports this function with this signature
    // (`cblas.h`). `Once` serializes the call.
    ONCE.call_once(|| unsafe { openblas_set_num_threads(1) });
}

/// Does nothing: this build does not have OpenBLAS.
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub fn one_blas_thread() {}

/// Returns the processor whose kernels OpenBLAS uses, such as `Haswell`, `SkylakeX` or `Zen`;
/// `None` in a build without OpenBLAS.
///
/// An OpenBLAS that does not know a newer processor uses much slower kernels, see
/// [`faster_openblas_core`].
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub fn openblas_core() -> Option<&'static str> {
    use std::ffi::{CStr, c_char};

    unsafe extern "C" {
        fn openblas_get_corename() -> *const c_char;
    }
    // SAFETY: OpenBLAS exports this function with this signature, and returns a constant string.
    unsafe { CStr::from_ptr(openblas_get_corename()) }.to_str().ok()
}

/// Returns `None`: this build does not have OpenBLAS.
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub fn openblas_core() -> Option<&'static str> {
    None
}

/// Returns the value of `OPENBLAS_CORETYPE` that makes OpenBLAS faster, if it does not know this
/// processor. The environment variable must be set before the program starts.
pub fn faster_openblas_core() -> Option<&'static str> {
    /// The x86-64 cores whose kernels use AVX2 or better.
    const MODERN: [&str; 6] = ["Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake", "SapphireRapids"];
    let core = openblas_core()?;
    let modern = MODERN.iter().any(|modern| modern.eq_ignore_ascii_case(core));
    match Isa::best().name() {
        "avx512" if !modern => Some("SkylakeX"),
        "avx2" if !modern => Some("Haswell"),
        _ => None,
    }
}
