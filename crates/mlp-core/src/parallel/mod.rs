//! Threads: how the work of a step is split (`partition.rs`) and who does it (`pool.rs`).

pub(crate) mod partition;
pub(crate) mod pool;

pub(crate) use partition::{ByColumns, MAX_THREADS, Partition};
pub(crate) use pool::Pool;
