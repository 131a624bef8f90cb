//! What can be wrong with values that come from outside: names and sizes. A shape that the programmer got wrong panics
//! where it is passed; these are for flags and files.

use thiserror::Error;

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {kind} `{name}`; expected one of {}", expected.join(", "))]
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
        crate::Architecture::MOST_PARAMETERS
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
    /// Two neighbouring layers that do not fit.
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
