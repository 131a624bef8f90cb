//! The memory and the threads of a training step, owned by the caller, so that a step allocates nothing. No mathematics here.

use ndarray::{Array2, ArrayView2, s};

use crate::architecture::Architecture;
use crate::layer::Layer;
use crate::linalg::csr::Features;
use crate::linalg::matrix::Matrix;
use crate::loss::softmax;
use crate::objective::Objective;
use crate::ops::Ops;
use crate::ops::buffers::Buffers;
use crate::ops::compute::Compute;
use crate::ops::dropout::{DroppedInputs, Masking};
use crate::ops::output::{Labels, Scores};
use crate::passes::Memory;
use crate::scalar::Scalar;

/// The intermediate values of the forward and backward pass for batches of up to a given size, and the threads that compute them.
///
/// Made once, used for every step: `Workspace::new(&network.architecture(), batch_size)`. It takes about
/// `3 · batch_size · (units of all layers)` numbers, with dropout 5, and a copy of the weights above the first layer.
#[derive(Debug)]
pub struct Workspace<A> {
    pub(crate) ops: Ops,
    layers: Vec<Buffers<A>>,
    losses: Vec<f64>,     // (capacity)
    predictions: Vec<u8>, // (capacity)
    dropped: DroppedInputs<A>,
    objective: Objective,
    step: u64,      // forward passes in training so far
    rows: usize,    // of the batch that the buffers hold
    training: bool, // whether its pass was one in training
    stage: Stage,
}

/// What the last pass has computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Z^o.
    Logits,
    /// Ŷ and the losses, too.
    Scored,
    /// ∂J/∂Z^o, too: backward may follow.
    Forward,
    /// The weights have changed since: all values can be looked at, but backward would be wrong.
    Spent,
}

impl<A: Scalar> Workspace<A> {
    /// Returns buffers for batches of at most `capacity` examples, and one thread.
    ///
    /// # Panics
    /// If they do not fit into memory: sizes from outside go through [`Architecture::validate`] first.
    pub fn new(architecture: &Architecture, capacity: usize) -> Self {
        Self::with_compute(architecture, capacity, Compute::default())
    }

    /// Returns buffers for batches of at most `capacity` examples, and as many threads as `compute` says.
    ///
    /// # Panics
    /// As [`Workspace::new`]; if `compute` asks for no thread, for more than [`Compute::MAX_THREADS`], or for a backend that this
    /// build does not have; if the system refuses a thread.
    #[track_caller]
    pub fn with_compute(architecture: &Architecture, capacity: usize, compute: Compute) -> Self {
        let ops = Ops::new(compute);
        let last = architecture.hidden.len();
        let buffers = |(layer, (inputs, outputs))| {
            let zeros = || Matrix::zeros(capacity, outputs);
            let strips =
                || Matrix::zeros_in_strips(capacity, outputs, &ops.units::<A>(zeros().width()).parts);
            let is_hidden = layer < last;
            Buffers {
                z: if is_hidden { strips() } else { zeros() },
                h: zeros(),
                // Of the layers above the first one every thread reads all.
                delta: if is_hidden && layer == 0 { strips() } else { zeros() },
                transposed: if layer == 0 { Matrix::zeros(0, 0) } else { Matrix::zeros(outputs, inputs) },
                mask: Matrix::zeros(0, outputs),
                kept: Matrix::zeros(0, outputs),
                rows: 0,
                is_masked: false,
            }
        };
        Self {
            layers: architecture.layer_sizes().into_iter().enumerate().map(buffers).collect(),
            ops,
            losses: vec![0.0; capacity],
            predictions: vec![0; capacity],
            dropped: DroppedInputs::new(0, architecture.inputs),
            objective: Objective::default(),
            step: 0,
            rows: 0,
            training: false,
            stage: Stage::Logits,
        }
    }

    /// Sets what training minimizes; the count of steps starts at 0.
    ///
    /// # Panics
    /// If a probability is not from 0 to below 1.
    #[track_caller]
    pub fn set_objective(&mut self, objective: Objective) {
        objective.check();
        let masking = Masking::new(&objective, 0, self.layers.len());
        let rows_if = |drops: bool| if drops { self.losses.len() } else { 0 };
        let capacity = rows_if(masking.hidden(0).is_some());
        self.dropped = DroppedInputs::new(rows_if(masking.inputs().is_some()), self.dropped.inputs());
        let last = self.layers.len() - 1;
        for buffers in &mut self.layers[..last] {
            // As threads write them: where Z and H lie in strips, these do.
            let (units, width) = (buffers.z.columns(), buffers.z.width());
            buffers.mask = Matrix::zeros_in_strips(capacity, units, &self.ops.units::<A>(width).parts);
            buffers.kept = Matrix::zeros(capacity, units);
        }
        (self.objective, self.step) = (objective, 0);
        // No backward pass under another objective than the forward pass before it.
        self.stage = Stage::Logits;
    }

    /// Returns what training minimizes.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Returns the number of forward passes in training so far, which is the number of the next one: its masks are a function
    /// of it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Sets the number of the next step, so that a resumed training has the masks of one that was never interrupted.
    pub fn seek_step(&mut self, step: u64) {
        self.step = step;
    }

    /// Returns how it computes.
    pub fn compute(&self) -> Compute {
        self.ops.compute
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
        softmax(y_hat);
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
        self.dropped.to_array()
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

    /// What the output layer is compared with: the classes as they are, or as the objective says in training.
    pub(crate) fn compared_with<'l>(&self, classes: &'l [u8]) -> Labels<'l> {
        let Objective { reduction, label_smoothing, .. } = self.objective;
        match self.training {
            true => Labels { classes, smoothing: label_smoothing, weight: Some(reduction.weight(self.rows)) },
            false => Labels { classes, smoothing: 0.0, weight: None },
        }
    }

    /// What the passes work on.
    pub(crate) fn memory(&mut self) -> Memory<'_, A> {
        let masking = match self.training {
            true => Masking::new(&self.objective, self.step, self.layers.len()),
            false => Masking::NONE,
        };
        let scores = Scores { losses: &mut self.losses, predictions: &mut self.predictions };
        let (ops, buffers, dropped) = (&mut self.ops, &mut self.layers[..], &mut self.dropped);
        Memory { ops, buffers, dropped, scores, masking }
    }

    /// A forward pass with labels has come to its end.
    pub(crate) fn complete(&mut self) {
        self.step += u64::from(self.training);
        self.stage = if self.training { Stage::Forward } else { Stage::Scored };
    }

    /// The weights are about to change.
    pub(crate) fn spend(&mut self) {
        self.stage = Stage::Spent;
    }

    #[track_caller]
    pub(crate) fn check_fits(&self, layers: &[Layer<A>]) {
        let fits = self.layers.iter().map(|b| b.z.columns()).eq(layers.iter().map(Layer::outputs));
        assert!(fits, "the workspace was made for another architecture");
    }

    #[track_caller]
    fn check_complete(&self) {
        assert_ne!(self.stage, Stage::Logits, "no pass with labels since the last one without");
    }

    #[track_caller]
    pub(crate) fn check_ready(&self, layers: &[Layer<A>], x: &Features<'_, A>) {
        self.check_fits(layers);
        assert_eq!(self.stage, Stage::Forward, "backward without a forward pass of the same batch before it");
        let rows = x.dim().0;
        assert_eq!(rows, self.rows, "backward with {rows} examples after forward with {}", self.rows);
    }
}
