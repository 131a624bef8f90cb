//! Importing a model: which format a file's name asks for, and how what the file says, what the
//! user says and what the catalog knows become a model.

use std::path::Path;

use mlp_core::{Activation, Layer, Mlp, NetworkError, Precision};
use mlp_data::catalog::{self, CatalogEntry};
use mlp_data::{ImageShape, Preprocessing};

use crate::formats::error::FormatError;
use crate::formats::known::Known;
use crate::formats::{npz, onnx_read, safetensors};
use crate::model::metadata::{Metadata, Model};
use crate::model::network::Network;

/// A kind of file that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PyTorch's state dict.
    Safetensors,
    /// NumPy's arrays.
    Npz,
    /// A graph that computes the probabilities.
    Onnx,
    /// Predictions. They do not lead back to a model.
    Csv,
}

impl Format {
    /// The format of a file, by the ending of its name.
    ///
    /// # Errors
    /// [`FormatError::UnknownFormat`].
    pub fn of(path: &Path) -> Result<Self, FormatError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npz") => Ok(Self::Npz),
            Some("onnx") => Ok(Self::Onnx),
            Some("csv") => Ok(Self::Csv),
            _ => Err(FormatError::UnknownFormat),
        }
    }
}

/// An imported model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// A line for each assumption, and for what was left aside.
    pub notes: Vec<String>,
}

/// Imports the model in a file. What is `given` takes precedence over what the file says, and that
/// over what the catalog knows of the dataset; but the activation that a file names cannot be
/// changed.
///
/// # Errors
/// [`FormatError`]
pub fn import(format: Format, bytes: &[u8], given: &Known) -> Result<Imported, FormatError> {
    let content = match format {
        Format::Safetensors => safetensors::read(bytes)?,
        Format::Npz => npz::read(bytes)?,
        Format::Onnx => onnx_read::read(bytes)?,
        Format::Csv => return Err(FormatError::OnlyPredictions),
    };
    let mut notes = content.notes;
    let is_deep = content.layers.len() > 1;
    let activation = match (content.known.activation, given.activation) {
        (Some(found), Some(given)) if found != given && is_deep => {
            return Err(FormatError::OtherActivation { found, given });
        }
        (Some(activation), _) | (None, Some(activation)) => activation,
        (None, None) if !is_deep => Activation::default(),
        (None, None) => {
            let usual = content.usual_activation.ok_or(FormatError::NoActivation)?;
            notes.push(assumed("activation", &format!("activation {usual}, the chapter's")));
            usual
        }
    };
    let network = network(content.precision, content.layers, activation)?;
    if !content.says_scale {
        notes.push(
            "assumed: it takes gray levels divided by 255, and nothing else was done to them".to_owned(),
        );
    }
    let metadata = metadata(&network, content.known, given, &mut notes)?;
    let model = Model { network, metadata };
    model.check().map_err(|reason| FormatError::NoModel { reason })?;
    Ok(Imported { model, notes })
}

/// The metadata: as given, as the file says, as the catalog knows, or as likely.
fn metadata(
    network: &Network,
    said: Known,
    given: &Known,
    notes: &mut Vec<String>,
) -> Result<Metadata, FormatError> {
    let (inputs, classes) = (network.architecture().inputs, network.architecture().outputs);
    let dataset = given.dataset.clone().or(said.dataset);
    let entry = dataset.as_deref().and_then(|name| catalog::find(name).ok());
    let entry = entry.filter(|entry| entry.classes() == classes && entry.shape.pixels() == inputs);
    let image_shape = given.image_shape.or(said.image_shape).or(entry.map(|entry| entry.shape));
    let image_shape = image_shape.unwrap_or_else(|| {
        let shape = likely_shape(inputs);
        notes.push(assumed("image-shape", &format!("images of {shape}")));
        shape
    });
    if image_shape.height.checked_mul(image_shape.width) != Some(inputs) {
        return Err(FormatError::OtherShape { found: image_shape, inputs });
    }
    let of_entry = |entry: &CatalogEntry| entry.class_names.iter().map(|&name| name.to_owned()).collect();
    let class_names = given.class_names.clone().or(said.class_names).or(entry.map(of_entry));
    let class_names = class_names.unwrap_or_else(|| {
        notes.push(assumed("class-names", &format!("classes called 0 to {}", classes - 1)));
        (0..classes).map(|class| class.to_string()).collect()
    });
    if class_names.len() != classes {
        return Err(FormatError::OtherClasses { found: class_names.len(), classes });
    }
    let preprocessing = given.preprocessing.or(said.preprocessing).or(entry.map(|entry| entry.preprocessing));
    let preprocessing = preprocessing.unwrap_or_else(|| {
        notes.push(assumed("preprocessing", &format!("preprocessing {}", Preprocessing::default())));
        Preprocessing::default()
    });
    let dataset = dataset.unwrap_or_else(|| {
        notes.push("the dataset is unknown (--dataset names it)".to_owned());
        "unknown".to_owned()
    });
    let program = match (given.program.as_deref(), said.program.as_deref()) {
        (Some(given), Some(said)) => format!("{given}, which {said} wrote"),
        (given, said) => given.or(said).unwrap_or("unknown").to_owned(),
    };
    Ok(Metadata { dataset, class_names, image_shape, preprocessing, config: None, program })
}

fn assumed(flag: &str, what: &str) -> String {
    format!("assumed: {what} (--{flag} says otherwise)")
}

fn network(
    precision: Precision,
    layers: Vec<Layer<f64>>,
    activation: Activation,
) -> Result<Network, NetworkError> {
    let network = Mlp::from_layers(layers, activation)?;
    Ok(match precision {
        Precision::F32 => Network::F32(network.cast()),
        Precision::F64 => Network::F64(network),
    })
}

/// A square if there is one, else a row.
fn likely_shape(inputs: usize) -> ImageShape {
    let side = inputs.isqrt();
    if side * side == inputs {
        ImageShape { height: side, width: side }
    } else {
        ImageShape { height: 1, width: inputs }
    }
}
