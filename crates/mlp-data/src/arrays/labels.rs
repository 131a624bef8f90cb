//! Classes: the labels that occur in a dataset, in the order of their numbers or names.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::stored::{Labels, MAX_CLASSES, Stored, refused};
use crate::Error;
use crate::fs::natural_order;

/// The classes of a dataset.
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    /// The labels of each part, as classes.
    pub(super) labels: Vec<Vec<u8>>,
    pub(super) notes: Vec<String>,
}

/// A label: its number, if it is one, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    number: Option<i64>,
    text: String,
}

impl Classes {
    /// Finds the classes of the parts. The first part is for training. `names` are the names of
    /// numbers, if they are known.
    pub(super) fn of(parts: &[&Stored], names: Option<&BTreeMap<i64, String>>) -> Result<Self, Error> {
        let texts = |part: &Stored| part.labels.texts.clone();
        let all: Vec<String> = parts.iter().flat_map(|part| texts(part)).collect();
        let are_numbers = all.iter().all(|text| number(text).is_some());
        if let (true, Some(text)) = (are_numbers, all.iter().find(|text| integer(text).is_none())) {
            let problem = format!("a label is {text}; expected classes, as whole numbers or names");
            return Err(refused(&parts[0].place, problem));
        }
        let label = |text: &String| Label {
            number: if are_numbers { integer(text) } else { None },
            text: text.clone(),
        };
        let mut found: Vec<Label> = texts(parts[0]).iter().map(label).collect();
        found.sort_by(Label::order);
        found.dedup_by(|a, b| a.order(b).is_eq());
        if found.len() > MAX_CLASSES {
            let problem = format!("{} different labels; expected at most {MAX_CLASSES}", found.len());
            return Err(refused(&parts[0].place, problem));
        }
        let class = |part: &Stored, text: &String| {
            let label = label(text);
            let class = found.binary_search_by(|other| other.order(&label));
            class.map(|class| class as u8).map_err(|_| {
                let problem = format!(
                    "label {text} is not in the training part; expected the same classes in all parts"
                );
                refused(&part.place, problem)
            })
        };
        let mut labels = Vec::new();
        for part in parts {
            let of_ids =
                part.labels.texts.iter().map(|text| class(part, text)).collect::<Result<Vec<_>, _>>()?;
            labels.push(part.labels.ids.iter().map(|&id| of_ids[usize::from(id)]).collect());
        }
        let mut notes = Vec::new();
        notes.extend(gaps(&found).filter(|_| names.is_none()));
        let name = |label: &Label| match (names, label.number) {
            (Some(names), Some(number)) => names.get(&number).cloned().ok_or_else(|| {
                refused(&parts[0].place, format!("label {number} has no class name; found {}", names.len()))
            }),
            // `5.0` is class 5, but `05` keeps its name.
            (_, Some(number)) if label.text.parse::<i64>().is_err() => Ok(number.to_string()),
            _ => Ok(label.text.clone()),
        };
        let names = found.iter().map(name).collect::<Result<_, _>>()?;
        Ok(Self { names, labels, notes })
    }
}

impl Label {
    fn order(&self, other: &Self) -> Ordering {
        match (self.number, other.number) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => natural_order(&self.text, &other.text),
        }
    }
}

/// Says that labels do not start at 0 or have gaps.
fn gaps(labels: &[Label]) -> Option<String> {
    let (first, last) = (labels.first()?.number?, labels.last()?.number?);
    if (first, last) == (0, labels.len() as i64 - 1) {
        return None;
    }
    let missing: Vec<i64> = labels
        .windows(2)
        .filter_map(|pair| Some((pair[0].number?, pair[1].number?)))
        .filter(|(a, b)| b - a > 1)
        .map(|(a, _)| a + 1)
        .collect();
    let without = match missing.first() {
        None => String::new(),
        Some(first) if missing.len() == 1 => format!(" without {first}"),
        Some(first) => format!(" without {first} and others"),
    };
    Some(format!("labels {first} to {last}{without}: {} classes, named by their labels", labels.len()))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A whole number, also if it is written as `5.0`.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number = number(text)?;
        (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
    })
}

/// The labels of an array of one-hot rows, if it is one.
pub(super) fn one_hot(values: impl ExactSizeIterator<Item = f64>, columns: usize) -> Option<Labels> {
    let mut labels = Labels::default();
    let mut hot = None;
    for (index, value) in values.enumerate() {
        match (value, hot) {
            (1.0, None) => hot = Some(index % columns),
            (0.0, _) => {}
            _ => return None,
        }
        if index % columns == columns - 1 {
            labels.push(&hot.take()?.to_string()).ok()?;
        }
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::super::stored::Numbers;
    use super::*;

    fn part(labels: &[&str]) -> Stored {
        let mut found = Labels::default();
        labels.iter().for_each(|label| found.push(label).unwrap());
        let numbers = Numbers::Bytes(vec![0; labels.len()]);
        Stored { place: "t".into(), shape: vec![labels.len(), 1], numbers, labels: found, lines: None }
    }

    fn classes(parts: &[&[&str]]) -> Result<(String, Vec<Vec<u8>>, String), String> {
        let parts: Vec<Stored> = parts.iter().map(|labels| part(labels)).collect();
        let parts: Vec<&Stored> = parts.iter().collect();
        let found = Classes::of(&parts, None).map_err(|error| error.to_string())?;
        Ok((found.names.join(" "), found.labels, found.notes.join("; ")))
    }

    #[test]
    fn classes_are_the_labels_that_occur_in_order() {
        let (names, labels, notes) = classes(&[&["10", "2", "0", "1"], &["2", "10.0"]]).unwrap();
        assert_eq!((&names[..], labels), ("0 1 2 10", vec![vec![3, 2, 0, 1], vec![2, 3]]));
        assert_eq!(notes, "labels 0 to 10 without 3: 4 classes, named by their labels");
        let (names, labels, notes) = classes(&[&["1", "0", "1.0"]]).unwrap();
        assert_eq!((&names[..], labels, &notes[..]), ("0 1", vec![vec![1, 0, 1]], ""));
        assert_eq!(classes(&[&["01", "00", "02"]]).unwrap().0, "00 01 02");
        let (names, _, notes) = classes(&[&["3", "1", "2"]]).unwrap();
        assert_eq!((&names[..], &notes[..]), ("1 2 3", "labels 1 to 3: 3 classes, named by their labels"));
        // Names of classes, one of which is a number.
        let (names, labels, _) = classes(&[&["b10", "b9", "7"]]).unwrap();
        assert_eq!((&names[..], labels), ("7 b9 b10", vec![vec![2, 1, 0]]));
    }

    #[test]
    fn what_cannot_be_a_class_is_refused() {
        assert!(classes(&[&["0.5", "1"]]).unwrap_err().contains("t: a label is 0.5; expected classes"));
        let error = classes(&[&["a"], &["b"]]).unwrap_err();
        assert!(error.contains("t: label b is not in the training part"), "{error}");
        let mut labels = Labels::default();
        for label in 0..256 {
            labels.push(&label.to_string()).unwrap();
        }
        assert!(labels.push("256").unwrap_err().starts_with("more than 256 different labels"));
        assert!(labels.push("").unwrap_err().contains("missing"));
        assert!(labels.push("a\nb").unwrap_err().contains("in one line"));
    }

    #[test]
    fn known_names_replace_numbers() {
        let names = BTreeMap::from([(1, "A".to_owned()), (2, "B".to_owned()), (3, "C".to_owned())]);
        let stored = part(&["2", "1"]);
        let found = Classes::of(&[&stored], Some(&names)).unwrap();
        assert_eq!((found.names, found.notes.len()), (vec!["A".to_owned(), "B".to_owned()], 0));
        let stored = part(&["2", "9"]);
        assert!(Classes::of(&[&stored], Some(&names)).is_err());
    }

    #[test]
    fn one_hot_rows_are_labels() {
        let labels = one_hot([0.0, 1.0, 0.0, 1.0, 0.0, 0.0].into_iter(), 3).unwrap();
        assert_eq!((labels.texts, labels.ids), (vec!["1".to_owned(), "0".to_owned()], vec![0, 1]));
        for wrong in [[1.0, 1.0, 0.0], [0.0; 3], [0.5, 0.5, 0.0], [2.0, 0.0, 0.0]] {
            assert!(one_hot(wrong.into_iter(), 3).is_none(), "{wrong:?}");
        }
    }
}
