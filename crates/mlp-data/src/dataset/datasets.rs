//! A training set with its test set. Reading the two from files is in `directory/load.rs`.

use super::{Dataset, Preprocessing};

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
    /// How a picture becomes one of the images.
    pub preprocessing: Preprocessing,
}
