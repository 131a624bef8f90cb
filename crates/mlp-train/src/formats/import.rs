//! Importing a model: combines the content of a file with the user's options and the catalog.

use std::io;
use std::path::Path;

use mlp_core::{Activation, Mlp, Precision};
use mlp_data::text::counted;
use mlp_data::{ImageShape, Preprocessing, catalog};
use ndarray::Axis;

use crate::formats::error::check_memory;
use crate::formats::foreign::foreign;
use crate::formats::known::CLASS_NAMES;
use crate::formats::{FormatError, Known, npz, onnx, safetensors};
use crate::{Metadata, Model, Network};

/// An exchange format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PyTorch's state dict.
    Safetensors,
    /// NumPy's arrays.
    Npz,
    /// A graph that computes the probabilities.
    Onnx,
    /// Predictions; export only.
    Csv,
}

impl Format {
    /// Returns the format of a file by its extension.
    ///
    /// # Errors
    /// [`FormatError::UnknownFormat`].
    pub fn of(path: &Path) -> Result<Self, FormatError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npz") => Ok(Self::Npz),
            Some("onnx") => Ok(Self::Onnx),
            Some("csv") => Ok(Self::Csv),
            _ => Err(FormatError::UnknownFormat),
        }
    }

    /// Returns the format of a file to import by its first bytes, or else by its extension. Names
    /// files of other kinds.
    ///
    /// # Errors
    /// [`FormatError::OnlyPredictions`], [`FormatError::Foreign`], [`FormatError::UnknownModel`].
    pub fn of_model(path: &Path, bytes: &[u8]) -> Result<Self, FormatError> {
        // The length at the start of a safetensors file can look like the mark of another format.
        if let Some(format) = Self::of_bytes(bytes) {
            return Ok(format);
        }
        if let Some((found, instead)) = foreign(bytes) {
            return Err(FormatError::Foreign { found, instead });
        }
        match Self::of(path) {
            Ok(Self::Csv) => Err(FormatError::OnlyPredictions),
            Ok(format) => Ok(format),
            Err(_) => Err(FormatError::UnknownModel),
        }
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'P', b'K', 3, 4, ..] if bytes.windows(4).take(512).any(|part| part == b".npy") => {
                Some(Self::Npz)
            }
            [_, _, _, _, _, _, 0, 0, b'{', ..] => Some(Self::Safetensors),
            // The version, then another field of the message.
            [8, 1..=31, 0x12 | 0x1A | 0x22 | 0x3A | 0x42, ..] => Some(Self::Onnx),
            _ => None,
        }
    }
}

/// An imported model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// One line for each assumption and each ignored part of the file.
    pub notes: Vec<String>,
}

/// Imports a model. The user's options (`given`) override the file's metadata, which overrides the
/// dataset's; but an activation named by the file cannot be changed.
///
/// # Errors
/// [`FormatError`]
pub fn import(format: Format, bytes: &[u8], given: &Known) -> Result<Imported, FormatError> {
    let beside = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    import_with_files(format, bytes, &beside, given)
}

/// Like [`import`], for an ONNX model whose numbers may lie in files beside it, as PyTorch writes
/// them: `beside` returns the content of a file by its name, which has no directory in it.
///
/// # Errors
/// [`FormatError`]
pub fn import_with_files(
    format: Format,
    bytes: &[u8],
    beside: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    given: &Known,
) -> Result<Imported, FormatError> {
    check_memory(bytes.len())?;
    let content = match format {
        Format::Safetensors => safetensors::read(bytes)?,
        Format::Npz => npz::read(bytes)?,
        Format::Onnx => onnx::read(bytes, beside)?,
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
            let default = content.default_activation.ok_or(FormatError::NoActivation)?;
            notes.push(assumed("activation", &format!("activation {default}, the chapter's")));
            default
        }
    };
    let mut network = Mlp::from_layers(content.layers, activation)?;
    if network.architecture().outputs == 1 {
        return Err(FormatError::OneOutput);
    }
    if let Some((mean, std)) = given.normalization {
        if content.is_scale_known {
            return Err(FormatError::KnownScale);
        }
        normalize(&mut network, mean, std)?;
    }
    let network = match content.precision {
        Precision::F32 => Network::F32(network.cast()),
        Precision::F64 => Network::F64(network),
    };
    if !content.is_scale_known {
        let further = match given.normalization {
            Some(_) => "then normalized",
            None => "not normalized further (change it with --mean and --std)",
        };
        notes.push(format!("assumed: inputs are gray levels divided by 255, {further}"));
    }
    let metadata = metadata(&network, content.known, given, &mut notes)?;
    let model = Model { network, metadata };
    model.check().map_err(|reason| FormatError::InvalidModel { reason })?;
    Ok(Imported { model, notes })
}

/// Lets the first layer take x instead of (x - mean) / std.
fn normalize(network: &mut Mlp<f64>, mean: f64, std: f64) -> Result<(), FormatError> {
    if !(mean.is_finite() && std.is_finite() && std > 0.0) {
        return Err(FormatError::Normalization { mean, std });
    }
    let (mut weights, mut biases) = network.layer_mut(0);
    weights /= std;
    biases.scaled_add(-mean, &weights.sum_axis(Axis(0)));
    Ok(())
}

/// Takes each item from the user, the file, the dataset or a default, in this order.
fn metadata(
    network: &Network,
    file: Known,
    given: &Known,
    notes: &mut Vec<String>,
) -> Result<Metadata, FormatError> {
    let (inputs, classes) = (network.architecture().inputs, network.architecture().outputs);
    let dataset = given.dataset.clone().or(file.dataset);
    let entry = dataset.as_deref().and_then(|name| catalog::find(name).ok());
    let implied = given.implied.as_deref().cloned().or_else(|| entry.map(Known::of_entry));
    let misfit = implied.as_ref().and_then(|implied| misfit(implied, inputs, classes));
    if let (Some(name), Some(misfit)) = (&given.dataset, &misfit) {
        notes.push(format!("nothing is taken from {name}: {misfit}"));
    }
    let implied = implied.filter(|_| misfit.is_none()).unwrap_or_default();
    let numbers: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    if let (Some(name), Some(_), None) = (&given.dataset, &given.implied, &misfit) {
        // Numbers are not names.
        let has_names = file.class_names.as_ref().is_some_and(|names| *names != numbers);
        let taken = [
            ("class names", given.class_names.is_none() && !has_names),
            ("image size", given.image_shape.or(file.image_shape).is_none()),
            ("preprocessing", given.preprocessing.or(file.preprocessing).is_none()),
            ("polarity", given.polarity.or(file.polarity).is_none()),
        ];
        let taken: Vec<&str> = taken.iter().filter(|(_, is_open)| *is_open).map(|(what, _)| *what).collect();
        if !taken.is_empty() {
            notes.push(format!("from {name}: {}", taken.join(", ")));
        }
    }
    let image_shape = given.image_shape.or(file.image_shape).or(implied.image_shape);
    let image_shape = image_shape.unwrap_or_else(|| {
        let shape = likely_shape(inputs);
        notes.push(assumed("image-shape", &format!("images of {shape}")));
        shape
    });
    if image_shape.height.checked_mul(image_shape.width) != Some(inputs) {
        return Err(FormatError::OtherShape { found: image_shape, inputs });
    }
    let class_names = match (given.class_names.clone().or(file.class_names), implied.class_names) {
        (Some(names), Some(implied)) if given.class_names.is_none() && names == numbers => implied,
        (Some(names), Some(implied)) if given.class_names.is_none() && names != implied => {
            notes.push(assumed("class-names", "the class names of the file, which are not the dataset's"));
            names
        }
        (Some(names), _) | (None, Some(names)) => names,
        (None, None) => {
            notes.push(assumed("class-names", &format!("class names 0 to {}", classes - 1)));
            numbers
        }
    };
    if class_names.len() != classes {
        return Err(FormatError::OtherClasses { found: class_names.len(), classes });
    }
    let mut sorted: Vec<&String> = class_names.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        let reason =
            format!("`{}` occurs twice; expected distinct names (--class-names)", pair[0].escape_debug());
        return Err(FormatError::Metadata { name: CLASS_NAMES, reason });
    }
    let preprocessing = given.preprocessing.or(file.preprocessing).or(implied.preprocessing);
    let preprocessing = preprocessing.unwrap_or_else(|| {
        notes.push(assumed("preprocessing", &format!("preprocessing {}", Preprocessing::default())));
        Preprocessing::default()
    });
    let dataset = dataset.unwrap_or_else(|| {
        notes.push("unknown dataset (set it with --dataset)".to_owned());
        "unknown".to_owned()
    });
    let program = match (given.program.as_deref(), file.program.as_deref()) {
        (Some(importer), Some(writer)) => format!("{importer}, from a file written by {writer}"),
        (importer, writer) => importer.or(writer).unwrap_or("unknown").to_owned(),
    };
    let polarity = given.polarity.or(file.polarity).or(implied.polarity).unwrap_or_default();
    Ok(Metadata { dataset, class_names, image_shape, preprocessing, polarity, config: None, program })
}

/// Describes a dataset that does not have the network's classes and images.
fn misfit(dataset: &Known, inputs: usize, classes: usize) -> Option<String> {
    let names = dataset.class_names.as_ref().map_or(classes, Vec::len);
    let shape = dataset.image_shape.filter(|shape| shape.pixels() != inputs);
    if let Some(shape) = shape {
        return Some(format!("it has images of {shape}, and the network {}", counted(inputs, "input")));
    }
    (names != classes).then(|| {
        format!("it has {}, and the network {}", counted(names, "class"), counted(classes, "output"))
    })
}

fn assumed(flag: &str, what: &str) -> String {
    format!("assumed: {what} (change it with --{flag})")
}

/// Returns a square if possible, else a single row.
fn likely_shape(inputs: usize) -> ImageShape {
    let side = inputs.isqrt();
    let height = if side * side == inputs { side } else { 1 };
    ImageShape { height, width: inputs / height }
}
