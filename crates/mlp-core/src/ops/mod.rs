//! The operations of the passes: one parallel region each, and which thread computes which part. `passes.rs` calls them; they
//! call the kernels.
//!
//! A thread always has the same units of a layer: their columns of Z, H, δ and of the first layer's weights, their rows of the
//! weights above. In the output layer, where all units of an example are needed together, it has examples. Nothing is summed
//! across threads.

pub(crate) mod buffers;
pub(crate) mod compute;
pub(crate) mod dropout;
pub(crate) mod hidden;
pub(crate) mod matmul;
pub(crate) mod output;
pub(crate) mod update;

use crate::linalg::matrix::line;
use crate::parallel::{Partition, Pool};
use compute::Compute;

/// The threads of a workspace, and how they compute.
#[derive(Debug)]
pub(crate) struct Ops {
    pub(crate) compute: Compute,
    pub(crate) pool: Pool,
}

impl Ops {
    /// # Panics
    /// If the number of threads is out of range, this build has no such backend, or the system refuses a thread.
    #[track_caller]
    pub(crate) fn new(compute: Compute) -> Self {
        compute.check();
        Self { compute, pool: Pool::new(compute.threads) }
    }

    /// Splits the units of a layer (its padded width) between cache lines.
    pub(crate) fn units<A>(&self, width: usize) -> Partition {
        self.split(width, line::<A>())
    }

    /// Splits the examples of a batch.
    pub(crate) fn examples(&self, rows: usize) -> Partition {
        self.split(rows, 1)
    }

    fn split(&self, len: usize, grain: usize) -> Partition {
        Partition::new(len, self.compute.backend.grain(len, grain), self.pool.len())
    }
}
