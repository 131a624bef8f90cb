//! The network: its parameters, the forward pass and, under it, the backward pass. Each statement of the backward pass
//! cites its equation, G1 to G7, derived in [`crate::gradients`].
//!
//! The buffers are in `workspace.rs`, the products in `products.rs`, the activations' values and derivatives in
//! `activation.rs`. What is done with a gradient beyond plain descent is not the network's business.
//!
//! The chapter's symbols: X (n×d) the inputs, one example a row; Z^h, H the hidden layer before and after its activation;
//! Z^o the logits, Ŷ their softmax; Y the labels, one-hot in the chapter and class numbers here; J the loss.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};

use crate::error::NetworkError;
use crate::matrix::Matrix;
use crate::products::{Input, Write};
use crate::random::RandomStream;
use crate::workspace::input;
use crate::{Activation, Features, Gradients, Init, Reduction, Scalar, Score, Workspace};

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

    /// Both, to be changed; their shapes cannot be.
    pub(crate) fn parts_mut(&mut self) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        (self.weights.view_mut(), self.biases.view_mut().index_axis_move(Axis(0), 0))
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
            if layer.biases.columns() != outputs {
                let found = layer.biases.columns();
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
        let layers = self
            .layers
            .iter()
            .map(|layer| Layer::new(layer.weights().map(convert), layer.biases().map(convert)));
        Mlp { layers: layers.collect(), activation: self.activation }
    }

    /// The logits Z^o (n×k) of the examples x (n×d): the forward pass as far as inference needs it.
    ///
    /// # Panics
    /// If `x` is not as wide as the network's inputs, has more rows than the workspace was made for, or the workspace was
    /// made for another architecture.
    #[track_caller]
    pub fn logits<'w, 'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        workspace: &'w mut Workspace<A>,
    ) -> ArrayView2<'w, A> {
        self.propagate(x.into(), None, workspace);
        workspace.logits()
    }

    /// The forward pass on labelled examples x (n×d): logits, softmax and loss. What the backward pass needs stays in the
    /// workspace.
    ///
    /// # Panics
    /// As [`Mlp::logits`]; and if there are not as many labels as examples or a label is not below the number of classes.
    #[track_caller]
    pub fn forward<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        workspace: &mut Workspace<A>,
    ) -> Score {
        let x = x.into();
        self.check_labels(x.dim().0, labels);
        self.propagate(x, Some(labels), workspace);
        workspace.complete();
        Score {
            loss_sum: workspace.losses().iter().sum(),
            correct: workspace.guesses().iter().zip(labels).filter(|(guess, label)| guess == label).count(),
            examples: labels.len(),
        }
    }

    /// The forward pass: Z and H of every layer and, of labelled examples, Ŷ and the losses.
    #[track_caller]
    fn propagate(&self, x: Features<'_, A>, labels: Option<&[u8]>, workspace: &mut Workspace<A>) {
        workspace.begin(&self.layers, &x);
        let (rows, last) = (x.dim().0, self.layers.len() - 1);
        let Workspace { kernels, team, layers: buffers, losses, guesses, .. } = workspace;
        for (l, layer) in self.layers[..last].iter().enumerate() {
            let (below, here) = buffers.split_at_mut(l);
            let (input, here) = (input(below, &x), &mut here[0]);
            let biases = layer.biases.block().row(0);
            // Each thread has the same units of a layer in every pass and step.
            let units = kernels.unit_shares::<A>(layer.weights.width(), team);
            let parts = (here.z.by_columns(rows, &units), here.h.by_columns(rows, &units));
            team.run(parts, |member, (mut z, h)| {
                let own = units.range(member);
                // Z^h = X·W^h + b^h, and H·W + b in the layers above
                for (piece, weights) in layer.weights.pieces(own.clone()) {
                    let z = z.reborrow().columns_of(piece.start - own.start..piece.end - own.start);
                    kernels.affine(input, 0..rows, weights, &biases[piece], z);
                }
                // H = f(Z^h)
                A::apply(self.activation, kernels.isa, z.as_block(), h);
            });
        }
        let (below, here) = buffers.split_at_mut(last);
        let (input, here, layer) = (input(below, &x), &mut here[0], &self.layers[last]);
        let biases = layer.biases.block().row(0);
        let examples = kernels.row_shares(rows, team);
        let (z, y_hat) = (here.z.block_mut().rows_of(0..rows), here.h.block_mut().rows_of(0..rows));
        let scores = (examples.slice(&mut losses[..rows]), examples.slice(&mut guesses[..rows]));
        team.run((examples.rows(z), examples.rows(y_hat), scores), |member, (mut z, y_hat, scores)| {
            let own = examples.range(member);
            // Z^o = H·W^o + b^o
            for (piece, weights) in layer.weights.pieces(0..z.columns()) {
                let z = z.reborrow().columns_of(piece.clone());
                kernels.affine(input, own.clone(), weights, &biases[piece], z);
            }
            if let Some(labels) = labels {
                // Ŷ = softmax(Z^o), J = -Σ log ŷ_y
                let (z, classes) = (z.as_block(), layer.outputs());
                A::softmax_cross_entropy(kernels.isa, classes, z, &labels[own], y_hat, scores);
            }
        });
    }

    /// The probabilities Ŷ (n×k) of the examples x (n×d), for inference.
    ///
    /// # Panics
    /// As [`Mlp::logits`].
    #[track_caller]
    pub fn probabilities<'w, 'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        workspace: &'w mut Workspace<A>,
    ) -> ArrayView2<'w, A> {
        self.propagate(x.into(), None, workspace);
        workspace.soften()
    }

    /// The backward pass: the gradient of J by every parameter, for the batch that [`Mlp::forward`] has just seen.
    ///
    /// # Panics
    /// If the last thing that `workspace` saw is not a [`Mlp::forward`] of a batch of this size, or `gradients` are of another
    /// architecture.
    #[track_caller]
    pub fn backward<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        reduction: Reduction,
        workspace: &mut Workspace<A>,
        gradients: &mut Gradients<A>,
    ) {
        let x = x.into();
        gradients.check(&self.layers);
        self.backpropagate(x, labels, reduction, workspace);
        add_gradients(A::one(), x, workspace, Write::Set, gradients.layers_mut());
    }

    /// One step of gradient descent on a batch, θ ← θ - learning_rate ∂J/∂θ, without ever storing the gradient: each
    /// product is subtracted from its parameters where it is computed. Returns the score before the step.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    #[track_caller]
    pub fn train_step<'x>(
        &mut self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        reduction: Reduction,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) -> Score {
        let x = x.into();
        let score = self.forward(x, labels, workspace);
        // Every ∂J/∂Z is computed before the first weight changes.
        self.backpropagate(x, labels, reduction, workspace);
        workspace.spend();
        add_gradients(A::from_f64(-learning_rate), x, workspace, Write::Add, &mut self.layers);
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
        x: Features<'_, A>,
        labels: &[u8],
        reduction: Reduction,
        workspace: &mut Workspace<A>,
    ) {
        let rows = labels.len();
        self.check_labels(x.dim().0, labels);
        workspace.check_ready(&self.layers, &x);
        let Workspace { kernels, team, layers: buffers, .. } = workspace;
        let weight = A::from_f64(reduction.weight(rows));
        // G1: ∂J/∂Z^o = Ŷ - Y, times 1/n for the mean
        let output = &mut buffers[self.layers.len() - 1];
        let (y_hat, mut delta) = (output.h.block(), output.delta.block_mut());
        for (i, &label) in labels.iter().enumerate() {
            let delta = delta.row_mut(i);
            delta.copy_from_slice(y_hat.row(i));
            delta[usize::from(label)] -= A::one();
            delta.iter_mut().for_each(|delta| *delta *= weight);
        }
        for l in (1..self.layers.len()).rev() {
            let (below, here) = buffers.split_at_mut(l);
            let (below, here, weights) = (&mut below[l - 1], &mut here[0], self.layers[l].weights.block());
            let units = kernels.unit_shares::<A>(below.delta.width(), team);
            let delta = here.delta.block().rows_of(0..rows);
            let scratch = here.transposed.by_columns(here.transposed.rows(), &units);
            let parts = (below.delta.by_columns(rows, &units), scratch);
            let (z, h) = (&below.z, &below.h);
            team.run(parts, |member, (mut below_delta, transposed)| {
                let own = units.range(member);
                let real = own.start.min(weights.rows())..own.end.min(weights.rows());
                let weights = weights.rows_of(real);
                // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ
                kernels.product_with_transposed(delta, weights, transposed, below_delta.reborrow());
                // G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
                let [z, h] = [z, h].map(|of| of.columns_of(own.clone()).rows_of(0..rows));
                A::multiply_by_derivative(self.activation, kernels.isa, z, h, below_delta);
            });
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

/// targets ← targets + alpha·∂J/∂(W, b), or alpha·∂J/∂(W, b), for every layer, whose ∂J/∂Z are in the workspace.
fn add_gradients<A: Scalar>(
    alpha: A,
    x: Features<'_, A>,
    workspace: &mut Workspace<A>,
    write: Write,
    targets: &mut [Layer<A>],
) {
    let rows = x.dim().0;
    let Workspace { kernels, team, layers: buffers, .. } = workspace;
    for (l, target) in targets.iter_mut().enumerate() {
        let input = match input(&buffers[..l], &x) {
            Input::Dense(input) => Input::Dense(input.rows_of(0..rows)),
            sparse => sparse,
        };
        let (inputs, delta) = (target.inputs(), &buffers[l].delta);
        let units = kernels.unit_shares::<A>(delta.width(), team);
        let biases = target.biases.by_columns(1, &units);
        if l == 0 {
            // The units that a thread has computed in the forward pass, in a strip of its own.
            target.weights.arrange(&units);
            let parts = (target.weights.by_columns(inputs, &units), biases);
            team.run(parts, |member, (weights, mut biases)| {
                let delta = delta.columns_of(units.range(member)).rows_of(0..rows);
                // G6: ∂J/∂W^h = Xᵀ · ∂J/∂Z^h
                kernels.transposed_product(alpha, input, 0..inputs, delta, write, weights);
                // G7: ∂J/∂b^h = 1 · ∂J/∂Z^h
                kernels.column_sums(alpha, delta, write, biases.row_mut(0));
            });
        } else {
            // What the units of the layer below feed.
            let (fed, delta) = (kernels.row_shares(inputs, team), delta.block().rows_of(0..rows));
            team.run((fed.rows(target.weights.block_mut()), biases), |member, (weights, mut biases)| {
                // G2: ∂J/∂W^o = Hᵀ · ∂J/∂Z^o
                kernels.transposed_product(alpha, input, fed.range(member), delta, write, weights);
                let delta = delta.columns_of(units.range(member));
                // G3: ∂J/∂b^o = 1 · ∂J/∂Z^o
                kernels.column_sums(alpha, delta, write, biases.row_mut(0));
            });
        }
    }
}
