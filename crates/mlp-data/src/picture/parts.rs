//! The usual names of the parts of a split: `train`, `Validation`, `test_set`, `val2017`.

use std::fmt;

/// A part of a split, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Train,
    Validation,
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// Words that are ignored.
const FILLERS: [&str; 13] = [
    "set", "data", "dataset", "images", "image", "imgs", "img", "pictures", "split", "samples", "folder",
    "dir", "files",
];

/// Returns the part that a directory's name means, and the other words of the name: `mnist` and
/// [`Part::Train`] of `MNIST_training-set`.
pub(crate) fn in_part(name: &str) -> Option<(String, Part)> {
    let name = name.to_lowercase();
    let words = name.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let (mut found, mut others) = (None, Vec::new());
    for word in words.filter(|word| !FILLERS.contains(word)) {
        let bare = FILLERS.iter().find_map(|filler| word.strip_suffix(filler)).unwrap_or(word);
        match (part(bare), found) {
            (Some(part), None) => found = Some(part),
            // Two parts in one name.
            (Some(_), Some(_)) => return None,
            (None, _) => others.push(word),
        }
    }
    found.map(|part| (others.join(" "), part))
}

fn part(word: &str) -> Option<Part> {
    match word {
        "train" | "training" | "trn" => Some(Part::Train),
        "val" | "valid" | "validation" | "validate" | "dev" | "development" => Some(Part::Validation),
        "test" | "testing" | "tst" | "eval" | "evaluation" | "holdout" => Some(Part::Test),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_known() {
        for (name, part) in [
            ("train", Part::Train),
            ("Training_Set", Part::Train),
            ("trainset", Part::Train),
            ("train-images", Part::Train),
            ("VALIDATION", Part::Validation),
            ("val2017", Part::Validation),
            ("valid", Part::Validation),
            ("Test", Part::Test),
            ("testing data", Part::Test),
            ("images_test", Part::Test),
        ] {
            assert_eq!(in_part(name), Some((String::new(), part)), "{name}");
        }
        assert_eq!(in_part("mnist_train"), Some(("mnist".to_owned(), Part::Train)));
        for name in ["cat", "7", "trainer", "set", "constraint", "valentine", "train-test", ""] {
            assert_eq!(in_part(name), None, "{name}");
        }
    }
}
