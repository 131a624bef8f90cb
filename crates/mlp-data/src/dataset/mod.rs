//! Labeled images in memory: a [`Dataset`], its conversion to floating point and to sparse rows,
//! and its splits; and a training set with its test set ([`Datasets`]).

mod convert;
mod labeled_images;
mod polarity;
mod preprocessing;
mod sparse;
mod split;

pub use convert::{Real, levels};
#[cfg(feature = "fetch")]
pub(crate) use labeled_images::hex;
pub use labeled_images::{Dataset, ImageShape};
pub use polarity::Polarity;
pub use preprocessing::Preprocessing;
pub use sparse::SparseImages;

/// A training and a test set of the same shape and classes, and perhaps a validation set.
#[derive(Debug, Clone)]
pub struct Datasets {
    /// The catalog's name, `synthetic`, or the directory.
    pub name: String,
    /// The training set.
    pub train: Dataset,
    /// The validation set, if the dataset has one of its own.
    pub validation: Option<Dataset>,
    /// The test set.
    pub test: Dataset,
    /// The name of each class.
    pub class_names: Vec<String>,
    /// How pictures are preprocessed into images.
    pub preprocessing: Preprocessing,
    /// The polarity of its pictures; [`Polarity::Auto`] if each picture has its own.
    pub polarity: Polarity,
}

impl Datasets {
    /// Describes problems of the classes, one line each: classes without training examples, or only
    /// one class.
    ///
    /// # Example
    /// ```
    /// let mut sets = mlp_data::synthetic::digits(10, 10, 0);
    /// assert!(sets.oddities().is_empty());
    /// sets.train = sets.train.take(1);
    /// assert!(sets.oddities()[0].starts_with("all training examples are of one class"));
    /// ```
    pub fn oddities(&self) -> Vec<String> {
        let counts = self.train.class_counts();
        let name = |class: usize| self.class_names.get(class).map_or("?", String::as_str);
        let empty: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] == 0).collect();
        if counts.len() - empty.len() == 1
            && let Some(class) = counts.iter().position(|&count| count > 0)
        {
            return vec![format!(
                "all training examples are of one class, {}; expected at least two classes",
                name(class)
            )];
        }
        if empty.is_empty() {
            return Vec::new();
        }
        let hint = if empty == [0] { "; do the labels start at 1?" } else { "" };
        let shown: Vec<&str> = empty.iter().take(5).map(|&class| name(class)).collect();
        let more = if empty.len() > 5 { ", …" } else { "" };
        vec![format!(
            "{} of {} classes have no training examples: {}{more}{hint}",
            empty.len(),
            counts.len(),
            shown.join(", ")
        )]
    }
}
