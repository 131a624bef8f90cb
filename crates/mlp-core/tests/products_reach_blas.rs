//! The fast path is taken: every matrix product of a training step is one call of `cblas_sgemm` (or `cblas_dgemm`) for each block of 64
//! units or examples, with its transposes as flags. The two functions are defined here, count, and compute by plain loops; the program's own
//! definition comes before the library's. Whether OpenBLAS's answers are right is tested in `src/ops/matmul.rs`.

#![cfg(feature = "_blas")]

use std::cell::RefCell;
use std::ffi::c_int;

use mlp_core::{Architecture, Init, Mlp, NativeStream, Scalar, Workspace};
use ndarray::{Array2, s};

const TRANSPOSED: c_int = 112; // CblasTrans
const ROW_MAJOR: c_int = 101;

#[derive(Clone, Debug, PartialEq)]
struct Call {
    function: &'static str,
    transposed: (bool, bool),
    sizes: (c_int, c_int, c_int), // m, n, k
}

thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
}

macro_rules! counting_gemm {
    ($name:ident, $type:ty) => {
        /// # Safety
        /// As the function of that name in `cblas.h`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            layout: c_int,
            trans_a: c_int,
            trans_b: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: $type,
            a: *const $type,
            lda: c_int,
            b: *const $type,
            ldb: c_int,
            beta: $type,
            c: *mut $type,
            ldc: c_int,
        ) {
            assert_eq!(layout, ROW_MAJOR);
            let transposed = (trans_a == TRANSPOSED, trans_b == TRANSPOSED);
            CALLS.with_borrow_mut(|calls| {
                calls.push(Call { function: stringify!($name), transposed, sizes: (m, n, k) });
            });
            let at = |row: c_int, column: c_int, stride: c_int, flip: bool| {
                if flip { column * stride + row } else { row * stride + column }
            };
            for i in 0..m {
                for j in 0..n {
                    let mut sum = 0.0;
                    for p in 0..k {
                        // SAFETY: the caller's promise: the matrices have these sizes and strides.
                        unsafe {
                            sum += *a.offset(at(i, p, lda, transposed.0) as isize)
                                * *b.offset(at(p, j, ldb, transposed.1) as isize);
                        }
                    }
                    // SAFETY: as above.
                    let out = unsafe { &mut *c.offset((i * ldc + j) as isize) };
                    *out = alpha * sum + if beta == 0.0 { 0.0 } else { beta * *out };
                }
            }
        }
    };
}

counting_gemm!(cblas_sgemm, f32);
counting_gemm!(cblas_dgemm, f64);

fn calls_of_a_step<A: Scalar>(hidden: &[usize], batch: usize) -> Vec<Call> {
    let architecture = Architecture::new(20, hidden, 10);
    let mut network: Mlp<A> = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap();
    // Larger than the batch, as for the last batch of an epoch.
    let mut workspace = Workspace::new(&architecture, batch + 3);
    let x = Array2::from_elem((batch + 3, 20), A::one());
    let x = x.slice(s![..batch, ..]);
    CALLS.take();
    network.train_step(x, &vec![3; batch], 0.01, &mut workspace);
    CALLS.take()
}

// Widths are rounded up to 8 numbers, the padding of the rows.
fn expected(function: &'static str, n: c_int) -> Vec<Call> {
    let call = |transposed, sizes| Call { function, transposed, sizes };
    // A single row lies in memory as a column does: its transpose needs no flag.
    let flag = n > 1;
    vec![
        call((false, false), (n, 16, 20)), // Z^h = X·W^h
        call((false, false), (n, 16, 15)), // Z^o = H·W^o
        call((false, true), (n, 15, 10)),  // G4: ∂J/∂H = ∂J/∂Z^o·W^oᵀ
        call((flag, false), (15, 16, n)),  // G2: ∂J/∂W^o = Hᵀ·∂J/∂Z^o
        call((flag, false), (20, 16, n)),  // G6: ∂J/∂W^h = Xᵀ·∂J/∂Z^h
    ]
}

#[test]
fn every_product_of_a_step_is_one_call_of_gemm_with_transposes_as_flags() {
    for n in [64, 9, 2, 1] {
        assert_eq!(calls_of_a_step::<f32>(&[15], n), expected("cblas_sgemm", n as c_int), "batch {n}");
        assert_eq!(calls_of_a_step::<f64>(&[15], n), expected("cblas_dgemm", n as c_int), "batch {n}");
    }
    assert_eq!(calls_of_a_step::<f32>(&[15, 12, 9], 64).len(), 11);
    // The output layer's examples, which the threads share, in blocks of 64; the hidden layer's units in blocks of them.
    assert_eq!(calls_of_a_step::<f32>(&[15], 100).len(), 6);
    assert_eq!(calls_of_a_step::<f32>(&[100], 64).len(), 9);
}
