//! A network's optional metadata, and its text form in safetensors and ONNX.

use std::fmt::Display;
use std::str::FromStr;

use mlp_core::Activation;
use mlp_data::catalog::CatalogEntry;
use mlp_data::{ImageShape, Polarity, Preprocessing};

use crate::Model;
use crate::formats::FormatError;

pub(super) const ACTIVATION: &str = "activation";
pub(super) const CLASS_NAMES: &str = "class_names";
const HEIGHT: &str = "height";
const WIDTH: &str = "width";
pub(super) const PREPROCESSING: &str = "preprocessing";
pub(super) const POLARITY: &str = "polarity";
pub(super) const DATASET: &str = "dataset";
pub(super) const PROGRAM: &str = "program";

/// Optional metadata of a network, from a file or from the user. Fields may be added: end a literal
/// with `..Known::default()`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Activation of all hidden layers.
    pub activation: Option<Activation>,
    /// One name per class.
    pub class_names: Option<Vec<String>>,
    /// Shape of the input images.
    pub image_shape: Option<ImageShape>,
    /// How a picture is turned into such an image.
    pub preprocessing: Option<Preprocessing>,
    /// Polarity of the training pictures.
    pub polarity: Option<Polarity>,
    /// Dataset it was trained on. One from the catalog implies class names, image shape and
    /// preprocessing.
    pub dataset: Option<String>,
    /// What another dataset says: its class names, image shape, preprocessing and polarity. The
    /// user and the file override it.
    pub implied: Option<Box<Known>>,
    /// Program that wrote it.
    pub program: Option<String>,
    /// Mean and standard deviation by which gray levels in [0, 1] were normalized in training, as
    /// by torchvision's `Normalize`. They become part of the first layer.
    pub normalization: Option<(f64, f64)>,
}

impl Known {
    /// What a dataset of the catalog implies.
    pub(super) fn of_entry(entry: &CatalogEntry) -> Self {
        Self {
            class_names: Some(entry.class_names.iter().map(|&name| name.to_owned()).collect()),
            image_shape: Some(entry.shape),
            preprocessing: Some(entry.preprocessing),
            ..Self::default()
        }
    }

    /// Reads the text metadata of a file; unknown keys are ignored.
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
            polarity: text(POLARITY).map(|text| parse(POLARITY, text)).transpose()?,
            dataset: text(DATASET).map(str::to_owned),
            program: text(PROGRAM).map(str::to_owned),
            ..Self::default()
        })
    }
}

/// Parses the metadata `name` of a file.
pub(super) fn parse<T: FromStr<Err: Display>>(name: &'static str, text: &str) -> Result<T, FormatError> {
    text.parse().map_err(|error| metadata_error(name, &error))
}

fn metadata_error(name: &'static str, reason: &impl Display) -> FormatError {
    FormatError::Metadata { name, reason: reason.to_string() }
}

/// Returns the metadata of a model as texts.
pub(super) fn texts(model: &Model) -> [(&'static str, String); 8] {
    let metadata = &model.metadata;
    [
        (ACTIVATION, model.network.architecture().activation.name().to_owned()),
        (CLASS_NAMES, serde_json::json!(metadata.class_names).to_string()),
        (HEIGHT, metadata.image_shape.height.to_string()),
        (WIDTH, metadata.image_shape.width.to_string()),
        (PREPROCESSING, metadata.preprocessing.name().to_owned()),
        (POLARITY, metadata.polarity.name().to_owned()),
        (DATASET, metadata.dataset.clone()),
        (PROGRAM, metadata.program.clone()),
    ]
}
