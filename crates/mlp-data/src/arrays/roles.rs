//! The meaning of array and file names: `x_train`, `train-labels-idx1-ubyte.gz`,
//! `kmnist-test-imgs.npz`, `fashion-mnist_train.csv`.

use crate::parts::Part;

/// The part and the content that a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// The other words of the name, such as `kmnist`.
    pub(super) stem: String,
    /// `None` for a set that is not split.
    pub(super) part: Option<Part>,
    pub(super) content: Option<Content>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    Images,
    Labels,
    ClassNames,
}

/// Endings of file names that say nothing about the content.
const ENDINGS: [&str; 8] = [".gz", ".npy", ".npz", ".csv", ".tsv", ".txt", ".idx", ".bin"];

/// Words that are ignored.
const FILLERS: [&str; 13] = [
    "idx", "ubyte", "int", "set", "dataset", "array", "arr", "data", "file", "split", "all", "full", "names",
];

impl Role {
    pub(super) fn of(name: &str) -> Self {
        let mut name = name;
        while let Some(bare) = ENDINGS.iter().find_map(|ending| strip(name, ending)) {
            name = bare;
        }
        let mut role = Self { stem: String::new(), part: None, content: None };
        let words = words(name);
        let is_names = words.iter().any(|word| word == "names") || words == ["classes"];
        let has_data = words.iter().any(|word| word == "data");
        let mut others = Vec::new();
        for word in words {
            let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
            match (part(bare), content(bare)) {
                (Some((part, content)), _) if role.part.is_none() => {
                    role.part = Some(part);
                    role.content = role.content.max(content);
                }
                // `train_data_labels` are labels.
                (None, Some(content)) => role.content = role.content.max(Some(content)),
                _ if FILLERS.contains(&bare) => {}
                _ => others.push(word),
            }
        }
        if is_names {
            role.content = Some(Content::ClassNames);
        } else if role.content.is_none() && has_data {
            role.content = Some(Content::Images);
        }
        role.stem = others.join(" ");
        role
    }

    /// Returns whether the name is that of an EMNIST dataset, whose images are transposed.
    pub(super) fn is_emnist(&self) -> bool {
        self.stem.split(' ').any(|word| word == "emnist")
    }
}

/// Removes an ending in any case.
fn strip<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(ending.len())?;
    let (bare, end) = name.split_at_checked(at)?;
    end.eq_ignore_ascii_case(ending).then_some(bare)
}

/// Splits a name at punctuation and before capitals (`trainImages`), in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A part, with `x` or `y` directly before it in `xtrain`.
fn part(word: &str) -> Option<(Part, Option<Content>)> {
    let known = |word: &str| Part::of(word.strip_suffix("set").unwrap_or(word));
    if let Some(part) = known(word) {
        return Some((part, None));
    }
    let content = match word.as_bytes().first()? {
        b'x' => Content::Images,
        b'y' => Content::Labels,
        _ => return None,
    };
    known(&word[1..]).map(|part| (part, Some(content)))
}

fn content(word: &str) -> Option<Content> {
    match word {
        "x" | "xs" | "image" | "images" | "img" | "imgs" | "pixels" | "features" | "inputs" | "samples"
        | "pictures" => Some(Content::Images),
        "y" | "ys" | "label" | "labels" | "lbl" | "lbls" | "target" | "targets" | "class" | "classes"
        | "categories" => Some(Content::Labels),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_have_a_role() {
        use Content::{ClassNames, Images, Labels};
        use Part::{Test, Train, Validation};
        for (name, stem, part, content) in [
            ("x_train", "", Some(Train), Some(Images)),
            ("y_test", "", Some(Test), Some(Labels)),
            ("X_val.npy", "", Some(Validation), Some(Images)),
            ("xtrain.npy", "", Some(Train), Some(Images)),
            ("trainLabels", "", Some(Train), Some(Labels)),
            ("train_data_labels", "", Some(Train), Some(Labels)),
            ("train_data", "", Some(Train), Some(Images)),
            ("train-images-idx3-ubyte", "", Some(Train), Some(Images)),
            ("t10k-labels.idx1-ubyte.gz", "", Some(Test), Some(Labels)),
            ("TEST_IMAGES_IDX3_UBYTE", "", Some(Test), Some(Images)),
            ("emnist-letters-train-images-idx3-ubyte.gz", "emnist letters", Some(Train), Some(Images)),
            ("qmnist-train-labels-idx2-int.gz", "qmnist", Some(Train), Some(Labels)),
            ("kmnist-train-imgs.npz", "kmnist", Some(Train), Some(Images)),
            ("k49-test-labels.npz", "k49", Some(Test), Some(Labels)),
            ("fashion-mnist_train.csv", "fashion mnist", Some(Train), None),
            ("A_Z Handwritten Data.csv", "a z handwritten", None, Some(Images)),
            ("data", "", None, Some(Images)),
            ("target", "", None, Some(Labels)),
            ("class_names", "", None, Some(ClassNames)),
            ("labels.npy", "", None, Some(Labels)),
            ("arr_0", "0", None, None),
        ] {
            let found = Role::of(name);
            assert_eq!(found, Role { stem: stem.to_owned(), part, content }, "{name}");
        }
        assert!(Role::of("emnist-digits-train.csv").is_emnist() && !Role::of("mnist").is_emnist());
    }
}
