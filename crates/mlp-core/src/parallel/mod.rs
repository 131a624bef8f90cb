//! Threads: how the work of a step is split (`partition.rs`), who does it (`pool.rs`), and when one does it alone (`backoff.rs`).

mod backoff;
pub(crate) mod partition;
pub(crate) mod pool;

pub(crate) use partition::{ByColumns, MAX_THREADS, Partition};
pub(crate) use pool::Pool;
