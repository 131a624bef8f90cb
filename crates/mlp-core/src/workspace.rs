//! The buffers of a training step, owned by the caller, so that a step allocates nothing; and the gradients, which have the
//! shape of the network. No mathematics here.

use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, s};

use crate::kernels::Team;
use crate::layers::name;
use crate::matrix::Matrix;
use crate::products::Input;
use crate::regularization::{DroppedInputs, Masks};
use crate::{Architecture, Compute, Features, Layer, Mlp, Regularization, Scalar};

/// The intermediate values of the forward and backward pass for batches of up to a given size, and the threads that compute them.
///
/// Made once, used for every step: `Workspace::new(&network.architecture(), batch_size)`. It takes about
/// `3 · batch_size · (units of all layers)` numbers, with dropout 5, and a copy of the weights above the first layer.
#[derive(Debug)]
pub struct Workspace<A> {
    pub(crate) kernels: Compute,
    pub(crate) team: Team,
    pub(crate) layers: Vec<Buffers<A>>,
    pub(crate) losses: Vec<f64>,     // (capacity)
    pub(crate) predictions: Vec<u8>, // (capacity)
    pub(crate) dropped: DroppedInputs<A>,
    regularization: Regularization,
    step: u64,      // forward passes in training so far
    rows: usize,    // of the batch that the buffers hold
    training: bool, // whether that pass was one in training
    stage: Stage,
}

/// How far the passes over the batch in the buffers have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Z^o is there.
    Logits,
    /// Ŷ and the losses, too: backward may follow.
    Forward,
    /// The weights have changed since: all values may be looked at, but backward would be wrong.
    Spent,
}

/// What is kept of one layer.
#[derive(Debug)]
pub(crate) struct Buffers<A> {
    pub(crate) z: Matrix<A>,          // (capacity, outputs): X·W + b
    pub(crate) h: Matrix<A>,          // (capacity, outputs): f(Z), and softmax(Z) in the output layer
    pub(crate) delta: Matrix<A>,      // (capacity, outputs): ∂J/∂Z
    pub(crate) transposed: Matrix<A>, // (outputs, inputs): scratch for Wᵀ, of the layers that a hidden one feeds
    pub(crate) mask: Matrix<A>,       // (capacity, outputs): S, of hidden layers with dropout; else no rows
    pub(crate) kept: Matrix<A>,       // (capacity, outputs): S ⊙ H, as the mask
}

impl<A: Scalar> Workspace<A> {
    /// Buffers for batches of at most `capacity` examples, and one thread.
    ///
    /// # Panics
    /// If they do not fit into memory: sizes from outside go through [`Architecture::validate`] first.
    pub fn new(architecture: &Architecture, capacity: usize) -> Self {
        Self::with_compute(architecture, capacity, Compute::default())
    }

    /// Buffers for batches of at most `capacity` examples, and as many threads as `kernels` say.
    ///
    /// # Panics
    /// As [`Workspace::new`]; if `kernels` ask for no thread, for more than [`Compute::MAX_THREADS`], or for products that this build does
    /// not have; if the system refuses a thread.
    #[track_caller]
    pub fn with_compute(architecture: &Architecture, capacity: usize, kernels: Compute) -> Self {
        let (threads, most) = (kernels.threads, Compute::MAX_THREADS);
        assert!(
            (1..=most).contains(&threads),
            "a workspace of {threads} threads: there can be from 1 to {most}"
        );
        assert!(kernels.products.are_available(), "this build has no {}", kernels.products);
        let team = Team::new(threads);
        let last = architecture.hidden.len();
        let buffers = |(layer, (inputs, outputs))| {
            let zeros = || Matrix::zeros(capacity, outputs);
            let strips = || {
                let shares = kernels.unit_shares::<A>(zeros().width(), &team);
                Matrix::zeros_in_strips(capacity, outputs, &shares)
            };
            let is_hidden = layer < last;
            Buffers {
                z: if is_hidden { strips() } else { zeros() },
                h: zeros(),
                // Of the layers above the first one every thread reads all.
                delta: if is_hidden && layer == 0 { strips() } else { zeros() },
                transposed: if layer == 0 { Matrix::zeros(0, 0) } else { Matrix::zeros(outputs, inputs) },
                mask: Matrix::zeros(0, outputs),
                kept: Matrix::zeros(0, outputs),
            }
        };
        Self {
            layers: architecture.layer_sizes().into_iter().enumerate().map(buffers).collect(),
            kernels,
            team,
            losses: vec![0.0; capacity],
            predictions: vec![0; capacity],
            dropped: DroppedInputs::new(0, architecture.inputs),
            regularization: Regularization::default(),
            step: 0,
            rows: 0,
            training: false,
            stage: Stage::Logits,
        }
    }

    /// Whether the calling thread does the parts of all threads, one after the other, from now on; at first it does not. The numbers are the same.
    /// Where another program keeps a processor busy this is quicker than to wait for the thread that it holds up.
    pub fn leave_to_caller(&mut self, alone: bool) {
        self.team.is_caller_alone = alone;
    }

    /// From now on training drops units and smooths labels like this; the count of steps begins at 0.
    ///
    /// # Panics
    /// If a probability is not from 0 to below 1.
    #[track_caller]
    pub fn regularize(&mut self, regularization: Regularization) {
        regularization.check();
        let rows_if = |drops: bool| if drops { self.losses.len() } else { 0 };
        let capacity = rows_if(regularization.hidden_masks().is_some());
        let inputs = self.dropped.inputs();
        self.dropped = DroppedInputs::new(rows_if(regularization.input_masks().is_some()), inputs);
        let last = self.layers.len() - 1;
        for buffers in &mut self.layers[..last] {
            let units = buffers.z.columns();
            // As threads write them: where Z and H lie in strips, these do.
            let shares = self.kernels.unit_shares::<A>(buffers.z.width(), &self.team);
            buffers.mask = Matrix::zeros_in_strips(capacity, units, &shares);
            buffers.kept = Matrix::zeros(capacity, units);
        }
        (self.regularization, self.step) = (regularization, 0);
        // No backward pass with other masks than the forward pass before it.
        self.stage = Stage::Logits;
    }

    /// What training adds to the passes.
    pub fn regularization(&self) -> Regularization {
        self.regularization
    }

    /// Forward passes in training so far: the number of the next one, of which its masks are a function.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Goes to a step: the masks of a training that goes on are those of one that was never interrupted.
    pub fn seek_step(&mut self, step: u64) {
        self.step = step;
    }

    /// How it computes.
    pub fn kernels(&self) -> Compute {
        self.kernels
    }

    /// The largest batch that fits.
    pub fn capacity(&self) -> usize {
        self.losses.len()
    }

    /// Z^o (n×k) of the last forward pass.
    pub fn logits(&self) -> ArrayView2<'_, A> {
        self.layers[self.layers.len() - 1].z.view().slice_move(s![..self.rows, ..])
    }

    /// Ŷ (n×k) of the last [`forward`](crate::Mlp::forward).
    ///
    /// # Panics
    /// If the last pass was one for logits only.
    #[track_caller]
    pub fn probabilities(&self) -> ArrayView2<'_, A> {
        self.check_complete();
        self.softmaxed()
    }

    /// Softmax of the logits of the last pass.
    pub(crate) fn soften(&mut self) -> ArrayView2<'_, A> {
        let (rows, last) = (self.rows, self.layers.len() - 1);
        let output = &mut self.layers[last];
        let mut y_hat = output.h.view_mut().slice_move(s![..rows, ..]);
        y_hat.assign(&output.z.view().slice_move(s![..rows, ..]));
        crate::softmax(y_hat);
        self.softmaxed()
    }

    pub(crate) fn softmaxed(&self) -> ArrayView2<'_, A> {
        self.layers[self.layers.len() - 1].h.view().slice_move(s![..self.rows, ..])
    }

    /// The cross-entropy of each example (n) of the last [`forward`](crate::Mlp::forward), in nats.
    ///
    /// # Panics
    /// If the last pass was one for logits only.
    #[track_caller]
    pub fn losses(&self) -> &[f64] {
        self.check_complete();
        &self.losses[..self.rows]
    }

    /// The class of the largest logit (the first of equal ones) of each example (n) of the last [`forward`](crate::Mlp::forward).
    ///
    /// # Panics
    /// If the last pass was one for logits only.
    #[track_caller]
    pub fn predictions(&self) -> &[u8] {
        self.check_complete();
        &self.predictions[..self.rows]
    }

    /// Z (n×units) of layer `l`, counted from 0: what goes into the activation, or the logits.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn pre_activations(&self, l: usize) -> Array2<A> {
        self.layers[l].z.to_array().slice_move(s![..self.rows, ..])
    }

    /// H (n×units) of layer `l`, counted from 0; of the last layer, Ŷ.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn activations(&self, l: usize) -> Array2<A> {
        self.layers[l].h.to_array().slice_move(s![..self.rows, ..])
    }

    /// X (n×inputs) of the last pass in training, with what was left out being 0; `None` if nothing was.
    pub fn dropped_inputs(&self) -> Option<Array2<A>> {
        self.pass().input_masks.map(|_| match self.dropped.features(self.rows) {
            Features::Dense(x) => x.to_owned(),
            Features::Sparse(x) => x.to_dense(),
        })
    }

    /// S (n×units) of hidden layer `l`, counted from 0, of the last pass in training: what H was multiplied by. It has no rows if
    /// nothing was dropped.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn dropout_mask(&self, l: usize) -> Array2<A> {
        let mask = self.layers[l].mask.to_array();
        let rows = if self.training { self.rows.min(mask.nrows()) } else { 0 };
        mask.slice_move(s![..rows, ..])
    }

    /// ∂J/∂Z (n×units) of layer `l`, counted from 0, after a backward pass.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn deltas(&self, l: usize) -> Array2<A> {
        self.layers[l].delta.to_array().slice_move(s![..self.rows, ..])
    }

    /// The name of the first thing in the last forward pass of `network` that is infinite or not a number, in the order in which it
    /// came about: `w_h` (weights), `b_h` (biases), `z_h` (pre-activations), `h` (activations), …, `z_o` (logits).
    ///
    /// # Panics
    /// If the workspace was made for another architecture.
    #[track_caller]
    pub fn first_not_finite(&self, network: &Mlp<A>) -> Option<String> {
        let layers = network.layers();
        self.check_fits(layers);
        let is_finite = |matrix: &Array2<A>| matrix.iter().all(|value| value.is_finite());
        let count = layers.len();
        for (l, layer) in layers.iter().enumerate() {
            let biases = layer.biases.to_array();
            let values = [('w', layer.weights()), ('b', biases), ('z', self.pre_activations(l))];
            if let Some((letter, _)) = values.iter().find(|(_, matrix)| !is_finite(matrix)) {
                return Some(name(*letter, l, count));
            }
            if l + 1 < count && !is_finite(&self.activations(l)) {
                return Some(if count == 2 { "h".to_owned() } else { format!("h{}", l + 1) });
            }
        }
        None
    }

    /// Takes in a batch.
    #[track_caller]
    pub(crate) fn begin(&mut self, layers: &[Layer<A>], x: &Features<'_, A>, training: bool) {
        let (rows, inputs) = x.dim();
        let expected = layers[0].inputs();
        assert_eq!(inputs, expected, "examples of {inputs} numbers for a network of {expected} inputs");
        assert!(rows <= self.capacity(), "{rows} examples in a workspace for {}", self.capacity());
        self.check_fits(layers);
        (self.rows, self.training) = (rows, training);
        self.stage = Stage::Logits;
    }

    /// What the pass adds for training.
    pub(crate) fn pass(&self) -> Pass {
        let regularization = if self.training { self.regularization } else { Regularization::default() };
        let (masks, input_masks) = (regularization.hidden_masks(), regularization.input_masks());
        let first_mask = self.step.wrapping_mul(self.layers.len() as u64);
        Pass { regularization, masks, input_masks, first_mask }
    }

    #[track_caller]
    fn check_fits(&self, layers: &[Layer<A>]) {
        let fits = self.layers.iter().map(|b| b.z.columns()).eq(layers.iter().map(Layer::outputs));
        assert!(fits, "the workspace was made for another architecture");
    }

    #[track_caller]
    fn check_complete(&self) {
        assert_ne!(self.stage, Stage::Logits, "no forward pass with labels since the last one without");
    }

    /// The forward pass has come to its end.
    pub(crate) fn complete(&mut self) {
        self.step += u64::from(self.training);
        self.stage = Stage::Forward;
    }

    /// The weights are about to change.
    pub(crate) fn spend(&mut self) {
        self.stage = Stage::Spent;
    }

    #[track_caller]
    pub(crate) fn check_ready(&self, layers: &[Layer<A>], x: &Features<'_, A>) {
        self.check_fits(layers);
        assert_eq!(self.stage, Stage::Forward, "backward without a forward pass of the same batch before it");
        let rows = x.dim().0;
        assert_eq!(rows, self.rows, "backward with {rows} examples after forward with {}", self.rows);
    }
}

/// What a pass over a batch adds for training.
pub(crate) struct Pass {
    pub(crate) regularization: Regularization,
    pub(crate) masks: Option<Masks>, // of the hidden layers
    pub(crate) input_masks: Option<Masks>,
    first_mask: u64, // the number of the inputs'
}

impl Pass {
    /// The number of the mask on what goes into layer `l`.
    pub(crate) fn mask_number(&self, l: usize) -> u64 {
        self.first_mask.wrapping_add(l as u64)
    }

    /// Rows of S and S ⊙ H in a batch of `rows`.
    pub(crate) fn masked(&self, rows: usize) -> usize {
        if self.masks.is_some() { rows } else { 0 }
    }
}

impl<A> Buffers<A> {
    /// What comes out of the layer: H, or S ⊙ H.
    pub(crate) fn output(&self, pass: &Pass) -> &Matrix<A> {
        if pass.masks.is_some() { &self.kept } else { &self.h }
    }
}

/// What goes into the layer above `below`: X, where there is none, or what comes out of the last of them.
pub(crate) fn input<'a, A: Scalar>(below: &'a [Buffers<A>], x: Input<'a, A>, pass: &Pass) -> Input<'a, A> {
    below.last().map_or(x, |below| Input::Dense(below.output(pass).block()))
}

/// ∂J/∂W and ∂J/∂b of every layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<A> {
    layers: Vec<Layer<A>>,
}

impl<A: Scalar> Gradients<A> {
    /// Room for the gradients of a network of this architecture, all zeros.
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
