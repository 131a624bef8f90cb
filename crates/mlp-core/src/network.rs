//! The network: its parameters, training and inference. The mathematics is in `passes.rs`.

use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use crate::activation::Activation;
use crate::architecture::{Architecture, NetworkError};
use crate::layer::{Gradients, Layer, name};
use crate::linalg::csr::Features;
use crate::loss::Score;
use crate::ops::hidden::Descent;
use crate::ops::matmul::Write;
use crate::random::init::Init;
use crate::random::stream::RandomStream;
use crate::scalar::Scalar;
use crate::shards::Peers;
use crate::workspace::Workspace;

/// A multilayer perceptron: affine layers with an activation between them, and softmax at the end.
///
/// ```
/// use mlp_core::prelude::*;
/// use ndarray::array;
///
/// // XOR, which no network without a hidden layer can learn.
/// let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let labels = [0, 1, 1, 0];
///
/// let architecture = Architecture::new(2, &[8], 2).with_activation(Activation::Tanh);
/// let mut network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 4);
/// for _ in 0..500 {
///     network.train_step(x.view(), &labels, 0.1, &mut workspace);
/// }
/// assert_eq!(network.score(x.view(), &labels, &mut workspace).accuracy(), 1.0);
/// # Ok::<(), NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp<A> {
    pub(crate) layers: Vec<Layer<A>>,
    activation: Activation,
}

impl<A: Scalar> Mlp<A> {
    /// Returns a network with random parameters. They are drawn layer by layer, the weights row by
    /// row and then the biases, as in the chapter's `initialize_weights`. They are drawn in `f64`
    /// and then rounded, so both precisions start from the same numbers.
    ///
    /// # Errors
    /// Same as [`Architecture::validate`].
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

    /// Returns a network with the given layers, the output layer last.
    ///
    /// # Errors
    /// [`NetworkError`] if there is no layer, a layer is empty, or two layers do not fit together.
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

    /// Returns the sizes and the activation.
    pub fn architecture(&self) -> Architecture {
        let (output, hidden) = self.layers.split_last().expect("a network has at least its output layer");
        let hidden: Vec<usize> = hidden.iter().map(Layer::outputs).collect();
        let architecture = Architecture::new(self.layers[0].inputs(), &hidden, output.outputs());
        architecture.with_activation(self.activation)
    }

    /// Returns the layers, the output layer last.
    pub fn layers(&self) -> &[Layer<A>] {
        &self.layers
    }

    /// Returns the weights (inputs, outputs) and biases (outputs) of layer `l`, counted from 0.
    ///
    /// # Panics
    /// If `l` is out of range.
    #[track_caller]
    pub fn layer_mut(&mut self, l: usize) -> (ArrayViewMut2<'_, A>, ArrayViewMut1<'_, A>) {
        self.layers[l].parts_mut()
    }

    /// Returns the activation of the hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Returns the network in another precision.
    pub fn cast<B: Scalar>(&self) -> Mlp<B> {
        let convert = |value: &A| B::from_f64(value.into_f64());
        let layers = self
            .layers
            .iter()
            .map(|layer| Layer::new(layer.weights().map(convert), layer.biases().map(convert)));
        Mlp { layers: layers.collect(), activation: self.activation }
    }

    /// Returns the logits Z^o (n×k) of the examples x (n×d).
    ///
    /// # Panics
    /// If `x` has the wrong width or more rows than the workspace holds, or the workspace was made
    /// for another architecture.
    #[track_caller]
    pub fn logits<'w, 'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        workspace: &'w mut Workspace<A>,
    ) -> ArrayView2<'w, A> {
        self.propagate(&x.into(), None, None, workspace);
        workspace.logits()
    }

    /// Returns the probabilities Ŷ (n×k) of the examples x (n×d).
    ///
    /// # Panics
    /// Same as [`Mlp::logits`].
    #[track_caller]
    pub fn probabilities<'w, 'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        workspace: &'w mut Workspace<A>,
    ) -> ArrayView2<'w, A> {
        self.propagate(&x.into(), None, None, workspace);
        workspace.soften()
    }

    /// Evaluates labeled examples x (n×d), without dropout or label smoothing. The workspace keeps
    /// the losses and predictions of the examples.
    ///
    /// # Panics
    /// Same as [`Mlp::logits`]; also if the number of labels is wrong or a label is not a class.
    #[track_caller]
    pub fn score<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        workspace: &mut Workspace<A>,
    ) -> Score {
        self.propagate(&x.into(), Some(labels), None, workspace)
    }

    /// The forward pass of a training step on labeled examples x (n×d), with the dropout and label
    /// smoothing of the workspace's [`Objective`](crate::Objective).
    ///
    /// # Panics
    /// Same as [`Mlp::score`].
    #[track_caller]
    pub fn forward<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        workspace: &mut Workspace<A>,
    ) -> Score {
        let x = x.into();
        self.propagate(&x, Some(labels), Some(x.dim().0), workspace)
    }

    /// Like [`Mlp::forward`], for this process's examples of a batch of `batch` examples in all
    /// processes; see [`Shards::examples`](crate::Shards::examples). The score is that of these
    /// examples.
    ///
    /// # Panics
    /// Same as [`Mlp::forward`]; also if the number of examples is another one.
    #[track_caller]
    pub fn forward_own<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        batch: usize,
        workspace: &mut Workspace<A>,
    ) -> Score {
        self.propagate(&x.into(), Some(labels), Some(batch), workspace)
    }

    /// The backward pass: computes the gradient of J for the batch of the preceding
    /// [`Mlp::forward`].
    ///
    /// # Panics
    /// If `workspace` did not just run [`Mlp::forward`] on a batch of this size, or `gradients` has
    /// another architecture.
    #[track_caller]
    pub fn backward<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        workspace: &mut Workspace<A>,
        gradients: &mut Gradients<A>,
    ) {
        self.backward_with(&x.into(), workspace, gradients, None);
    }

    /// Like [`Mlp::backward`], with other processes that compute the other shards.
    #[track_caller]
    pub(crate) fn backward_with(
        &self,
        x: &Features<'_, A>,
        workspace: &mut Workspace<A>,
        gradients: &mut Gradients<A>,
        peers: Option<&mut dyn Peers<A>>,
    ) {
        gradients.check(&self.layers);
        workspace.check_ready(&self.layers, x);
        let shards = workspace.shards();
        assert!(peers.is_some() != shards.has_all(), "{shards:?} with other processes: {}", peers.is_some());
        let (f, targets, memory) = (self.activation, &mut gradients.layers[..], workspace.memory());
        if shards.count() > 1 {
            A::backward_in_shards(&self.layers, f, x, targets, peers, memory);
        } else {
            A::backward(Some(&self.layers), f, x, Descent::gradient(), targets, memory);
        }
    }

    /// Takes a gradient descent step on a batch, θ ← θ - learning_rate ∂J/∂θ, and returns the score
    /// before the step. Without shards, the gradient is never stored: each product is added to the
    /// parameters as it is computed.
    ///
    /// # Panics
    /// Same as [`Mlp::forward`].
    #[track_caller]
    pub fn train_step<'x>(
        &mut self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) -> Score {
        let x = x.into();
        let score = self.forward(x, labels, workspace);
        self.descend_in_place(x, learning_rate, workspace);
        score
    }

    /// The second half of [`Mlp::train_step`]: the backward pass and the update, after
    /// [`Mlp::forward`] on the same batch.
    ///
    /// # Panics
    /// Same as [`Mlp::backward`].
    #[track_caller]
    pub fn descend_in_place<'x>(
        &mut self,
        x: impl Into<Features<'x, A>>,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) {
        let x = x.into();
        if workspace.shards().count() > 1 {
            let mut total = workspace.total.take().unwrap_or_else(|| workspace.gradients());
            self.backward(x, workspace, &mut total);
            workspace.spend();
            self.descend(&total, learning_rate);
            workspace.total = Some(total);
            return;
        }
        workspace.check_ready(&self.layers, &x);
        workspace.spend();
        let descent = Descent { alpha: A::from_f64(-learning_rate), write: Write::Add };
        A::backward(None, self.activation, &x, descent, &mut self.layers, workspace.memory());
    }

    /// Subtracts learning_rate · gradient, with a gradient from [`Mlp::backward`].
    ///
    /// # Panics
    /// If `gradients` has another architecture.
    #[track_caller]
    pub fn descend(&mut self, gradients: &Gradients<A>, learning_rate: f64) {
        gradients.check(&self.layers);
        A::descend(A::from_f64(-learning_rate), gradients.layers(), &mut self.layers);
    }

    /// Returns the name of the first tensor of the last forward pass that contains an infinity or
    /// NaN, in order of computation: `w_h` (weights), `b_h` (biases), `z_h` (pre-activations), `h`
    /// (activations), …, `z_o` (logits).
    ///
    /// # Panics
    /// If the workspace was made for another architecture.
    #[track_caller]
    pub fn first_not_finite(&self, workspace: &Workspace<A>) -> Option<String> {
        workspace.check_fits(&self.layers);
        let is_finite = |matrix: &Array2<A>| matrix.iter().all(|value| value.is_finite());
        let count = self.layers.len();
        for (l, layer) in self.layers.iter().enumerate() {
            let biases = layer.biases.to_array();
            let values = [('w', layer.weights()), ('b', biases), ('z', workspace.pre_activations(l))];
            if let Some((letter, _)) = values.iter().find(|(_, matrix)| !is_finite(matrix)) {
                return Some(name(*letter, l, count));
            }
            if l + 1 < count && !is_finite(&workspace.activations(l)) {
                return Some(if count == 2 { "h".to_owned() } else { format!("h{}", l + 1) });
            }
        }
        None
    }

    /// Runs the forward pass and sums the results of labeled examples. `batch` is the size of a
    /// batch in training.
    #[track_caller]
    fn propagate(
        &self,
        x: &Features<'_, A>,
        labels: Option<&[u8]>,
        batch: Option<usize>,
        workspace: &mut Workspace<A>,
    ) -> Score {
        if let Some(labels) = labels {
            self.check_labels(x.dim().0, labels);
        }
        workspace.begin(&self.layers, x, batch);
        let compared = labels.map(|classes| workspace.compared_with(classes));
        A::forward(&self.layers, self.activation, x, compared, workspace.memory());
        let Some(labels) = labels else { return Score::default() };
        let loss_sum = workspace.complete();
        let pairs = workspace.predictions().iter().zip(labels);
        Score {
            loss_sum,
            correct: pairs.filter(|(prediction, label)| prediction == label).count(),
            examples: labels.len(),
        }
    }

    #[track_caller]
    pub(crate) fn check_labels(&self, examples: usize, labels: &[u8]) {
        assert_eq!(labels.len(), examples, "{} labels for {examples} examples", labels.len());
        let classes = self.layers.last().map_or(0, Layer::outputs);
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
            panic!("label {label} in a network with {classes} classes");
        }
    }
}
