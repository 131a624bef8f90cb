//! Errors of import and export.

use mlp_core::{Activation, NetworkError, SafetensorsError};
use mlp_data::ImageShape;
use mlp_data::memory::{is_available, megabytes};
use mlp_data::text::counted;
use thiserror::Error as ThisError;

/// Bytes that reading a number in half precision takes: three copies in double precision while the
/// layers are formed.
const BYTES_PER_BYTE: u64 = 12;

/// Refuses numbers of this many bytes if converting them takes more memory than is available.
pub(super) fn check_memory(numbers: usize) -> Result<(), FormatError> {
    let bytes = (numbers as u64).saturating_mul(BYTES_PER_BYTE);
    if is_available(bytes) { Ok(()) } else { Err(FormatError::Memory { bytes }) }
}

/// Why a model cannot be exported or imported.
#[derive(Clone, Debug, PartialEq, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)] // of fields: the messages name them
pub enum FormatError {
    /// A file name without a known extension.
    #[error("unknown file format; expected a name ending in .safetensors, .npz, .onnx or .csv")]
    UnknownFormat,
    /// A file of another program, or under the wrong name.
    #[error("{found}; {instead}")]
    Foreign { found: &'static str, instead: &'static str },
    /// A file whose name and content are unknown.
    #[error(
        "neither its name nor its first bytes are those of a model that can be imported; expected .safetensors (safetensors.torch.save_file(model.state_dict(), …)), .npz or .onnx (torch.onnx.export, skl2onnx, tf2onnx)"
    )]
    UnknownModel,
    /// Predictions instead of a model.
    #[error("a table of predictions is not a model; expected a file ending in .safetensors, .npz or .onnx")]
    OnlyPredictions,
    /// An invalid state dict.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// Not a .npz file, or a damaged one.
    #[error("not a .npz file: {reason}")]
    Npz { reason: String },
    /// A missing array.
    #[error(
        "no array `{name}`; expected w_h, b_h, w_o, b_o (w_h1, b_h1, w_h2, … for several hidden layers); found {found}"
    )]
    NoArray { name: String, found: String },
    /// An invalid array.
    #[error("array `{name}`: {reason}")]
    Array { name: String, reason: String },
    /// Not an ONNX file, or a damaged one.
    #[error("not an ONNX model: {reason}")]
    Onnx { reason: String },
    /// A graph that is not a supported network.
    #[error("{what}: {reason}")]
    Node { what: String, reason: String },
    /// Numbers in another file that cannot be read.
    #[error(
        "its numbers are in `{file}`, which cannot be read: {reason}; expected it beside the .onnx file (or export to one file: torch.onnx.export with external_data=False)"
    )]
    ExternalData { file: String, reason: String },
    /// A model that takes more memory than the system gives.
    #[error("it needs {} of memory, more than is available", megabytes(*bytes))]
    Memory { bytes: u64 },
    /// A model too large for a protocol buffer.
    #[error("{bytes} bytes of ONNX; expected at most 2147483647: export .safetensors or .npz")]
    TooLargeForOnnx { bytes: usize },
    /// Invalid metadata in a file.
    #[error("metadata `{name}`: {reason}")]
    Metadata { name: &'static str, reason: String },
    /// Neither the file nor the user names the activation.
    #[error(
        "the file does not name the activation of its hidden layers; name it with --activation, one of {}",
        Activation::ALL.map(Activation::name).join(", ")
    )]
    NoActivation,
    /// An activation that differs from the file's.
    #[error("the hidden layers in the file are {found}, not {given}: omit --activation")]
    OtherActivation { found: Activation, given: Activation },
    /// An image shape that does not fit the network.
    #[error(
        "images of {found} for a network of {}; expected height times width to match (--image-shape)",
        counted(*inputs, "input")
    )]
    OtherShape { found: ImageShape, inputs: usize },
    /// A wrong number of class names.
    #[error(
        "{} for a network of {}; expected one per class (--class-names)",
        counted(*found, "class name"), counted(*classes, "class")
    )]
    OtherClasses { found: usize, classes: usize },
    /// A network that answers with one number.
    #[error(
        "the network has one output; expected one for each class (a network that ends with Sigmoid is imported from ONNX)"
    )]
    OneOutput,
    /// A normalization of inputs whose scale the file says.
    #[error("the file already says that its inputs are gray levels divided by 255: omit --mean and --std")]
    KnownScale,
    /// An impossible normalization.
    #[error(
        "normalization by mean {mean} and standard deviation {std}; expected finite numbers, the second above 0"
    )]
    Normalization { mean: f64, std: f64 },
    /// Layers that do not fit together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A network that a model file cannot hold.
    #[error("not a valid model: {reason}")]
    InvalidModel { reason: String },
}
