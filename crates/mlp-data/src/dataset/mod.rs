//! Labeled images in memory: a [`Dataset`], its conversion to floating point and to sparse rows,
//! and its splits; and a training set with its test set ([`Datasets`]).

mod convert;
mod labeled_images;
mod preprocessing;
mod sparse;
mod split;

pub use convert::{Real, levels};
#[cfg(feature = "fetch")]
pub(crate) use labeled_images::hex;
pub use labeled_images::{Dataset, ImageShape};
pub use preprocessing::Preprocessing;
pub use sparse::SparseImages;

/// A training and a test set of the same shape and classes.
#[derive(Debug, Clone)]
pub struct Datasets {
    /// The catalog's name, `synthetic`, or the directory.
    pub name: String,
    /// The training set.
    pub train: Dataset,
    /// The test set.
    pub test: Dataset,
    /// The name of each class.
    pub class_names: Vec<String>,
    /// How pictures are preprocessed into images.
    pub preprocessing: Preprocessing,
}
