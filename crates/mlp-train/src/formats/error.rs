//! Errors in files of other tools, and in what the user says about them.

use mlp_core::{Activation, NetworkError, SafetensorsError};
use mlp_data::ImageShape;
use thiserror::Error as ThisError;

/// Why a model cannot be exported or imported.
#[derive(Clone, Debug, PartialEq, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)] // of fields: each is named in its message
pub enum FormatError {
    /// A file name without a known ending.
    #[error("unknown kind of file; expected a name ending in .safetensors, .npz, .onnx or .csv")]
    UnknownFormat,
    /// Predictions where a model should be.
    #[error("a table of predictions is no model; expected a file ending in .safetensors, .npz or .onnx")]
    OnlyPredictions,
    /// An invalid state dict.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// Not a .npz file, or a truncated one.
    #[error("not a .npz file: {reason}")]
    Npz { reason: String },
    /// A missing array.
    #[error(
        "no array `{name}`; expected w_h, b_h, w_o, b_o, with several hidden layers w_h1, b_h1, w_h2, …; found {found}"
    )]
    NoArray { name: String, found: String },
    /// An invalid array.
    #[error("array `{name}`: {reason}")]
    Array { name: String, reason: String },
    /// Not an ONNX file, or a truncated one.
    #[error("not an ONNX model: {reason}")]
    Onnx { reason: String },
    /// A graph that is not one of our networks.
    #[error(
        "{what}: {reason}; expected layers one after the other: Gemm, or MatMul and Add, then an activation, at the end Softmax or nothing"
    )]
    Node { what: String, reason: String },
    /// More than a protocol buffer holds.
    #[error("{bytes} bytes of ONNX; a protocol buffer holds at most 2147483647: export .safetensors or .npz")]
    TooLargeForOnnx { bytes: usize },
    /// Invalid metadata in a file.
    #[error("what the file says of `{name}`: {reason}")]
    Metadata { name: &'static str, reason: String },
    /// Neither the file nor the user names the activation.
    #[error(
        "the file does not say which activation its hidden layers have; give it (--activation), one of {}",
        Activation::ALL.map(Activation::name).join(", ")
    )]
    NoActivation,
    /// An activation that differs from the file's.
    #[error("the hidden layers in the file are {found}, not {given}: leave the activation out")]
    OtherActivation { found: Activation, given: Activation },
    /// An image shape that does not fit the network.
    #[error(
        "images of {found} for a network of {inputs} inputs; expected a height and a width whose product that is (--image-shape)"
    )]
    OtherShape { found: ImageShape, inputs: usize },
    /// More or fewer names than classes.
    #[error(
        "{found} class names for a network of {classes} classes; expected a name for each (--class-names)"
    )]
    OtherClasses { found: usize, classes: usize },
    /// Layers that make no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A network that cannot be a model.
    #[error("no model can hold this: {reason}")]
    NoModel { reason: String },
}
