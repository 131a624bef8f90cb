//! Measures the sgemm peak: how fast this machine multiplies large dense matrices of `f32`.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use ndarray::Array2;
use ndarray::linalg::general_mat_mul;
use serde::Serialize;

/// The fastest product seen on some threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Peak {
    pub(super) threads: usize,
    pub(super) gflops: f64,
}

/// How much is multiplied.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Rows and columns of each matrix.
    pub(super) size: usize,
    pub(super) repetitions: usize,
}

impl Effort {
    /// Some tenths of a second, beyond which more does not help.
    pub(super) const FULL: Self = Self { size: 768, repetitions: 20 };
    /// Some hundredths.
    pub(super) const QUICK: Self = Self { size: 384, repetitions: 5 };
}

impl Peak {
    /// The largest of some repetitions, in each of which every thread multiplies matrices of its own, all at once.
    ///
    /// The product is ndarray's, which is OpenBLAS's where there is one. OpenBLAS must have been told to use one thread, as mlp-core
    /// does at the first product of its own.
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
            let members: Vec<_> = (0..threads).map(|_| scope.spawn(multiply)).collect();
            let join = |member: thread::ScopedJoinHandle<'_, _>| {
                member.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            members.into_iter().map(join).collect()
        });
        // From the first to begin to the last to end: with more threads than cores they take turns.
        let seconds = |repetition: usize| {
            let of = |member: &Vec<(Instant, Instant)>| member[repetition];
            let (starts, ends): (Vec<_>, Vec<_>) = times.iter().map(of).unzip();
            let start = starts.into_iter().min().expect("at least one thread");
            ends.into_iter().max().expect("at least one thread").duration_since(start).as_secs_f64()
        };
        let fastest = (0..effort.repetitions).map(seconds).fold(f64::INFINITY, f64::min);
        let flop = 2.0 * (effort.size as f64).powi(3) * threads as f64;
        Self { threads, gflops: flop / fastest / 1e9 }
    }
}
