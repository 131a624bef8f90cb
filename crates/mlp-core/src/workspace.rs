//! The buffers and threads of a training step. The caller owns them, so a step allocates nothing.

use ndarray::{Array2, ArrayView2, s};

use crate::architecture::Architecture;
use crate::kernels::ByColumn;
use crate::layer::{Gradients, Layer};
use crate::linalg::csr::Features;
use crate::linalg::matrix::Matrix;
use crate::loss::softmax;
use crate::objective::Objective;
use crate::ops::Ops;
use crate::ops::buffers::Buffers;
use crate::ops::compute::Compute;
use crate::ops::dropout::{DroppedInputs, Masking};
use crate::ops::output::{Labels, Scores};
use crate::ops::shards::Sums;
use crate::parallel::Partition;
use crate::passes::Memory;
use crate::scalar::Scalar;
use crate::shards::Shards;

/// Buffers for the forward and backward pass of batches up to a given size, and the threads that
/// compute them.
///
/// Create one with `Workspace::new(&network.architecture(), batch_size)` and reuse it for every
/// step. It holds about `3 · batch_size · (units of all layers)` numbers (5 with dropout).
#[derive(Debug)]
pub struct Workspace<A> {
    pub(crate) ops: Ops,
    layers: Vec<Buffers<A>>,
    losses: Vec<f64>,     // (capacity)
    predictions: Vec<u8>, // (capacity)
    dropped: DroppedInputs<A>,
    objective: Objective,
    shards: Shards, // of each batch in training
    sums: Sums<A>,
    pub(crate) total: Option<Gradients<A>>, // of `Mlp::descend_in_place`, since its first call
    step: u64,                              // forward passes in training so far
    rows: usize,                            // examples of the last pass
    batch: usize,                           // those of its batch in all processes
    training: bool,                         // was it a pass in training?
    stage: Stage,
}

/// What the last pass computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Z^o.
    Logits,
    /// Also Ŷ and the losses.
    Scored,
    /// Also ∂J/∂Z^o: backward may follow.
    Forward,
    /// The weights have changed since: values can be read, but backward would be wrong.
    Spent,
}

impl<A: Scalar> Workspace<A> {
    /// Returns a workspace for batches of up to `capacity` examples, on one thread.
    ///
    /// # Panics
    /// If the buffers do not fit into memory. Call [`Architecture::validate`] first if the sizes
    /// are untrusted.
    pub fn new(architecture: &Architecture, capacity: usize) -> Self {
        Self::with_compute(architecture, capacity, Compute::default())
    }

    /// Returns a workspace for batches of up to `capacity` examples, on `compute.threads` threads.
    ///
    /// # Panics
    /// Same as [`Workspace::new`]; also if the number of threads is 0 or above
    /// [`Compute::MAX_THREADS`], if this build does not have the backend, or if the system cannot
    /// start a thread.
    #[track_caller]
    pub fn with_compute(architecture: &Architecture, capacity: usize, compute: Compute) -> Self {
        let ops = Ops::new(compute);
        let last = architecture.hidden.len();
        let buffers = |(layer, (inputs, outputs))| {
            let zeros = || Matrix::zeros(capacity, outputs);
            let strips =
                || Matrix::zeros_in_strips(capacity, outputs, &ops.units::<A>(zeros().width()).parts);
            let units = ops.units::<A>(zeros().width()).parts;
            let sorted =
                units.ranges().map(|own| ByColumn::new(inputs, if layer == 0 { own.len() } else { 0 }));
            let is_hidden = layer < last;
            Buffers {
                z: if is_hidden { strips() } else { zeros() },
                h: zeros(),
                // Above the first layer, every thread reads all of it.
                delta: if is_hidden && layer == 0 { strips() } else { zeros() },
                mask: Matrix::zeros(0, outputs),
                kept: Matrix::zeros(0, outputs),
                sorted: sorted.collect(),
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
            shards: Shards::ONE,
            sums: Sums::new(Shards::ONE, || Gradients { layers: Vec::new() }),
            batch: 0,
            total: None,
            step: 0,
            rows: 0,
            training: false,
            stage: Stage::Logits,
        }
    }

    /// Sets the objective of training and resets the step count to 0.
    ///
    /// # Panics
    /// If a probability is not in [0, 1).
    #[track_caller]
    pub fn set_objective(&mut self, objective: Objective) {
        objective.check();
        let masking = Masking::new(&objective, 0, self.layers.len(), 0);
        let rows_if = |drops: bool| if drops { self.losses.len() } else { 0 };
        let capacity = rows_if(masking.hidden(0, 0).is_some());
        self.dropped = DroppedInputs::new(rows_if(masking.inputs().is_some()), self.dropped.inputs());
        let last = self.layers.len() - 1;
        for buffers in &mut self.layers[..last] {
            // In strips like Z.
            let (units, width) = (buffers.z.columns(), buffers.z.width());
            buffers.mask = Matrix::zeros_in_strips(capacity, units, &self.ops.units::<A>(width).parts);
            buffers.kept = Matrix::zeros(capacity, units);
        }
        (self.objective, self.step) = (objective, 0);
        // A backward pass must use the objective of its forward pass.
        self.stage = Stage::Logits;
    }

    /// Splits each batch in training into shards: contiguous parts whose sizes differ by at most
    /// one. The gradient of a batch is the sum of their gradients, added in a fixed tree, and its
    /// loss the sum of their losses, so the bits of a training depend on the number of shards. They
    /// do not depend on where a shard is computed. The default is 1.
    ///
    /// [`Shards`] defines the parts and the tree. With shards of other processes, use
    /// [`Mlp::forward_own`](crate::Mlp::forward_own) and
    /// [`Optimizer::descend_with`](crate::Optimizer::descend_with). Each level of the tree takes as
    /// much memory as [`Gradients`].
    ///
    /// # Panics
    /// If the number is 0.
    #[track_caller]
    pub fn set_shards(&mut self, shards: impl Into<Shards>) {
        self.shards = shards.into();
        self.sums = Sums::new(self.shards, || self.gradients());
        // A backward pass must use the shards of its forward pass.
        self.stage = Stage::Logits;
    }

    /// Returns the shards of each batch in training.
    pub fn shards(&self) -> Shards {
        self.shards
    }

    /// Returns the sum of the losses of each of this process's shards, after a pass in training.
    pub fn shard_losses(&self) -> impl Iterator<Item = f64> {
        let shards = self.shards;
        shards.own().map(move |shard| self.losses[shards.rows(shard, self.batch)].iter().sum())
    }

    /// Returns gradients of zeros.
    pub(crate) fn gradients(&self) -> Gradients<A> {
        let outputs = self.layers.iter().map(|buffers| buffers.z.columns());
        let inputs = std::iter::once(self.dropped.inputs()).chain(outputs.clone());
        Gradients {
            layers: inputs.zip(outputs).map(|(inputs, outputs)| Layer::zeros(inputs, outputs)).collect(),
        }
    }

    /// Returns the objective of training.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Returns the number of forward passes in training so far. The dropout masks depend on it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Sets the step count, so that a resumed run draws the masks of an uninterrupted one.
    pub fn seek_step(&mut self, step: u64) {
        self.step = step;
    }

    /// Returns the backend, instruction set and threads.
    pub fn compute(&self) -> Compute {
        self.ops.compute
    }

    /// Calls `work` with the index of each item and the item, each on a thread of its own: for
    /// preparing batches with the threads of the passes.
    ///
    /// ```
    /// # use mlp_core::*;
    /// let compute = Compute::default().with_threads(2);
    /// let architecture = Architecture::new(4, &[3], 2);
    /// let mut workspace = Workspace::<f32>::with_compute(&architecture, 8, compute);
    /// let mut items = [10, 20];
    /// workspace.on_each_thread(&mut items, |thread, item| *item += thread);
    /// assert_eq!(items, [10, 21]);
    /// ```
    ///
    /// # Panics
    /// If the number of items is not [`Compute::threads`]; with the first panic of `work`.
    #[track_caller]
    pub fn on_each_thread<T: Send>(&mut self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let threads = self.ops.pool.len();
        assert_eq!(items.len(), threads, "{} items for {threads} threads", items.len());
        let parts = Partition::new(threads, 1, threads);
        self.ops.pool.run(parts.slice(items), |thread, item| work(thread, &mut item[0]));
    }

    /// Returns the maximum batch size.
    pub fn capacity(&self) -> usize {
        self.losses.len()
    }

    /// Returns Z^o (n×k) of the last forward pass.
    pub fn logits(&self) -> ArrayView2<'_, A> {
        self.layers[self.layers.len() - 1].z.view().slice_move(s![..self.rows, ..])
    }

    /// Returns Ŷ (n×k) of the last pass with labels.
    ///
    /// # Panics
    /// If the last pass had no labels.
    #[track_caller]
    pub fn probabilities(&self) -> ArrayView2<'_, A> {
        self.check_complete();
        self.softmaxed()
    }

    /// Computes Ŷ from the logits of the last pass.
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

    /// Returns the cross-entropy, in nats, of each example (n) of the last pass with labels.
    ///
    /// # Panics
    /// If the last pass had no labels.
    #[track_caller]
    pub fn losses(&self) -> &[f64] {
        self.check_complete();
        &self.losses[..self.rows]
    }

    /// Returns the prediction for each example (n) of the last pass with labels. If logits are
    /// equal, the first wins.
    ///
    /// # Panics
    /// If the last pass had no labels.
    #[track_caller]
    pub fn predictions(&self) -> &[u8] {
        self.check_complete();
        &self.predictions[..self.rows]
    }

    /// Returns Z (n×units) of layer `l`, counted from 0.
    ///
    /// # Panics
    /// If `l` is out of range.
    #[track_caller]
    pub fn pre_activations(&self, l: usize) -> Array2<A> {
        self.layers[l].z.to_array().slice_move(s![..self.rows, ..])
    }

    /// Returns H (n×units) of layer `l`, counted from 0; Ŷ for the last layer.
    ///
    /// # Panics
    /// If `l` is out of range.
    #[track_caller]
    pub fn activations(&self, l: usize) -> Array2<A> {
        self.layers[l].h.to_array().slice_move(s![..self.rows, ..])
    }

    /// Returns the inputs (n×inputs) of the last training pass after dropout; `None` without input
    /// dropout.
    pub fn dropped_inputs(&self) -> Option<Array2<A>> {
        self.dropped.to_array()
    }

    /// Returns the dropout mask S (n×units) of hidden layer `l`, counted from 0, of the last
    /// training pass; no rows without dropout.
    ///
    /// # Panics
    /// If `l` is out of range.
    #[track_caller]
    pub fn dropout_mask(&self, l: usize) -> Array2<A> {
        let mask = self.layers[l].mask.to_array();
        let rows = if self.training { self.rows.min(mask.nrows()) } else { 0 };
        mask.slice_move(s![..rows, ..])
    }

    /// Returns ∂J/∂Z (n×units) of layer `l`, counted from 0, after a backward pass.
    ///
    /// # Panics
    /// If `l` is out of range.
    #[track_caller]
    pub fn deltas(&self, l: usize) -> Array2<A> {
        self.layers[l].delta.to_array().slice_move(s![..self.rows, ..])
    }

    /// Starts a pass: in training, on this process's examples of a batch of a given size.
    #[track_caller]
    pub(crate) fn begin(&mut self, layers: &[Layer<A>], x: &Features<'_, A>, batch: Option<usize>) {
        let (rows, inputs) = x.dim();
        let expected = layers[0].inputs();
        assert_eq!(inputs, expected, "{inputs} numbers per example for a network with {expected} inputs");
        assert!(rows <= self.capacity(), "{rows} examples in a workspace for {}", self.capacity());
        self.check_fits(layers);
        if let Some(batch) = batch {
            let expected = self.shards.examples(batch).len();
            assert_eq!(rows, expected, "{rows} examples; the shards of a batch of {batch} have {expected}");
        }
        (self.rows, self.batch, self.training) = (rows, batch.unwrap_or(rows), batch.is_some());
        self.stage = Stage::Logits;
    }

    /// The targets of the output layer: smoothed and weighted in training only.
    pub(crate) fn compared_with<'l>(&self, classes: &'l [u8]) -> Labels<'l> {
        let Objective { reduction, label_smoothing, .. } = self.objective;
        match self.training {
            true => {
                Labels { classes, smoothing: label_smoothing, weight: Some(reduction.weight(self.batch)) }
            }
            false => Labels { classes, smoothing: 0.0, weight: None },
        }
    }

    /// Borrows the parts that the passes use.
    pub(crate) fn memory(&mut self) -> Memory<'_, A> {
        let (masking, shards) = match self.training {
            true => {
                let first = self.shards.examples(self.batch).start;
                (Masking::new(&self.objective, self.step, self.layers.len(), first), self.shards)
            }
            false => (Masking::NONE, Shards::ONE),
        };
        let scores = Scores { losses: &mut self.losses, predictions: &mut self.predictions };
        let (ops, buffers, dropped) = (&mut self.ops, &mut self.layers[..], &mut self.dropped);
        Memory { ops, buffers, dropped, scores, masking, batch: self.batch, shards, sums: &mut self.sums }
    }

    /// Like [`memory`](Self::memory), for passes that drop nothing.
    pub(crate) fn memory_without_dropout(&mut self) -> Memory<'_, A> {
        Memory { masking: Masking::NONE, ..self.memory() }
    }

    /// Ends a forward pass with labels and returns the sum of the losses: of those of each shard,
    /// in training.
    pub(crate) fn complete(&mut self) -> f64 {
        self.step += u64::from(self.training);
        self.stage = if self.training { Stage::Forward } else { Stage::Scored };
        if self.training { self.shard_losses().sum() } else { self.losses().iter().sum() }
    }

    /// Marks the gradients as used: the weights are about to change.
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
        assert_ne!(self.stage, Stage::Logits, "the last pass had no labels");
    }

    #[track_caller]
    pub(crate) fn check_ready(&self, layers: &[Layer<A>], x: &Features<'_, A>) {
        self.check_fits(layers);
        assert_eq!(self.stage, Stage::Forward, "backward needs a forward pass of the same batch first");
        let rows = x.dim().0;
        assert_eq!(rows, self.rows, "backward with {rows} examples after forward with {}", self.rows);
    }
}
