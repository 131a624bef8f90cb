//! Every matrix product of a training step calls `cblas_sgemm` or `cblas_dgemm` once per block,
//! with transposes as flags. This file defines the two functions, which take precedence over the
//! library's, count calls and compute with plain loops. `src/ops/matmul.rs` tests OpenBLAS's
//! results.

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
        /// See the function of this name in `cblas.h`.
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
                        // SAFETY: the caller promises these sizes and strides.
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
    // Larger than the batch, as in the last batch of an epoch.
    let mut workspace = Workspace::new(&architecture, batch + 3);
    let x = Array2::from_elem((batch + 3, 20), A::one());
    let x = x.slice(s![..batch, ..]);
    CALLS.take();
    network.train_step(x, &vec![3; batch], 0.01, &mut workspace);
    CALLS.take()
}

// Widths are padded to multiples of 8. The 15 hidden units are one block (a cache line) in f32 and
// two in f64. The examples of the output layer are two blocks.
fn expected(function: &'static str, n: c_int, units: &[c_int]) -> Vec<Call> {
    // A single row looks like a column, so its transpose needs no flag.
    let flag = n > 1;
    let call = |transposed, sizes| Call { function, transposed, sizes };
    let mut calls = Vec::new();
    calls.extend(units.iter().map(|&units| call((false, false), (n, units, 20)))); // Z^h = X·W^h
    let examples = [n / 2, n - n / 2].into_iter().filter(|&examples| examples > 0);
    calls.extend(examples.map(|examples| call((false, false), (examples, 16, 15)))); // Z^o = H·W^o
    let of_fifteen = |place: usize| units[place].min(15 - units[..place].iter().sum::<c_int>());
    let fed = || (0..units.len()).map(of_fifteen);
    calls.extend(fed().map(|units| call((false, true), (n, units, 10)))); // G4: ∂J/∂H = ∂J/∂Z^o·W^oᵀ
    calls.extend(fed().map(|units| call((flag, false), (units, 16, n)))); // G2: ∂J/∂W^o = Hᵀ·∂J/∂Z^o
    calls.extend(units.iter().map(|&units| call((flag, false), (20, units, n)))); // G6: ∂J/∂W^h = Xᵀ·∂J/∂Z^h
    calls
}

#[test]
fn every_product_of_a_step_calls_gemm_with_transposes_as_flags() {
    for n in [64, 9, 2, 1] {
        let (single, double) = (calls_of_a_step::<f32>(&[15], n), calls_of_a_step::<f64>(&[15], n));
        assert_eq!(single, expected("cblas_sgemm", n as c_int, &[16]), "batch {n}");
        assert_eq!(double, expected("cblas_dgemm", n as c_int, &[8, 8]), "batch {n}");
    }
    // Two blocks for each split axis, more if it is longer than 128.
    assert_eq!(calls_of_a_step::<f32>(&[100], 64).len(), 5 * 2);
    assert_eq!(calls_of_a_step::<f32>(&[200], 300).len(), 4 * 4 + 6);
}
