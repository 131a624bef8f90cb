//! Threads: splitting work (`partition.rs`), the thread pool (`pool.rs`), and when to use only one
//! thread (`backoff.rs`).

mod backoff;
pub(crate) mod partition;
pub(crate) mod pool;

pub(crate) use partition::{MAX_THREADS, MatParts, Partition, Slice};
pub(crate) use pool::Pool;
