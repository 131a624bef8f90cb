//! The parameters of a layer, the gradients of all layers, and what they are called. No mathematics here.

use ndarray::{Array1, Array2, ArrayViewMut1, ArrayViewMut2, Axis};

use crate::architecture::{Architecture, NetworkError};
use crate::kernels::real::Real;
use crate::linalg::matrix::Matrix;
use crate::parallel::{ByColumns, Partition};

/// The parameters of one layer, or the gradient of the loss by them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer<A> {
    pub(crate) weights: Matrix<A>, // (inputs, outputs)
    pub(crate) biases: Matrix<A>,  // (1, outputs)
}

impl<A: Real> Layer<A> {
    /// A layer of given weights (inputs, outputs) and biases (outputs).
    pub fn new(weights: Array2<A>, biases: Array1<A>) -> Self {
        let biases = biases.view().insert_axis(Axis(0));
        Self { weights: Matrix::copy_of(weights.view()), biases: Matrix::copy_of(biases) }
    }

    /// Like [`Layer::new`], for weights and biases from outside, of layer `number` in errors. Shapes
    /// are checked before anything is allocated: a matrix of no rows has any number of columns.
    ///
    /// # Errors
    /// [`NetworkError::EmptyLayer`], [`NetworkError::TooLarge`], [`NetworkError::BiasesDisagree`].
    ///
    /// ```
    /// use mlp_core::Layer;
    /// use ndarray::{Array1, Array2};
    ///
    /// let weights = Array2::<f32>::zeros((0, 1 << 40));
    /// let error = Layer::checked(1, weights, Array1::zeros(0)).unwrap_err();
    /// assert!(error.to_string().starts_with("layer 1 has 0 inputs and 1099511627776 outputs"));
    /// ```
    pub fn checked(number: usize, weights: Array2<A>, biases: Array1<A>) -> Result<Self, NetworkError> {
        let (inputs, outputs) = weights.dim();
        Architecture::new(inputs, &[], outputs).validate().map_err(|error| error.of_layer(number))?;
        if biases.len() != outputs {
            let found = biases.len();
            return Err(NetworkError::BiasesDisagree { layer: number, found, expected: outputs });
        }
        Ok(Self::new(weights, biases))
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
    pub(crate) fn by_columns(&mut self, units: &Partition) -> (ByColumns<'_, A>, ByColumns<'_, A>) {
        let (inputs, rows) = (self.weights.rows(), self.biases.rows());
        (self.weights.by_columns(inputs, units), self.biases.by_columns(rows, units))
    }

    /// Both, to be changed; their shapes cannot be.
    pub(crate) fn parts_mut(&mut self) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        (self.weights.view_mut(), self.biases.view_mut().index_axis_move(Axis(0), 0))
    }
}

/// ∂J/∂W and ∂J/∂b of every layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<A> {
    layers: Vec<Layer<A>>,
}

impl<A: Real> Gradients<A> {
    /// Returns room for the gradients of a network of this architecture, all zeros.
    pub fn new(architecture: &Architecture) -> Self {
        let layers = architecture.layer_sizes();
        Self { layers: layers.into_iter().map(|(inputs, outputs)| Layer::zeros(inputs, outputs)).collect() }
    }

    /// The gradients of the layers' parameters, the output layer last.
    pub fn layers(&self) -> &[Layer<A>] {
        &self.layers
    }

    /// ∂J/∂W (inputs, outputs) and ∂J/∂b (outputs) of layer `l`, counted from 0, to be changed.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn layer_mut(&mut self, l: usize) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        self.layers[l].parts_mut()
    }

    pub(crate) fn layers_mut(&mut self) -> &mut [Layer<A>] {
        &mut self.layers
    }

    #[track_caller]
    pub(crate) fn check(&self, layers: &[Layer<A>]) {
        let shape = |layer: &Layer<A>| (layer.inputs(), layer.outputs());
        let shapes = |layers: &[Layer<A>]| layers.iter().map(shape).collect::<Vec<_>>();
        let same = self.layers.iter().map(shape).eq(layers.iter().map(shape));
        assert!(same, "gradients of shapes {:?} for layers of {:?}", shapes(&self.layers), shapes(layers));
    }
}

/// Returns the chapter's names for the weights and biases of each of so many layers, the output layer last: `w_h, b_h, w_o, b_o` for its own network,
/// and with several hidden layers `w_h1, b_h1, w_h2, …`.
///
/// ```
/// let names = mlp_core::parameter_names(2);
/// assert_eq!(names, [["w_h", "b_h"], ["w_o", "b_o"]]);
/// ```
pub fn parameter_names(layers: usize) -> Vec<[String; 2]> {
    (0..layers).map(|l| ['w', 'b'].map(|letter| name(letter, l, layers))).collect()
}

/// The chapter's name for something of layer `l`, counted from 0, of so many: `w_h`, `w_o`; with several hidden layers `w_h1`, `w_h2`, …
pub(crate) fn name(letter: char, l: usize, layers: usize) -> String {
    match layers {
        _ if l + 1 == layers => format!("{letter}_o"),
        2 => format!("{letter}_h"),
        _ => format!("{letter}_h{}", l + 1),
    }
}
