//! The parameters of a layer, the gradients of all layers, and the names of both.

use ndarray::{Array1, Array2, ArrayViewMut1, ArrayViewMut2, Axis};

use crate::architecture::{Architecture, NetworkError};
use crate::kernels::real::Real;
use crate::linalg::matrix::Matrix;
use crate::parallel::{MatParts, Partition};

/// The parameters of a layer, or their gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer<A> {
    pub(crate) weights: Matrix<A>, // (inputs, outputs)
    pub(crate) biases: Matrix<A>,  // (1, outputs)
}

impl<A: Real> Layer<A> {
    /// Returns a layer with the given weights (inputs, outputs) and biases (outputs).
    pub fn new(weights: Array2<A>, biases: Array1<A>) -> Self {
        let biases = biases.view().insert_axis(Axis(0));
        Self { weights: Matrix::copy_of(weights.view()), biases: Matrix::copy_of(biases) }
    }

    /// Like [`Layer::new`], for weights and biases from outside, of layer `number` in errors.
    /// Shapes are checked before anything is allocated: a matrix of no rows has any number of
    /// columns.
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

    /// Returns a layer of zeros.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self { weights: Matrix::zeros(inputs, outputs), biases: Matrix::zeros(1, outputs) }
    }

    /// Returns the number of inputs, the rows of the weights.
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// Returns the number of outputs, the columns of the weights.
    pub fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// Returns a copy of the weights (inputs, outputs).
    pub fn weights(&self) -> Array2<A> {
        self.weights.to_array()
    }

    /// Returns a copy of the biases (outputs).
    pub fn biases(&self) -> Array1<A> {
        self.biases.to_array().index_axis_move(Axis(0), 0)
    }

    /// Returns the number of inputs and outputs.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.inputs(), self.outputs())
    }

    /// Splits weights and biases by columns.
    pub(crate) fn by_columns(&mut self, units: &Partition) -> (MatParts<'_, A>, MatParts<'_, A>) {
        let (inputs, rows) = (self.weights.rows(), self.biases.rows());
        (self.weights.by_columns(0..inputs, units), self.biases.by_columns(0..rows, units))
    }

    /// self ← self + alpha·other.
    pub(crate) fn scaled_add(&mut self, alpha: A, other: &Self) {
        self.weights.scaled_add(alpha, &other.weights);
        self.biases.scaled_add(alpha, &other.biases);
    }

    /// Returns views of weights and biases.
    pub(crate) fn parts_mut(&mut self) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        (self.weights.view_mut(), self.biases.view_mut().index_axis_move(Axis(0), 0))
    }
}

/// ∂J/∂W and ∂J/∂b of every layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<A> {
    pub(crate) layers: Vec<Layer<A>>,
}

impl<A: Real> Gradients<A> {
    /// Returns gradients of zeros for a network of this architecture.
    pub fn new(architecture: &Architecture) -> Self {
        let layers = architecture.layer_sizes();
        Self { layers: layers.into_iter().map(|(inputs, outputs)| Layer::zeros(inputs, outputs)).collect() }
    }

    /// Returns the gradients layer by layer, the output layer last.
    pub fn layers(&self) -> &[Layer<A>] {
        &self.layers
    }

    /// Returns ∂J/∂W (inputs, outputs) and ∂J/∂b (outputs) of layer `l`, counted from 0.
    ///
    /// # Panics
    /// If `l` is out of range.
    #[track_caller]
    pub fn layer_mut(&mut self, l: usize) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        self.layers[l].parts_mut()
    }

    #[track_caller]
    pub(crate) fn check(&self, layers: &[Layer<A>]) {
        let fits = self.layers.iter().map(Layer::shape).eq(layers.iter().map(Layer::shape));
        assert!(fits, "the gradients were made for another architecture");
    }
}

/// Returns the chapter's names for the weights and biases of each layer: `w_h, b_h, w_o, b_o`, or
/// `w_h1, b_h1, w_h2, …, b_o` with several hidden layers.
///
/// ```
/// let names = mlp_core::parameter_names(2);
/// assert_eq!(names, [["w_h", "b_h"], ["w_o", "b_o"]]);
/// ```
pub fn parameter_names(layers: usize) -> Vec<[String; 2]> {
    (0..layers).map(|l| ['w', 'b'].map(|letter| name(letter, l, layers))).collect()
}

/// The name of a tensor of layer `l`, counted from 0: `w_h`, `w_o`, or `w_h1`, `w_h2`, ….
pub(crate) fn name(letter: char, l: usize, layers: usize) -> String {
    match layers {
        _ if l + 1 == layers => format!("{letter}_o"),
        2 => format!("{letter}_h"),
        _ => format!("{letter}_h{}", l + 1),
    }
}
