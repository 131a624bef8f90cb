//! Builds the parts of a dataset from arrays: those in an .npz archive, or pairs of files.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::open_npz;
use super::labels::one_hot;
use super::roles::{Content, Role};
use super::stored::{Labels, Numbers, Stored, check, name, refused, shown};
use crate::Error;
use crate::npy::{Array, Values};
use crate::parts::Part;

/// The parts of a dataset as they are stored, the training part first.
pub(super) struct Parts {
    pub(super) parts: Vec<(Part, Stored)>,
    pub(super) details: Details,
}

/// What is known about a dataset besides its images and labels.
#[derive(Default)]
pub(super) struct Details {
    /// The names of numeric labels.
    pub(super) names: Option<BTreeMap<i64, String>>,
    pub(super) notes: Vec<String>,
    pub(super) is_emnist: bool,
}

impl Parts {
    /// Reads the arrays of an archive that are named like `x_train` and `y_train`.
    pub(super) fn of_npz(path: &Path, mut details: Details) -> Result<Self, Error> {
        let mut archive = open_npz(path)?;
        let mut found: BTreeMap<(Option<Part>, Content), String> = BTreeMap::new();
        let mut others = Vec::new();
        let names = archive.names();
        for name in &names {
            let role = Role::of(name);
            match role.content {
                Some(content) if !found.contains_key(&(role.part, content)) => {
                    found.insert((role.part, content), name.clone());
                }
                _ => others.push(name.clone()),
            }
        }
        let mut read = |name: &str| {
            let place = format!("{}, {name}", shown(path));
            let array = archive.read(name).map_err(|error| refused(&place, error.to_string()))?;
            Ok::<_, Error>((place, array))
        };
        let mut parts: Vec<(Part, Stored)> = Vec::new();
        // Without a training part, the set may not be split.
        let is_split = found.contains_key(&(Some(Part::Train), Content::Images));
        for part in [is_split.then_some(Part::Train), Some(Part::Validation), Some(Part::Test)] {
            let mut take = |content| found.remove(&(part, content));
            match (take(Content::Images), take(Content::Labels)) {
                (Some(images), Some(labels)) => {
                    let stored = Stored::of_arrays(read(&images)?, read(&labels)?, &mut details.notes)?;
                    parts.push((part.unwrap_or(Part::Train), stored));
                }
                (images, labels) => others.extend(images.into_iter().chain(labels)),
            }
        }
        if let Some(name) = found.remove(&(None, Content::ClassNames)) {
            let (place, array) = read(&name)?;
            details.names = Some(class_names(&place, array)?);
        }
        others.extend(found.into_values());
        if parts.first().is_none_or(|(part, _)| *part != Part::Train) {
            let problem = format!(
                "found the arrays {}; expected images and labels with names such as x_train and y_train; a file \
                 with one array belongs in a directory with that of its labels",
                listed(&names)
            );
            return Err(refused(shown(path), problem));
        }
        if !others.is_empty() {
            details.notes.push(format!("left out: {} of {}", listed(&others), shown(path)));
        }
        Ok(Self { parts, details })
    }
}

/// The first names of many.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(8)].join(", ");
    match names.len().saturating_sub(8) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The names of classes 0, 1, …
fn class_names(place: &str, array: Array) -> Result<BTreeMap<i64, String>, Error> {
    match array.values {
        Values::Texts(names) => Ok((0..).zip(names).collect()),
        _ => Err(refused(place, "numbers; expected the names of the classes as strings")),
    }
}

impl Stored {
    /// Combines the arrays of images and labels.
    pub(super) fn of_arrays(
        (place, images): (String, Array),
        (label_place, labels): (String, Array),
        notes: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let labels = labels_of(&label_place, labels, notes)?;
        let count = images.shape.first().copied().unwrap_or_default();
        if count != labels.len() {
            let problem = format!(
                "{} labels, but {place} has the shape {:?}; expected one label per image, the first dimension",
                labels.len(),
                images.shape
            );
            return Err(refused(label_place, problem));
        }
        if count == 0 {
            return Err(refused(place, "no examples; expected at least one"));
        }
        let size = images.shape[1..].iter().product::<usize>().max(1);
        let checked = |values: &mut dyn Iterator<Item = f64>| {
            let wrong = values.enumerate().find_map(|(i, value)| Some((i, check(value).err()?)));
            match wrong {
                Some((i, problem)) => Err(refused(name(&place, None, i / size), problem)),
                None => Ok(()),
            }
        };
        let numbers = match images.values {
            Values::U8(values) => Numbers::Bytes(values),
            Values::F32(values) => {
                checked(&mut values.iter().map(|&value| value.into()))?;
                Numbers::Reals(values)
            }
            Values::F64(values) => {
                checked(&mut values.iter().copied())?;
                Numbers::Reals(values.into_iter().map(|value| value as f32).collect())
            }
            Values::I64(values) => {
                checked(&mut values.iter().map(|&value| value as f64))?;
                Numbers::Reals(values.into_iter().map(|value| value as f32).collect())
            }
            Values::Texts(_) => return Err(refused(place, "strings; expected pixels")),
        };
        Ok(Self { place, shape: images.shape, numbers, labels, lines: None })
    }
}

/// The labels of an array: numbers or texts, or one-hot rows.
fn labels_of(place: &str, array: Array, notes: &mut Vec<String>) -> Result<Labels, Error> {
    let Array { shape, values } = array;
    if let (Values::Texts(texts), [_] | [_, 1]) = (&values, &shape[..]) {
        return labeled(place, texts.iter().cloned());
    }
    let (numbers, count): (Box<dyn Fn(usize) -> f64>, _) = match &values {
        Values::U8(values) => (Box::new(|i| values[i].into()), values.len()),
        Values::F32(values) => (Box::new(|i| values[i].into()), values.len()),
        Values::F64(values) => (Box::new(|i| values[i]), values.len()),
        Values::I64(values) => (Box::new(|i| values[i] as f64), values.len()),
        Values::Texts(_) => return Err(wrong_shape(place, &shape)),
    };
    let text = |i: usize| numbers(i).to_string();
    match shape[..] {
        [_] | [_, 1] => labeled(place, (0..count).map(text)),
        [_, columns] if (2..=256).contains(&columns) => {
            if let Some(labels) = one_hot((0..count).map(&numbers), columns) {
                notes.push(format!("{place}: one-hot labels of {columns} classes"));
                return Ok(labels);
            }
            // QMNIST's labels: the class, and seven numbers about the writer.
            if columns == 8 {
                notes.push(format!("{place}: the class is the first of 8 columns, as in QMNIST"));
                return labeled(place, (0..count).step_by(columns).map(text));
            }
            Err(wrong_shape(place, &shape))
        }
        _ => Err(wrong_shape(place, &shape)),
    }
}

fn wrong_shape(place: &str, shape: &[usize]) -> Error {
    refused(
        place,
        format!("labels of shape {shape:?}; expected (images,), or one-hot rows (images, classes)"),
    )
}

fn labeled(place: &str, texts: impl Iterator<Item = String>) -> Result<Labels, Error> {
    let mut labels = Labels::default();
    for (index, text) in texts.enumerate() {
        labels.push(&text).map_err(|problem| refused(name(place, None, index), problem))?;
    }
    Ok(labels)
}
