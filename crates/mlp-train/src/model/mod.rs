//! Trained networks: evaluation, inference and model files.

pub(crate) mod classes;
pub(crate) mod evaluate;
pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod layer_content;
pub(crate) mod metadata;
pub(crate) mod network;
pub(crate) mod passes;
