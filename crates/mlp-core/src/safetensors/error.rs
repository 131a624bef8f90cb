//! Errors of reading safetensors files.

use thiserror::Error;

use crate::activation::Activation;
use crate::architecture::NetworkError;
use crate::names::UnknownName;

/// Maximum number of layers; they are compared in pairs.
pub(super) const MAX_LAYERS: usize = 256;

/// The reason why bytes are not a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Not a safetensors file, or truncated.
    #[error("not safetensors: {reason}")]
    Format {
        /// The error of the crate `safetensors`.
        reason: String,
    },
    /// No weights.
    #[error(
        "no tensor named `….weight`; expected layers named as in PyTorch: `0.weight`, `0.bias`, `2.weight`, …"
    )]
    NoWeights,
    /// A tensor that is neither weights nor biases of an affine layer.
    #[error(
        "tensor `{}` of shape {shape:?} belongs to {belongs} `….weight` (outputs, inputs) and `….bias` (outputs) only",
        name.escape_debug()
    )]
    OtherTensor {
        /// Name of the tensor.
        name: String,
        /// Shape of the tensor.
        shape: Vec<usize>,
        /// What it seems to belong to.
        belongs: &'static str,
    },
    /// Weights stored as (inputs, outputs).
    #[error(
        "tensor `{}` of shape {shape:?} is stored as (inputs, outputs); expected (outputs, inputs), as in PyTorch: transpose the weights",
        name.escape_debug()
    )]
    Transposed {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// More layers than can be put in order.
    #[error("{found} layers; expected at most {MAX_LAYERS}")]
    TooManyLayers {
        /// Their number.
        found: usize,
    },
    /// Names without an unambiguous order.
    #[error(
        "cannot tell which of the layers `{}` and `{}` comes first from names and shapes; expected a number in each, as in `0.weight`, `2.weight`",
        first.escape_debug(),
        second.escape_debug()
    )]
    Order {
        /// Name of a weight tensor.
        first: String,
        /// Name of another.
        second: String,
    },
    /// An unsupported number type.
    #[error("tensor `{}` holds {found}; expected F16, BF16, F32 or F64 (`model.float()` in PyTorch)", name.escape_debug())]
    Type {
        /// Name of the tensor.
        name: String,
        /// Type in the file.
        found: String,
    },
    /// The activation of the hidden layers is unknown.
    #[error("no `activation` in the metadata; give one of {}", Activation::ALL.map(Activation::name).join(", "))]
    NoActivation,
    /// The metadata has an unknown activation.
    #[error("metadata: {0}")]
    UnknownActivation(#[from] UnknownName),
    /// Invalid layers.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
