//! What a network consists of: its sizes, and the parameters of a layer. No mathematics here.

use std::fmt;

use ndarray::{Array1, Array2, ArrayViewMut1, ArrayViewMut2, Axis};

use crate::error::NetworkError;
use crate::kernels::{ByColumns, Shares};
use crate::matrix::Matrix;
use crate::{Activation, Scalar};

/// The sizes of a network and the activation of its hidden layers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Architecture {
    /// Numbers in an example, d: 784 for MNIST.
    pub inputs: usize,
    /// Units of each hidden layer, the first one first; `[100]` is the chapter's network, `[]` is softmax regression.
    pub hidden: Vec<usize>,
    /// Classes, k: 10 for MNIST. Labels being bytes, at most 256 can be told apart.
    pub outputs: usize,
    /// The non-linearity of all hidden layers.
    pub activation: Activation,
}

/// As people write it: `784-100-10, logistic`; without hidden layers, and so without an activation, `784-10`.
///
/// ```
/// # use mlp_core::{Activation, Architecture};
/// let chapter = Architecture { inputs: 784, hidden: vec![100], outputs: 10, activation: Activation::Logistic };
/// assert_eq!(chapter.to_string(), "784-100-10, logistic");
/// assert_eq!(Architecture { hidden: vec![], ..chapter }.to_string(), "784-10");
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
    /// (inputs, outputs) of each layer, the output layer last.
    pub fn layer_sizes(&self) -> Vec<(usize, usize)> {
        let outputs = self.hidden.iter().copied().chain([self.outputs]);
        let inputs = [self.inputs].into_iter().chain(self.hidden.iter().copied());
        inputs.zip(outputs).collect()
    }

    /// The most weights and biases that a network may have: 2²⁸, which is 2 GiB in `f64`.
    pub const MAX_PARAMETERS: usize = 1 << 28;

    /// Checks that every layer has units and that the whole is not too large.
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

    /// The chapter's names for the weights and biases of each of so many layers, the output layer last: `w_h, b_h, w_o, b_o` for its own network,
    /// and with several hidden layers `w_h1, b_h1, w_h2, …`.
    ///
    /// ```
    /// let names = mlp_core::Architecture::parameter_names(2);
    /// assert_eq!(names, [["w_h", "b_h"], ["w_o", "b_o"]]);
    /// ```
    pub fn parameter_names(layers: usize) -> Vec<[String; 2]> {
        (0..layers).map(|l| ['w', 'b'].map(|letter| name(letter, l, layers))).collect()
    }

    /// The number of weights and biases. Of sizes that [`Architecture::validate`] accepts; others may overflow.
    pub fn parameters(&self) -> usize {
        self.layer_sizes().iter().map(|(inputs, outputs)| inputs * outputs + outputs).sum()
    }
}

/// The parameters of one layer, or the gradient of the loss by them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer<A> {
    pub(crate) weights: Matrix<A>, // (inputs, outputs)
    pub(crate) biases: Matrix<A>,  // (1, outputs)
}

impl<A: Scalar> Layer<A> {
    /// A layer of given weights (inputs, outputs) and biases (outputs).
    pub fn new(weights: Array2<A>, biases: Array1<A>) -> Self {
        let biases = biases.view().insert_axis(Axis(0));
        Self { weights: Matrix::copy_of(weights.view()), biases: Matrix::copy_of(biases) }
    }

    /// All zeros.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self { weights: Matrix::zeros(inputs, outputs), biases: Matrix::zeros(1, outputs) }
    }

    /// Rows of the weights.
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// Columns of the weights.
    pub fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// A copy of the weights, (inputs, outputs). The layer itself keeps them as its threads want them.
    pub fn weights(&self) -> Array2<A> {
        self.weights.to_array()
    }

    /// A copy of the biases, (outputs).
    pub fn biases(&self) -> Array1<A> {
        self.biases.to_array().index_axis_move(Axis(0), 0)
    }

    /// Weights and biases, cut between columns.
    pub(crate) fn by_columns(&mut self, units: &Shares) -> (ByColumns<'_, A>, ByColumns<'_, A>) {
        let (inputs, rows) = (self.weights.rows(), self.biases.rows());
        (self.weights.by_columns(inputs, units), self.biases.by_columns(rows, units))
    }

    /// Both, to be changed; their shapes cannot be.
    pub(crate) fn parts_mut(&mut self) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        (self.weights.view_mut(), self.biases.view_mut().index_axis_move(Axis(0), 0))
    }
}

/// The chapter's name for something of layer `l`, counted from 0, of so many: `w_h`, `w_o`; with several hidden layers `w_h1`, `w_h2`, …
pub(crate) fn name(letter: char, l: usize, layers: usize) -> String {
    match layers {
        _ if l + 1 == layers => format!("{letter}_o"),
        2 => format!("{letter}_h"),
        _ => format!("{letter}_h{}", l + 1),
    }
}
