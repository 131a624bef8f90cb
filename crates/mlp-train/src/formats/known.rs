//! [`Known`], what is known of a network beyond its numbers, and its texts by name, as safetensors
//! and ONNX hold them.

use std::fmt::Display;
use std::str::FromStr;

use mlp_core::Activation;
use mlp_data::{ImageShape, Preprocessing};

use crate::formats::error::FormatError;
use crate::model::metadata::Model;

pub(super) const ACTIVATION: &str = "activation";
pub(super) const CLASS_NAMES: &str = "class_names";
const HEIGHT: &str = "height";
const WIDTH: &str = "width";
pub(super) const PREPROCESSING: &str = "preprocessing";
pub(super) const DATASET: &str = "dataset";
pub(super) const PROGRAM: &str = "program";

/// What is known of a network beyond its numbers, from a file or from the user. More fields will
/// come: end a literal with `..Known::default()`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The non-linearity of all hidden layers.
    pub activation: Option<Activation>,
    /// A name for each class.
    pub class_names: Option<Vec<String>>,
    /// The shape of its images.
    pub image_shape: Option<ImageShape>,
    /// How a picture becomes such an image.
    pub preprocessing: Option<Preprocessing>,
    /// The dataset that it was trained on. If it is in the catalog, it implies the three before.
    pub dataset: Option<String>,
    /// The program that wrote it.
    pub program: Option<String>,
}

impl Known {
    /// What the texts of a file say; texts that are not ours are ignored.
    pub(super) fn of_texts<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Result<Self, FormatError> {
        let side = |name| text(name).map(|text| parse::<usize>(name, text)).transpose();
        let names = text(CLASS_NAMES).map(serde_json::from_str::<Vec<String>>).transpose();
        let invalid = |error: serde_json::Error| metadata_error(CLASS_NAMES, &error);
        Ok(Self {
            activation: text(ACTIVATION).map(|text| parse(ACTIVATION, text)).transpose()?,
            class_names: names.map_err(invalid)?,
            image_shape: match (side(HEIGHT)?, side(WIDTH)?) {
                (Some(height), Some(width)) => Some(ImageShape { height, width }),
                _ => None,
            },
            preprocessing: text(PREPROCESSING).map(|text| parse(PREPROCESSING, text)).transpose()?,
            dataset: text(DATASET).map(str::to_owned),
            program: text(PROGRAM).map(str::to_owned),
        })
    }
}

/// Parses the text of a name in a file.
pub(super) fn parse<T: FromStr<Err: Display>>(name: &'static str, text: &str) -> Result<T, FormatError> {
    text.parse().map_err(|error| metadata_error(name, &error))
}

fn metadata_error(name: &'static str, reason: &impl Display) -> FormatError {
    FormatError::Metadata { name, reason: reason.to_string() }
}

/// What is known of a model, as texts.
pub(super) fn texts(model: &Model) -> [(&'static str, String); 7] {
    let metadata = &model.metadata;
    [
        (ACTIVATION, model.network.architecture().activation.name().to_owned()),
        (CLASS_NAMES, serde_json::json!(metadata.class_names).to_string()),
        (HEIGHT, metadata.image_shape.height.to_string()),
        (WIDTH, metadata.image_shape.width.to_string()),
        (PREPROCESSING, metadata.preprocessing.name().to_owned()),
        (DATASET, metadata.dataset.clone()),
        (PROGRAM, metadata.program.clone()),
    ]
}
