//! The network: its parameters, the forward pass and, under it, the backward pass. Each statement of the backward pass
//! cites its equation, G1 to G7, derived in [`crate::gradients`].
//!
//! The layers are in `layers.rs`, the buffers in `workspace.rs`, the products in `products.rs`, the activations' values and
//! derivatives in `activation.rs`. What is done with a gradient beyond plain descent is not the network's business.
//!
//! The chapter's symbols: X (n×d) the inputs, one example a row; Z^h, H the hidden layer before and after its activation;
//! Z^o the logits, Ŷ their softmax; Y the labels, one-hot in the chapter and class numbers here; J the loss.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

use crate::error::NetworkError;
use crate::products::{Cut, Input, Write};
use crate::random::RandomStream;
use crate::workspace::input;
use crate::{
    Activation, Architecture, Features, Gradients, Init, Layer, Reduction, Scalar, Score, Workspace,
    regularization,
};

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
        let x = x.into();
        workspace.begin(&self.layers, &x, false);
        self.propagate(x, None, workspace);
        workspace.logits()
    }

    /// The forward pass on labeled examples x (n×d): logits, softmax and loss. What the backward pass needs stays in the
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
        self.score(x.into(), labels, false, workspace)
    }

    /// [`Mlp::forward`] with the workspace's [`Regularization`](crate::Regularization): a step of training begins with it.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    #[track_caller]
    pub fn forward_in_training<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        workspace: &mut Workspace<A>,
    ) -> Score {
        self.score(x.into(), labels, true, workspace)
    }

    #[track_caller]
    fn score(
        &self,
        x: Features<'_, A>,
        labels: &[u8],
        training: bool,
        workspace: &mut Workspace<A>,
    ) -> Score {
        self.check_labels(x.dim().0, labels);
        workspace.begin(&self.layers, &x, training);
        self.propagate(x, Some(labels), workspace);
        workspace.complete();
        Score {
            loss_sum: workspace.losses().iter().sum(),
            correct: workspace
                .predictions()
                .iter()
                .zip(labels)
                .filter(|(prediction, label)| prediction == label)
                .count(),
            examples: labels.len(),
        }
    }

    /// The forward pass: Z and H of every layer and, of labeled examples, Ŷ and the losses.
    fn propagate(&self, x: Features<'_, A>, labels: Option<&[u8]>, workspace: &mut Workspace<A>) {
        let (rows, last, pass) = (x.dim().0, self.layers.len() - 1, workspace.pass());
        let Workspace { kernels, team, layers: buffers, losses, predictions, dropped, .. } = workspace;
        if let Some(masks) = &pass.input_masks {
            dropped.fill(masks, pass.mask_number(0), &x, team);
        }
        let left = pass.input_masks.is_some().then(|| dropped.features(rows));
        let x = left.as_ref().map_or(Input::from(&x), Input::from);
        for (l, layer) in self.layers[..last].iter().enumerate() {
            let (below, here) = buffers.split_at_mut(l);
            let (input, here) = (input(below, x, &pass), &mut here[0]);
            let (biases, masked) = (layer.biases.block().row(0), pass.masked(rows));
            // Each thread has the same units of a layer in every pass and step.
            let units = kernels.unit_shares::<A>(layer.weights.width(), team);
            let values = (here.z.by_columns(rows, &units), here.h.by_columns(rows, &units));
            let dropout = (here.mask.by_columns(masked, &units), here.kept.by_columns(masked, &units));
            team.run((values, dropout), |member, ((mut z, mut h), (mut s, kept))| {
                let own = units.range(member);
                // Z^h = X·W^h + b^h, and H·W + b in the layers above
                for (piece, weights) in layer.weights.pieces(own.clone()) {
                    let z = z.reborrow().columns_of(piece.start - own.start..piece.end - own.start);
                    kernels.affine(input, 0..rows, weights, &biases[piece], z, Cut::Columns);
                }
                // H = f(Z^h)
                A::apply(self.activation, kernels.isa, z.as_block(), h.reborrow());
                if let Some(masks) = &pass.masks {
                    // S ⊙ H is what the layer above sees.
                    masks.fill(pass.mask_number(l + 1), layer.outputs(), own.start, s.reborrow());
                    regularization::multiply(s.as_block(), h.as_block(), kept);
                }
            });
        }
        let (below, here) = buffers.split_at_mut(last);
        let (input, here, layer) = (input(below, x, &pass), &mut here[0], &self.layers[last]);
        let biases = layer.biases.block().row(0);
        let examples = kernels.row_shares(rows, team);
        let (z, y_hat) = (here.z.block_mut().rows_of(0..rows), here.h.block_mut().rows_of(0..rows));
        let scores = (examples.slice(&mut losses[..rows]), examples.slice(&mut predictions[..rows]));
        team.run((examples.rows(z), examples.rows(y_hat), scores), |member, (mut z, y_hat, scores)| {
            let own = examples.range(member);
            // Z^o = H·W^o + b^o
            for (piece, weights) in layer.weights.pieces(0..z.columns()) {
                let z = z.reborrow().columns_of(piece.clone());
                kernels.affine(input, own.clone(), weights, &biases[piece], z, Cut::Rows);
            }
            if let Some(labels) = labels {
                // Ŷ = softmax(Z^o), J = -Σ log ŷ_y
                let (z, classes, labels) = (z.as_block(), layer.outputs(), &labels[own]);
                let (losses, predictions) = scores;
                A::softmax_cross_entropy(kernels.isa, classes, z, labels, y_hat, (&mut *losses, predictions));
                let smoothing = pass.regularization.label_smoothing;
                if smoothing > 0.0 {
                    for (row, (loss, &label)) in losses.iter_mut().zip(labels).enumerate() {
                        *loss += regularization::smoothing_loss(smoothing, &z.row(row)[..classes], label);
                    }
                }
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
        let x = x.into();
        workspace.begin(&self.layers, &x, false);
        self.propagate(x, None, workspace);
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
        self.check_labels(x.dim().0, labels);
        workspace.check_ready(&self.layers, &x);
        let (layers, targets) = (Some(&self.layers[..]), gradients.layers_mut());
        let pass =
            Backward { activation: self.activation, layers, alpha: A::one(), write: Write::Set, targets };
        pass.run(x, labels, reduction, workspace);
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
        let score = self.forward_in_training(x, labels, workspace);
        self.descend_in_place(x, labels, reduction, learning_rate, workspace);
        score
    }

    /// The second half of [`Mlp::train_step`]: the backward pass for the batch that the workspace has just seen, with each product
    /// subtracted from its parameters at once.
    ///
    /// # Panics
    /// As [`Mlp::backward`].
    #[track_caller]
    pub fn descend_in_place<'x>(
        &mut self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        reduction: Reduction,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) {
        let x = x.into();
        self.check_labels(x.dim().0, labels);
        workspace.check_ready(&self.layers, &x);
        workspace.spend();
        let (alpha, write) = (A::from_f64(-learning_rate), Write::Add);
        let targets = &mut self.layers[..];
        let pass = Backward { activation: self.activation, layers: None, alpha, write, targets };
        pass.run(x, labels, reduction, workspace);
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

    #[track_caller]
    fn check_labels(&self, examples: usize, labels: &[u8]) {
        assert_eq!(labels.len(), examples, "{} labels for {examples} examples", labels.len());
        let classes = self.layers.last().map_or(0, Layer::outputs);
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
            panic!("label {label} in a network of {classes} classes");
        }
    }
}

/// The backward pass: targets ← targets + alpha·∂J/∂(W, b), or alpha·∂J/∂(W, b), layer by layer from the last to the first.
struct Backward<'a, A> {
    activation: Activation,
    /// W and b, where they are not the targets.
    layers: Option<&'a [Layer<A>]>,
    alpha: A,
    write: Write,
    targets: &'a mut [Layer<A>],
}

impl<A: Scalar> Backward<'_, A> {
    /// `workspace` has seen the forward pass of this batch.
    fn run(self, x: Features<'_, A>, labels: &[u8], reduction: Reduction, workspace: &mut Workspace<A>) {
        let Self { activation, layers, alpha, write, targets } = self;
        let (rows, last, pass) = (labels.len(), targets.len() - 1, workspace.pass());
        let Workspace { kernels, team, layers: buffers, dropped, .. } = workspace;
        let left = pass.input_masks.is_some().then(|| dropped.features(rows));
        let x = left.as_ref().map_or(Input::from(&x), Input::from);
        let weight = A::from_f64(reduction.weight(rows));
        let classes = targets[last].outputs();
        let (every_class, at_label) = pass.regularization.targets::<A>(classes);
        let (examples, output) = (kernels.row_shares(rows, team), &mut buffers[last]);
        let (y_hat, delta) = (output.h.block(), output.delta.block_mut().rows_of(0..rows));
        team.run(examples.rows(delta), |member, mut delta| {
            for (i, example) in examples.range(member).enumerate() {
                // G1: ∂J/∂Z^o = Ŷ - Y, Y being (1-ε)·Y + ε/k with smoothing; times 1/n for the mean
                let (delta, label) = (delta.row_mut(i), usize::from(labels[example]));
                delta.copy_from_slice(y_hat.row(example));
                delta[..classes].iter_mut().for_each(|delta| *delta -= every_class);
                delta[label] -= at_label;
                delta.iter_mut().for_each(|delta| *delta *= weight);
            }
        });
        for l in (1..=last).rev() {
            let (below, here) = buffers.split_at_mut(l);
            let (below, here, target) = (&mut below[l - 1], &mut here[0], &mut targets[l]);
            let delta = here.delta.block().rows_of(0..rows);
            // Of the units of the layer below a thread computes ∂J/∂Z, and changes the weights that they are multiplied by: these no
            // other thread reads.
            let units = kernels.unit_shares::<A>(below.delta.width(), team);
            let (fed, fills) =
                (units.up_to(target.inputs()), kernels.unit_shares::<A>(delta.columns(), team));
            let scratch = here.transposed.by_columns(here.transposed.rows(), &units);
            let own = (fed.rows(target.weights.block_mut()), target.biases.by_columns(1, &fills));
            let parts = ((below.delta.by_columns(rows, &units), scratch), own);
            let (z, h, s) = (&below.z, &below.h, &below.mask);
            let output = if pass.masks.is_some() { &below.kept } else { h };
            team.run(parts, |member, ((mut below_delta, transposed), (target, mut biases))| {
                let (own, fed) = (units.range(member), fed.range(member));
                let weights = match layers {
                    Some(layers) => layers[l].weights.block().rows_of(fed.clone()),
                    None => target.as_block(),
                };
                // G4: ∂J/∂H = ∂J/∂Z^o · W^oᵀ
                kernels.product_with_transposed(delta, weights, transposed, below_delta.reborrow());
                if pass.masks.is_some() {
                    // G8: ∂J/∂H = S ⊙ ∂J/∂(S ⊙ H)
                    let s = s.columns_of(own.clone()).rows_of(0..rows);
                    regularization::multiply_by(s, below_delta.reborrow());
                }
                // G5: ∂J/∂Z^h = f'(Z^h) ⊙ ∂J/∂H
                let [z, h, output] = [z, h, output].map(|of| of.columns_of(own.clone()).rows_of(0..rows));
                A::multiply_by_derivative(activation, kernels.isa, z, h, below_delta);
                let input = Input::Dense(output.columns_of(0..fed.len()));
                // G2: ∂J/∂W^o = Hᵀ · ∂J/∂Z^o
                kernels.transposed_product(alpha, input, delta, write, target, Cut::Rows);
                let delta = delta.columns_of(fills.range(member));
                // G3: ∂J/∂b^o = 1 · ∂J/∂Z^o
                kernels.column_sums(alpha, delta, write, biases.row_mut(0));
            });
        }
        let (input, target, delta) = (x, &mut targets[0], &buffers[0].delta);
        let units = kernels.unit_shares::<A>(delta.width(), team);
        // The units that a thread has computed in the forward pass, in a strip of its own.
        target.weights.arrange(&units);
        team.run(target.by_columns(&units), |member, (weights, mut biases)| {
            let delta = delta.columns_of(units.range(member)).rows_of(0..rows);
            // G6: ∂J/∂W^h = Xᵀ · ∂J/∂Z^h
            kernels.transposed_product(alpha, input, delta, write, weights, Cut::Columns);
            // G7: ∂J/∂b^h = 1 · ∂J/∂Z^h
            kernels.column_sums(alpha, delta, write, biases.row_mut(0));
        });
    }
}
