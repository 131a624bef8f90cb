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

use compute::{Compute, MatmulBackend};

use crate::linalg::blas::{self, Cut};
use crate::linalg::matrix::line;
use crate::parallel::{Partition, Pool};

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
    pub(crate) fn units<A>(&self, width: usize) -> Split {
        self.split(width, line::<A>())
    }

    /// Splits the examples of a batch.
    pub(crate) fn examples(&self, rows: usize) -> Split {
        self.split(rows, 1)
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

/// How the threads share an axis.
pub(crate) struct Split {
    /// One part for each thread.
    pub(crate) parts: Partition,
    /// The blocks that OpenBLAS computes, of which a thread has whole ones. They do not depend on the number of threads.
    blocks: Partition,
}

impl Split {
    /// Some columns of a product, from this one.
    pub(crate) fn columns(&self, first: usize) -> Cut<'_> {
        Cut::Columns(&self.blocks, first)
    }

    /// Some rows of a product, from this one.
    pub(crate) fn rows(&self, first: usize) -> Cut<'_> {
        Cut::Rows(&self.blocks, first)
    }
}
