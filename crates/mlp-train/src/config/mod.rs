//! The configuration of a run: options, schedules, metrics, and the choice of kernel.

pub(crate) mod augment;
pub(crate) mod class_rotation;
pub(crate) mod error;
pub(crate) mod kernel;
pub(crate) mod memory;
pub(crate) mod metric;
pub(crate) mod plan;
pub(crate) mod schedule;
pub(crate) mod step_time;
pub(crate) mod train_config;
