//! The Hugging Face library's metadata in a Parquet file: which columns are pictures, and the class
//! names.

use std::collections::HashMap;

use parquet::file::metadata::FileMetaData;
use serde::Deserialize;

/// The features of a dataset, by column. Empty if the file has no such notes.
#[derive(Default)]
pub(super) struct Features(HashMap<String, Feature>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Feature {
    #[serde(rename = "_type")]
    kind: Option<String>,
    names: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Notes {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    features: HashMap<String, serde_json::Value>,
}

impl Features {
    /// Reads the notes. Those that cannot be read are ignored.
    pub(super) fn of(metadata: &FileMetaData) -> Self {
        let entries = metadata.key_value_metadata().into_iter().flatten();
        let text =
            entries.filter(|entry| entry.key == "huggingface").find_map(|entry| entry.value.as_deref());
        let notes: Option<Notes> = text.and_then(|text| serde_json::from_str(text).ok());
        let features = notes.map_or_else(HashMap::new, |notes| notes.info.features);
        // Features that are lists or structs have another form, and are of no interest here.
        let known = features
            .into_iter()
            .filter_map(|(name, value)| Some((name, serde_json::from_value(value).ok()?)));
        Self(known.collect())
    }

    /// Returns true if a column is noted to be pictures.
    pub(super) fn is_picture(&self, column: &str) -> bool {
        self.0.get(column).is_some_and(|feature| feature.kind.as_deref() == Some("Image"))
    }

    /// The names of the classes in a column of labels, by number.
    pub(super) fn class_names(&self, column: &str) -> Option<&[String]> {
        self.0.get(column)?.names.as_deref()
    }
}
