//! Random distortions of training images: affine maps and elastic deformations (`field.rs`),
//! applied by resampling (`warp.rs`).
//!
//! A distorted image is a function of the seed, the epoch and the example alone. There is no state,
//! so threads, batches and interruptions cannot change a bit.

mod augmenter;
mod distortion;
mod field;
mod limits;
mod warp;

pub use augmenter::Augmenter;
pub use limits::Augmentation;
