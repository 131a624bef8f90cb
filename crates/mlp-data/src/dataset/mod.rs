//! Labeled images in memory: a [`Dataset`], its conversion to floating point and to sparse rows,
//! its division into parts, and a training set with its test set ([`Datasets`]).

mod convert;
mod datasets;
mod labeled_images;
mod preprocessing;
mod sparse;
mod split;

pub use convert::{Real, levels};
pub use datasets::Datasets;
#[cfg(feature = "fetch")]
pub(crate) use labeled_images::hex;
pub use labeled_images::{Dataset, ImageShape};
pub use preprocessing::Preprocessing;
pub use sparse::SparseImages;
