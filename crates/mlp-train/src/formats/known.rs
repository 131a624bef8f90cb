//! What is known of a network beyond its numbers, as texts by name: that is how safetensors and ONNX carry it. A file of its own so
//! that both use the same names.

use mlp_core::Activation;
use mlp_data::{ImageShape, Preprocessing};

use crate::formats::error::FormatError;
use crate::model::metadata::Model;

pub(super) const ACTIVATION: &str = "activation";
pub(super) const CLASS_NAMES: &str = "class_names";
const HEIGHT: &str = "height";
const WIDTH: &str = "width";
pub(super) const PREPARATION: &str = "preprocessing";
pub(super) const DATASET: &str = "dataset";
pub(super) const PROGRAM: &str = "program";

/// What is known of a network beyond its numbers: by what a file says, or by what somebody says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The non-linearity of all hidden layers.
    pub activation: Option<Activation>,
    /// A name for each class.
    pub class_names: Option<Vec<String>>,
    /// The form of its images.
    pub image_shape: Option<ImageShape>,
    /// How a picture becomes such an image.
    pub preprocessing: Option<Preprocessing>,
    /// The dataset that it was trained on. One of the catalog says the three before, too.
    pub dataset: Option<String>,
    /// The program that wrote it.
    pub program: Option<String>,
}

impl Known {
    /// What the texts of a file say; others than ours are left aside.
    pub(super) fn of_texts<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Result<Self, FormatError> {
        let invalid = |name: &'static str| move |reason: String| FormatError::Metadata { name, reason };
        let side = |name: &'static str| {
            let parse = |text: &str| text.parse::<usize>().map_err(|error| invalid(name)(error.to_string()));
            text(name).map(parse).transpose()
        };
        let names = text(CLASS_NAMES).map(serde_json::from_str::<Vec<String>>).transpose();
        Ok(Self {
            activation: text(ACTIVATION).map(activation).transpose()?,
            class_names: names.map_err(|error| invalid(CLASS_NAMES)(error.to_string()))?,
            image_shape: match (side(HEIGHT)?, side(WIDTH)?) {
                (Some(height), Some(width)) => Some(ImageShape { height, width }),
                _ => None,
            },
            preprocessing: text(PREPARATION).map(preprocessing).transpose()?,
            dataset: text(DATASET).map(str::to_owned),
            program: text(PROGRAM).map(str::to_owned),
        })
    }
}

/// The activation of a name in a file.
pub(super) fn activation(name: &str) -> Result<Activation, FormatError> {
    let invalid =
        |error: mlp_core::UnknownName| FormatError::Metadata { name: ACTIVATION, reason: error.to_string() };
    name.parse().map_err(invalid)
}

/// The preprocessing of a name in a file.
pub(super) fn preprocessing(name: &str) -> Result<Preprocessing, FormatError> {
    let invalid =
        |error: mlp_data::Error| FormatError::Metadata { name: PREPARATION, reason: error.to_string() };
    name.parse().map_err(invalid)
}

/// What is known of a model, as texts.
pub(super) fn texts(model: &Model) -> [(&'static str, String); 7] {
    let metadata = &model.metadata;
    [
        (ACTIVATION, model.network.architecture().activation.name().to_owned()),
        (CLASS_NAMES, serde_json::json!(metadata.class_names).to_string()),
        (HEIGHT, metadata.image_shape.height.to_string()),
        (WIDTH, metadata.image_shape.width.to_string()),
        (PREPARATION, metadata.preprocessing.name().to_owned()),
        (DATASET, metadata.dataset.clone()),
        (PROGRAM, metadata.program.clone()),
    ]
}
