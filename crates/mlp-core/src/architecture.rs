//! The sizes and the activation of a network, and errors for invalid sizes.

use std::fmt;

use thiserror::Error;

use crate::activation::Activation;

/// The sizes of a network and the activation of its hidden layers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Architecture {
    /// Inputs d of an example: 784 for MNIST.
    pub inputs: usize,
    /// Units of each hidden layer: `[100]` in the chapter, `[]` for softmax regression.
    pub hidden: Vec<usize>,
    /// Classes k: 10 for MNIST. Labels are bytes, so at most 256 classes can be told apart.
    pub outputs: usize,
    /// The activation of all hidden layers.
    pub activation: Activation,
}

/// Prints `784-100-10, logistic`, or `784-10` without hidden layers.
///
/// ```
/// # use mlp_core::Architecture;
/// assert_eq!(Architecture::new(784, &[100], 10).to_string(), "784-100-10, logistic");
/// assert_eq!(Architecture::new(784, &[], 10).to_string(), "784-10");
/// ```
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inputs)?;
        for units in self.hidden.iter().chain([&self.outputs]) {
            write!(f, "-{units}")?;
        }
        if self.hidden.is_empty() { Ok(()) } else { write!(f, ", {}", self.activation) }
    }
}

impl Architecture {
    /// Returns an architecture with the default activation, logistic.
    ///
    /// ```
    /// use mlp_core::{Activation, Architecture};
    ///
    /// let deep = Architecture::new(784, &[300, 100], 10).with_activation(Activation::Relu);
    /// assert_eq!(deep.parameters(), 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10);
    /// ```
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize) -> Self {
        Self { inputs, hidden: hidden.to_vec(), outputs, activation: Activation::default() }
    }

    /// Sets the activation.
    #[must_use]
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Returns (inputs, outputs) of each layer, the output layer last.
    pub fn layer_sizes(&self) -> Vec<(usize, usize)> {
        let outputs = self.hidden.iter().copied().chain([self.outputs]);
        let inputs = [self.inputs].into_iter().chain(self.hidden.iter().copied());
        inputs.zip(outputs).collect()
    }

    /// Maximum number of parameters: 2²⁸, which is 2 GiB in `f64`.
    pub const MAX_PARAMETERS: usize = 1 << 28;

    /// Checks that no layer is empty and the network is not too large.
    ///
    /// # Errors
    /// [`NetworkError::EmptyLayer`] or [`NetworkError::TooLarge`].
    pub fn validate(&self) -> Result<(), NetworkError> {
        let mut parameters = 0_usize;
        for (index, (inputs, outputs)) in self.layer_sizes().into_iter().enumerate() {
            let layer = index + 1;
            if inputs == 0 || outputs == 0 {
                return Err(NetworkError::EmptyLayer { layer, inputs, outputs });
            }
            let sum = inputs.checked_mul(outputs).and_then(|weights| weights.checked_add(outputs));
            match sum.and_then(|layer| layer.checked_add(parameters)) {
                Some(sum) if sum <= Self::MAX_PARAMETERS => parameters = sum,
                _ => return Err(NetworkError::TooLarge { layer, inputs, outputs }),
            }
        }
        Ok(())
    }

    /// Returns the number of weights and biases. May overflow for sizes that
    /// [`Architecture::validate`] rejects.
    pub fn parameters(&self) -> usize {
        self.layer_sizes().iter().map(|(inputs, outputs)| inputs * outputs + outputs).sum()
    }
}

/// The reason why a network cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A layer without units.
    #[error("layer {layer} has {inputs} inputs and {outputs} outputs; expected at least one of each")]
    EmptyLayer {
        /// Counted from 1, the output layer last.
        layer: usize,
        /// Rows of its weights.
        inputs: usize,
        /// Columns of its weights.
        outputs: usize,
    },
    /// Too many parameters.
    #[error(
        "layer {layer} of {inputs} by {outputs} weights is too large; expected at most {} parameters in all",
        Architecture::MAX_PARAMETERS
    )]
    TooLarge {
        /// Counted from 1, the output layer last.
        layer: usize,
        /// Rows of its weights.
        inputs: usize,
        /// Columns of its weights.
        outputs: usize,
    },
    /// No layers.
    #[error("the network has no layers; expected at least the output layer")]
    NoLayers,
    /// Two neighboring layers that do not fit together.
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

impl NetworkError {
    /// The same error of another layer, counted from 1.
    pub(crate) fn of_layer(mut self, number: usize) -> Self {
        if let Self::EmptyLayer { layer, .. } | Self::TooLarge { layer, .. } = &mut self {
            *layer = number;
        }
        self
    }
}
