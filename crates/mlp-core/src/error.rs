//! What can be wrong with values that come from outside: names and sizes. A shape that the programmer got wrong panics
//! where it is passed; these are for flags and files.

use thiserror::Error;

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {kind} `{}`; expected one of {}", name.escape_debug(), expected.join(", "))]
pub struct UnknownName {
    /// What was being named, `activation` for instance.
    pub kind: &'static str,
    /// The name that was given.
    pub name: String,
    /// The names that would have done.
    pub expected: Vec<&'static str>,
}

/// Why a network cannot be built from what was given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A layer of no units.
    #[error("layer {layer} has {inputs} inputs and {outputs} outputs; expected at least one of each")]
    EmptyLayer {
        /// Counted from 1, the output layer last.
        layer: usize,
        /// Rows of its weights.
        inputs: usize,
        /// Columns of its weights.
        outputs: usize,
    },
    /// More numbers than memory could hold.
    #[error(
        "layer {layer} of {inputs} by {outputs} weights is too large; expected at most {} parameters in all",
        crate::Architecture::MAX_PARAMETERS
    )]
    TooLarge {
        /// Counted from 1, the output layer last.
        layer: usize,
        /// Rows of its weights.
        inputs: usize,
        /// Columns of its weights.
        outputs: usize,
    },
    /// No layer at all.
    #[error("a network of no layers; expected at least the output layer")]
    NoLayers,
    /// Two neighboring layers that do not fit.
    #[error("layer {layer} takes {found} inputs; expected {expected}, the outputs of the layer before")]
    LayersDisagree {
        /// Counted from 1.
        layer: usize,
        /// Rows of its weights.
        found: usize,
        /// Columns of the weights of the layer before.
        expected: usize,
    },
    /// Biases that do not fit their weights.
    #[error("layer {layer} has {found} biases; expected {expected}, one for each column of its weights")]
    BiasesDisagree {
        /// Counted from 1.
        layer: usize,
        /// Length of the biases.
        found: usize,
        /// Columns of the weights.
        expected: usize,
    },
}

/// A seed that the stream cannot take.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("seed {seed} is too large for the numpy stream; expected at most 4294967295, as np.random.seed does")]
pub struct SeedTooLarge {
    /// The seed that was given.
    pub seed: u64,
}

/// Why bytes that should be a network in safetensors are none.
#[cfg(feature = "safetensors")]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Not the format at all, or cut short.
    #[error("not safetensors: {reason}")]
    Format {
        /// As the crate `safetensors` says it.
        reason: String,
    },
    /// No weights in it.
    #[error(
        "no tensor is called `….weight`; expected the layers of a PyTorch nn.Sequential: `0.weight`, `0.bias`, `2.weight`, …"
    )]
    NoWeights,
    /// A tensor that is neither weights nor biases of an affine layer.
    #[error(
        "tensor `{}` of shape {shape:?} belongs to no affine layer; expected `….weight` (outputs, inputs) and `….bias` (outputs) only",
        name.escape_debug()
    )]
    OtherTensor {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Names that do not say in which order the layers follow each other.
    #[error(
        "`{}` and `{}` do not say which layer comes first; expected a number in each, as in `0.weight`, `2.weight`",
        first.escape_debug(),
        second.escape_debug()
    )]
    Order {
        /// The name of some weights.
        first: String,
        /// The name of others.
        second: String,
    },
    /// Numbers of a type that is not trained here.
    #[error("tensor `{}` holds {found}; expected F32 or F64 (`model.float()` in PyTorch)", name.escape_debug())]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type as the file names it.
        found: String,
    },
    /// Nothing says which activation the hidden layers have.
    #[error("no `activation` in the metadata, and a state dict has none: it must be given; one of {}", crate::Activation::ALL.map(crate::Activation::name).join(", "))]
    NoActivation,
    /// An activation that is none of ours.
    #[error("in the metadata: {0}")]
    UnknownActivation(#[from] UnknownName),
    /// Layers that make no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
