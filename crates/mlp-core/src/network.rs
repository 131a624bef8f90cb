//! The network: its parameters, the forward pass and, under it, the backward pass. Each statement of the backward pass
//! cites its equation, G1 to G7, derived in [`crate::gradients`].
//!
//! The buffers are in `workspace.rs`, the products in `products.rs`, the activations' values and derivatives in
//! `activation.rs`. What is done with a gradient beyond plain descent is not the network's business.
//!
//! The chapter's symbols: X (n×d) the inputs, one example a row; Z^h, H the hidden layer before and after its activation;
//! Z^o the logits, Ŷ their softmax; Y the labels, one-hot in the chapter and class numbers here; J the loss.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use crate::error::NetworkError;
use crate::loss::{softmax, softmax_cross_entropy};
use crate::products::{affine, column_sums, product_with_transposed, transposed_product};
use crate::random::RandomStream;
use crate::{Activation, Gradients, Init, Reduction, Scalar, Score, Workspace};

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

impl Architecture {
    /// (inputs, outputs) of each layer, the output layer last.
    pub fn layer_sizes(&self) -> Vec<(usize, usize)> {
        let outputs = self.hidden.iter().copied().chain([self.outputs]);
        let inputs = [self.inputs].into_iter().chain(self.hidden.iter().copied());
        inputs.zip(outputs).collect()
    }

    /// The most weights and biases that a network may have: 2²⁸, which is 2 GiB in `f64`.
    pub const MOST_PARAMETERS: usize = 1 << 28;

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
                Some(sum) if sum <= Self::MOST_PARAMETERS => parameters = sum,
                _ => return Err(NetworkError::TooLarge { layer, inputs, outputs }),
            }
        }
        Ok(())
    }

    /// The number of weights and biases. Of sizes that [`Architecture::validate`] accepts; others may overflow.
    pub fn parameters(&self) -> usize {
        self.layer_sizes().iter().map(|(inputs, outputs)| inputs * outputs + outputs).sum()
    }
}

/// The parameters of one layer, or the gradient of the loss by them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer<A> {
    pub(crate) weights: Array2<A>, // (inputs, outputs)
    pub(crate) biases: Array1<A>,  // (outputs)
}

impl<A: Scalar> Layer<A> {
    /// A layer of given weights (inputs, outputs) and biases (outputs).
    pub fn new(weights: Array2<A>, biases: Array1<A>) -> Self {
        Self { weights, biases }
    }

    /// All zeros.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self::new(Array2::zeros((inputs, outputs)), Array1::zeros(outputs))
    }

    /// Rows of the weights.
    pub fn inputs(&self) -> usize {
        self.weights.nrows()
    }

    /// Columns of the weights.
    pub fn outputs(&self) -> usize {
        self.weights.ncols()
    }

    /// The weights, (inputs, outputs).
    pub fn weights(&self) -> ArrayView2<'_, A> {
        self.weights.view()
    }

    /// The biases, (outputs).
    pub fn biases(&self) -> ArrayView1<'_, A> {
        self.biases.view()
    }

    /// Both, to be changed; their shapes cannot be.
    pub(crate) fn parts_mut(&mut self) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        (self.weights.view_mut(), self.biases.view_mut())
    }
}

/// A multilayer perceptron: affine layers with an activation between them, and softmax on top.
///
/// ```
/// use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream, Reduction, Workspace};
/// use ndarray::array;
///
/// // XOR, which no network without a hidden layer can learn.
/// let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let labels = [0, 1, 1, 0];
///
/// let architecture =
///     Architecture { inputs: 2, hidden: vec![8], outputs: 2, activation: Activation::Tanh };
/// let mut network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 4);
/// for _ in 0..500 {
///     network.train_step(x.view(), &labels, Reduction::Sum, 0.1, &mut workspace);
/// }
/// assert_eq!(network.forward(x.view(), &labels, &mut workspace).accuracy(), 1.0);
/// # Ok::<(), mlp_core::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp<A> {
    pub(crate) layers: Vec<Layer<A>>,
    activation: Activation,
}

impl<A: Scalar> Mlp<A> {
    /// A network with random parameters, drawn layer by layer, the weights row by row and then the biases: the order of
    /// the chapter's `initialize_weights`. Drawn in f64 and rounded, so that both precisions start from the same numbers.
    ///
    /// # Errors
    /// As [`Architecture::validate`].
    pub fn new(
        architecture: &Architecture,
        init: Init,
        stream: &mut dyn RandomStream,
    ) -> Result<Self, NetworkError> {
        architecture.validate()?;
        let layers = architecture
            .layer_sizes()
            .into_iter()
            .map(|(inputs, outputs)| init.layer(inputs, outputs, stream))
            .collect();
        Ok(Self { layers, activation: architecture.activation })
    }

    /// A network of given layers, the output layer last.
    ///
    /// # Errors
    /// [`NetworkError`] when there is no layer, one is empty or two do not fit each other.
    pub fn from_layers(layers: Vec<Layer<A>>, activation: Activation) -> Result<Self, NetworkError> {
        if layers.is_empty() {
            return Err(NetworkError::NoLayers);
        }
        let mut before: Option<usize> = None;
        for (index, layer) in layers.iter().enumerate() {
            let (number, inputs, outputs) = (index + 1, layer.inputs(), layer.outputs());
            if let Some(expected) = before.filter(|&expected| expected != inputs) {
                return Err(NetworkError::LayersDisagree { layer: number, found: inputs, expected });
            }
            if layer.biases.len() != outputs {
                let found = layer.biases.len();
                return Err(NetworkError::BiasesDisagree { layer: number, found, expected: outputs });
            }
            before = Some(outputs);
        }
        let network = Self { layers, activation };
        network.architecture().validate()?;
        Ok(network)
    }

    /// The sizes and the activation.
    pub fn architecture(&self) -> Architecture {
        let (output, hidden) = self.layers.split_last().expect("a network has at least its output layer");
        Architecture {
            inputs: self.layers[0].inputs(),
            hidden: hidden.iter().map(Layer::outputs).collect(),
            outputs: output.outputs(),
            activation: self.activation,
        }
    }

    /// The layers, the output layer last.
    pub fn layers(&self) -> &[Layer<A>] {
        &self.layers
    }

    /// The weights (inputs, outputs) and biases (outputs) of layer `l`, counted from 0, to be changed.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn layer_mut(&mut self, l: usize) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        self.layers[l].parts_mut()
    }

    /// The non-linearity of the hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The same network with every parameter converted (rounded from f64 to f32; exactly the other way).
    pub fn cast<B: Scalar>(&self) -> Mlp<B> {
        let convert = |value: &A| B::from_f64(value.into_f64());
        let layers =
            self.layers.iter().map(|layer| Layer::new(layer.weights.map(convert), layer.biases.map(convert)));
        Mlp { layers: layers.collect(), activation: self.activation }
    }

    /// The logits Z^o (n×k) of the examples x (n×d): the forward pass as far as inference needs it.
    ///
    /// # Panics
    /// If `x` is not as wide as the network's inputs, has more rows than the workspace was made for, or the workspace was
    /// made for another architecture.
    #[track_caller]
    pub fn logits<'w>(&self, x: ArrayView2<'_, A>, workspace: &'w mut Workspace<A>) -> ArrayView2<'w, A> {
        workspace.begin(&self.layers, x.dim());
        for (l, layer) in self.layers.iter().enumerate() {
            let (input, mut here) = workspace.layer(l, x);
            // Z = X·W + b for the first layer, H·W + b for the others
            affine(input, layer.weights.view(), layer.biases.view(), here.z.view_mut());
            if l + 1 < self.layers.len() {
                // H = f(Z)
                self.activation.apply(here.z.view(), here.h);
            }
        }
        workspace.logits()
    }

    /// The forward pass on labelled examples x (n×d): logits, softmax and loss. What the backward pass needs stays in the
    /// workspace.
    ///
    /// # Panics
    /// As [`Mlp::logits`]; and if there are not as many labels as examples or a label is not below the number of classes.
    #[track_caller]
    pub fn forward(&self, x: ArrayView2<'_, A>, labels: &[u8], workspace: &mut Workspace<A>) -> Score {
        self.check_labels(x.nrows(), labels);
        self.logits(x, workspace);
        // Ŷ = softmax(Z^o), J = -Σ log ŷ_y
        let (output, losses) = workspace.output();
        let score = softmax_cross_entropy(output.z.view(), labels, output.h, losses);
        workspace.complete();
        score
    }

    /// The probabilities Ŷ (n×k) of the examples x (n×d), for inference.
    ///
    /// # Panics
    /// As [`Mlp::logits`].
    #[track_caller]
    pub fn probabilities<'w>(
        &self,
        x: ArrayView2<'_, A>,
        workspace: &'w mut Workspace<A>,
    ) -> ArrayView2<'w, A> {
        self.logits(x, workspace);
        let (mut output, _) = workspace.output();
        output.h.assign(&output.z);
        softmax(output.h);
        workspace.softmaxed()
    }

    /// The backward pass: the gradient of J by every parameter, for the batch that [`Mlp::forward`] has just seen.
    ///
    /// # Panics
    /// If the last thing that `workspace` saw is not a [`Mlp::forward`] of a batch of this size, or `gradients` are of another
    /// architecture.
    #[track_caller]
    pub fn backward(
        &self,
        x: ArrayView2<'_, A>,
        labels: &[u8],
        reduction: Reduction,
        workspace: &mut Workspace<A>,
        gradients: &mut Gradients<A>,
    ) {
        gradients.check(&self.layers);
        self.backpropagate(x, labels, reduction, workspace);
        for (l, gradient) in gradients.layers_mut().iter_mut().enumerate() {
            add_gradient(l, x, workspace, A::one(), A::zero(), gradient);
        }
    }

    /// One step of gradient descent on a batch, θ ← θ - learning_rate ∂J/∂θ, without ever storing the gradient: each
    /// product is subtracted from its parameters where it is computed. Returns the score before the step.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    #[track_caller]
    pub fn train_step(
        &mut self,
        x: ArrayView2<'_, A>,
        labels: &[u8],
        reduction: Reduction,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) -> Score {
        let score = self.forward(x, labels, workspace);
        // Every ∂J/∂Z is computed before the first weight changes.
        self.backpropagate(x, labels, reduction, workspace);
        workspace.spend();
        let alpha = A::from_f64(-learning_rate);
        for (l, layer) in self.layers.iter_mut().enumerate() {
            add_gradient(l, x, workspace, alpha, A::one(), layer);
        }
        score
    }

    /// θ ← θ - learning_rate · gradient, for a gradient from [`Mlp::backward`].
    ///
    /// # Panics
    /// If `gradients` are of another architecture.
    #[track_caller]
    pub fn descend(&mut self, gradients: &Gradients<A>, learning_rate: f64) {
        gradients.check(&self.layers);
        let alpha = A::from_f64(-learning_rate);
        for (layer, gradient) in self.layers.iter_mut().zip(gradients.layers()) {
            layer.weights.scaled_add(alpha, &gradient.weights);
            layer.biases.scaled_add(alpha, &gradient.biases);
        }
    }

    /// ∂J/∂Z of every layer, from the last to the first, into the workspace.
    #[track_caller]
    fn backpropagate(
        &self,
        x: ArrayView2<'_, A>,
        labels: &[u8],
        reduction: Reduction,
        workspace: &mut Workspace<A>,
    ) {
        self.check_labels(x.nrows(), labels);
        workspace.check_ready(&self.layers, x.nrows());
        let weight = A::from_f64(reduction.weight(labels.len()));
        // G1: ∂J/∂Z^o = Ŷ - Y, times 1/n for the mean
        let (mut output, _) = workspace.output();
        output.delta.assign(&output.h);
        for (mut row, &label) in output.delta.rows_mut().into_iter().zip(labels) {
            row[usize::from(label)] -= A::one();
        }
        output.delta *= weight;
        for l in (1..self.layers.len()).rev() {
            let (mut below, here) = workspace.pair(l);
            // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ
            product_with_transposed(here.delta.view(), self.layers[l].weights.view(), below.delta.view_mut());
            // G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
            self.activation.multiply_by_derivative(below.z.view(), below.h.view(), below.delta);
        }
    }

    #[track_caller]
    fn check_labels(&self, examples: usize, labels: &[u8]) {
        assert_eq!(labels.len(), examples, "{} labels for {examples} examples", labels.len());
        let classes = self.layers.last().map_or(0, Layer::outputs);
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
            panic!("label {label} in a network of {classes} classes");
        }
    }
}

/// target ← keep·target + alpha·∂J/∂(W, b) of layer `l`, whose ∂J/∂Z is in the workspace.
fn add_gradient<A: Scalar>(
    l: usize,
    x: ArrayView2<'_, A>,
    workspace: &mut Workspace<A>,
    alpha: A,
    keep: A,
    target: &mut Layer<A>,
) {
    let (input, here) = workspace.layer(l, x);
    // G2: ∂J/∂W^o = Hᵀ · ∂J/∂Z^o, and so for every layer that H feeds;  G6: ∂J/∂W^h = Xᵀ · ∂J/∂Z^h, for the one that X feeds
    transposed_product(alpha, input, here.delta.view(), keep, target.weights.view_mut());
    // G3: ∂J/∂b^o = 1 · ∂J/∂Z^o;  G7: ∂J/∂b^h = 1 · ∂J/∂Z^h
    column_sums(alpha, here.delta.view(), keep, target.biases.view_mut());
}
