//! The training loop and its events. Nothing here touches a file.

pub(crate) mod batches;
pub(crate) mod events;
pub(crate) mod mean;
pub(crate) mod pages;
pub(crate) mod processes;
pub(crate) mod progress;
pub mod range_test;
pub(crate) mod shuffle;
pub(crate) mod trainer;
