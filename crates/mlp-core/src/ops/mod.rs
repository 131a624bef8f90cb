//! The operations of the passes. Each is one parallel region that decides which thread computes
//! which part. `passes.rs` calls them, and they call the kernels.
//!
//! A thread always has the same units of a layer: their columns of Z, H, δ and the first layer's
//! weights, and their rows of the weights above. In the output layer, where softmax needs all units
//! of an example, it has examples instead. Nothing is summed across threads; sums over shards are
//! added number by number (`shards.rs`).

pub(crate) mod buffers;
pub(crate) mod compute;
pub(crate) mod dropout;
pub(crate) mod hidden;
pub(crate) mod inputs;
pub(crate) mod matmul;
pub(crate) mod output;
pub(crate) mod shards;
pub(crate) mod update;

use compute::{Compute, MatmulBackend};

use crate::linalg::blas::{self, Cut};
use crate::linalg::matrix::line;
use crate::parallel::{Partition, Pool, Slice};

/// The threads of a workspace and their configuration.
#[derive(Debug)]
pub struct Ops {
    pub(crate) compute: Compute,
    pub(crate) pool: Pool,
}

impl Ops {
    /// # Panics
    /// If the number of threads is out of range, this build does not have the backend, or the
    /// system cannot start a thread.
    #[track_caller]
    pub(crate) fn new(compute: Compute) -> Self {
        compute.check();
        Self { compute, pool: Pool::new(compute.threads) }
    }

    /// Splits the units of a layer (its padded width) at cache lines.
    pub(crate) fn units<A>(&self, width: usize) -> Split {
        self.split(width, line::<A>())
    }

    /// Splits the examples of a batch.
    pub(crate) fn examples(&self, rows: usize) -> Split {
        self.split(rows, 1)
    }

    /// Gives each thread one element.
    pub(crate) fn each<'a, T>(&self, elements: &'a mut [T]) -> Slice<'a, T> {
        Partition::new(self.pool.len(), 1, self.pool.len()).slice(elements)
    }

    fn split(&self, len: usize, grain: usize) -> Split {
        let (blocks, threads) = (blas::blocks(len, grain), self.pool.len());
        let parts = match self.compute.backend {
            MatmulBackend::OpenBlas => blocks.merged(threads),
            MatmulBackend::Portable => Partition::new(len, grain, threads),
        };
        Split { parts, blocks }
    }
}

/// How an axis is split over the threads.
pub(crate) struct Split {
    /// One part for each thread.
    pub(crate) parts: Partition,
    /// The blocks that OpenBLAS computes, independent of the number of threads. A thread has whole
    /// blocks.
    pub(crate) blocks: Partition,
}

impl Split {
    /// Part of a product that starts at column `first`.
    pub(crate) fn columns(&self, first: usize) -> Cut<'_> {
        Cut::Columns(&self.blocks, first)
    }

    /// Part of a product that starts at row `first`.
    pub(crate) fn rows(&self, first: usize) -> Cut<'_> {
        Cut::Rows(&self.blocks, first)
    }
}
