//! Training in a run directory: checkpoints, traces, models and results on disk.

pub(crate) mod checkpoint;
pub(crate) mod checkpoints;
pub(crate) mod result;
pub(crate) mod run_dir;
pub(crate) mod saver;
pub(crate) mod tensorboard;
pub(crate) mod train;
pub(crate) mod transfer;
pub(crate) mod writer;
