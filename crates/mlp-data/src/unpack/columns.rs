//! Choosing the columns of pictures and labels of a Parquet file.

use parquet::basic::{ConvertedType, Type as Physical};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::features::Features;

/// The usual names of columns, for files that have several of a kind.
const PICTURE_NAMES: [&str; 5] = ["image", "img", "picture", "pixels", "pixel_values"];
const LABEL_NAMES: [&str; 5] = ["label", "labels", "class", "target", "digit"];

/// The columns to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) picture: String,
    pub(super) label: String,
    pub(super) form: Form,
    /// Numbers of the leaf columns.
    pub(super) picture_leaf: usize,
    pub(super) label_leaf: usize,
}

/// How pictures are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As the bytes of a picture file.
    Encoded,
    /// As lists of pixels.
    Pixels,
}

/// A column that may be the wanted one.
struct Candidate {
    name: String,
    leaf: usize,
    form: Form,
    is_noted: bool,
}

impl Columns {
    /// Chooses the columns, or says why it cannot.
    pub(super) fn of(schema: &SchemaDescriptor, features: &Features) -> Result<Self, String> {
        let (mut pictures, mut labels) = (Vec::new(), Vec::new());
        let mut names: Vec<&str> = Vec::new();
        for (leaf, column) in schema.columns().iter().enumerate() {
            let path = column.path().parts();
            let Some(name) = path.first() else { continue };
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
            if let Some(form) = picture_form(column) {
                let is_noted = features.is_picture(name);
                pictures.push(Candidate { name: name.clone(), leaf, form, is_noted });
            } else if path.len() == 1 && is_label(column) {
                let is_noted = features.class_names(name).is_some();
                labels.push(Candidate { name: name.clone(), leaf, form: Form::Encoded, is_noted });
            }
        }
        let names = names.join(", ");
        let picture = choose(pictures, &PICTURE_NAMES).map_err(|found| {
            format!(
                "found {found} of pictures among its columns ({names}); expected one, named image, of PNG or \
                 JPEG bytes or of lists of pixels"
            )
        })?;
        let label = choose(labels, &LABEL_NAMES).map_err(|found| {
            format!(
                "found {found} of labels among its columns ({names}); expected one, named label, of integers or text"
            )
        })?;
        Ok(Self {
            picture: picture.name,
            label: label.name,
            form: picture.form,
            picture_leaf: picture.leaf,
            label_leaf: label.leaf,
        })
    }
}

/// The only candidate, or the only one that is noted to be one, or that has the first usual name.
/// Otherwise what was found.
fn choose(mut candidates: Vec<Candidate>, usual: &[&str]) -> Result<Candidate, String> {
    if candidates.iter().any(|candidate| candidate.is_noted) {
        candidates.retain(|candidate| candidate.is_noted);
    }
    let named =
        |name: &&str| candidates.iter().position(|candidate| candidate.name.eq_ignore_ascii_case(name));
    match (candidates.len(), usual.iter().find_map(named)) {
        (1, _) => Ok(candidates.remove(0)),
        (_, Some(i)) => Ok(candidates.swap_remove(i)),
        (0, None) => Err("no column".to_owned()),
        (count, None) => {
            let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
            Err(format!("{count} columns ({})", names.join(", ")))
        }
    }
}

/// The form of a column that may hold pictures.
fn picture_form(column: &ColumnDescriptor) -> Option<Form> {
    let path = column.path().parts();
    let is_bytes =
        column.physical_type() == Physical::BYTE_ARRAY && column.max_rep_level() == 0 && !is_text(column);
    let is_file = match path.len() {
        1 => true,
        2 => path[1] == "bytes",
        _ => false,
    };
    let is_number = matches!(
        column.physical_type(),
        Physical::INT32 | Physical::INT64 | Physical::FLOAT | Physical::DOUBLE
    );
    if is_bytes && is_file {
        Some(Form::Encoded)
    } else if is_number && (1..=2).contains(&column.max_rep_level()) {
        Some(Form::Pixels)
    } else {
        None
    }
}

fn is_label(column: &ColumnDescriptor) -> bool {
    column.max_rep_level() == 0
        && match column.physical_type() {
            Physical::INT32 | Physical::INT64 => true,
            Physical::BYTE_ARRAY => is_text(column),
            _ => false,
        }
}

fn is_text(column: &ColumnDescriptor) -> bool {
    column.converted_type() == ConvertedType::UTF8
        || matches!(column.logical_type_ref(), Some(parquet::basic::LogicalType::String))
}
