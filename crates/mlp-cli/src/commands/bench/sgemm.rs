//! Measures the sgemm peak: how fast this machine multiplies large dense `f32` matrices.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use ndarray::Array2;
use ndarray::linalg::general_mat_mul;
use serde::Serialize;

/// The highest throughput on a number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Peak {
    pub(super) threads: usize,
    pub(super) gflops: f64,
}

/// How much to measure.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Rows and columns of the square matrices.
    pub(super) size: usize,
    pub(super) repetitions: usize,
}

impl Effort {
    /// A few tenths of a second. More does not help.
    pub(super) const FULL: Self = Self { size: 768, repetitions: 20 };
    /// A few hundredths of a second.
    pub(super) const QUICK: Self = Self { size: 384, repetitions: 5 };
}

impl Peak {
    /// Measures the peak as the best of several repetitions. In each, all threads multiply their
    /// own matrices at the same time.
    ///
    /// Uses ndarray's product, which is OpenBLAS's if available. OpenBLAS must have been set to one
    /// thread, which mlp-core does in its first product.
    pub(super) fn measure(threads: usize, effort: Effort) -> Self {
        let barrier = Barrier::new(threads);
        let multiply = || {
            let square = || Array2::<f32>::from_elem((effort.size, effort.size), 0.5);
            let (a, b, mut c) = (square(), square(), square());
            let mut times = Vec::with_capacity(effort.repetitions);
            for _ in 0..effort.repetitions {
                barrier.wait();
                let start = Instant::now();
                general_mat_mul(1.0, &a, &b, 0.0, &mut c);
                times.push((start, Instant::now()));
            }
            times
        };
        let times: Vec<Vec<(Instant, Instant)>> = thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(multiply)).collect();
            let join = |handle: thread::ScopedJoinHandle<'_, _>| {
                handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            handles.into_iter().map(join).collect()
        });
        // From the first start to the last end: with more threads than cores they take turns.
        let seconds = |repetition: usize| {
            let (starts, ends): (Vec<_>, Vec<_>) = times.iter().map(|times| times[repetition]).unzip();
            let start = starts.into_iter().min().expect("at least one thread");
            ends.into_iter().max().expect("at least one thread").duration_since(start).as_secs_f64()
        };
        let fastest = (0..effort.repetitions).map(seconds).fold(f64::INFINITY, f64::min);
        let flop = 2.0 * (effort.size as f64).powi(3) * threads as f64;
        Self { threads, gflops: flop / fastest / 1e9 }
    }
}
