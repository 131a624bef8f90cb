//! Labeled images: a [`Dataset`], its conversion to floating point and to sparse rows,
//! and its splits; and a training set with its test set ([`Datasets`]).

mod convert;
mod labeled_images;
mod pixels;
mod polarity;
mod preprocessing;
mod sparse;
mod split;

pub use convert::{Real, levels};
#[cfg(any(test, feature = "fetch"))]
pub(crate) use labeled_images::hex;
pub use labeled_images::{Dataset, ImageShape};
pub(crate) use pixels::Pixels;
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
    /// Describes problems of the classes, one line each: classes without training or test examples,
    /// or only one class.
    ///
    /// # Example
    /// ```
    /// let mut sets = mlp_data::synthetic::digits(10, 10, 0);
    /// assert!(sets.oddities().is_empty());
    /// sets.test = sets.test.take(9);
    /// assert!(sets.oddities()[0].starts_with("1 of 10 classes have no test examples: "));
    /// sets.train = sets.train.take(1);
    /// assert!(sets.oddities()[0].starts_with("all training examples are in one class"));
    /// ```
    pub fn oddities(&self) -> Vec<String> {
        let (counts, tests) = (self.train.class_counts(), self.test.class_counts());
        let name = |class: usize| self.class_names.get(class).map_or("?", String::as_str);
        let (present, empty): (Vec<usize>, Vec<usize>) =
            (0..counts.len()).partition(|&class| counts[class] > 0);
        if let [class] = present[..] {
            return vec![format!(
                "all training examples are in one class, {}; expected at least two classes",
                name(class)
            )];
        }
        let untested: Vec<usize> =
            present.into_iter().filter(|&class| tests.get(class).is_none_or(|&count| count == 0)).collect();
        let hint = if empty == [0] { "; do the labels start at 1?" } else { "" };
        let line = |what: &str, classes: &[usize], hint: &str| {
            let shown: Vec<&str> = classes.iter().take(5).map(|&class| name(class)).collect();
            let more = if classes.len() > 5 { ", …" } else { "" };
            let (some, all) = (classes.len(), counts.len());
            format!("{some} of {all} classes have no {what} examples: {}{more}{hint}", shown.join(", "))
        };
        [("training", &empty, hint), ("test", &untested, "")]
            .into_iter()
            .filter(|(_, classes, _)| !classes.is_empty())
            .map(|(what, classes, hint)| line(what, classes, hint))
            .collect()
    }
}
