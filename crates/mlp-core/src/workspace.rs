//! The buffers of a training step, owned by the caller, so that a step allocates nothing; and the gradients, which have the
//! shape of the network. No mathematics here.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, s};

use crate::{Architecture, Layer, Scalar};

/// The intermediate values of the forward and backward pass for batches of up to a given size.
///
/// Made once, used for every step: `Workspace::new(&network.architecture(), batch_size)`. It takes about
/// `3 · batch_size · (units of all layers)` numbers.
#[derive(Clone, Debug)]
pub struct Workspace<A> {
    layers: Vec<Buffers<A>>,
    losses: Array1<A>, // (capacity)
    rows: usize,       // of the batch that the buffers hold
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

#[derive(Clone, Debug)]
struct Buffers<A> {
    z: Array2<A>,     // (capacity, outputs): X·W + b
    h: Array2<A>,     // (capacity, outputs): f(Z), and softmax(Z) in the output layer
    delta: Array2<A>, // (capacity, outputs): ∂J/∂Z
}

/// The rows in use of one layer's buffers.
pub(crate) struct LayerViews<'w, A> {
    pub(crate) z: ArrayViewMut2<'w, A>,
    pub(crate) h: ArrayViewMut2<'w, A>,
    pub(crate) delta: ArrayViewMut2<'w, A>,
}

impl<A: Scalar> Buffers<A> {
    fn views(&mut self, rows: usize) -> LayerViews<'_, A> {
        LayerViews {
            z: self.z.slice_mut(s![..rows, ..]),
            h: self.h.slice_mut(s![..rows, ..]),
            delta: self.delta.slice_mut(s![..rows, ..]),
        }
    }
}

impl<A: Scalar> Workspace<A> {
    /// Buffers for batches of at most `capacity` examples.
    ///
    /// # Panics
    /// If they do not fit into memory: sizes from outside go through [`Architecture::validate`] first.
    pub fn new(architecture: &Architecture, capacity: usize) -> Self {
        let buffers = |(_, outputs)| {
            let zeros = || Array2::zeros((capacity, outputs));
            Buffers { z: zeros(), h: zeros(), delta: zeros() }
        };
        let layers = architecture.layer_sizes().into_iter().map(buffers).collect();
        Self { layers, losses: Array1::zeros(capacity), rows: 0, stage: Stage::Logits }
    }

    /// The largest batch that fits.
    pub fn capacity(&self) -> usize {
        self.losses.len()
    }

    /// Z^o (n×k) of the last forward pass.
    pub fn logits(&self) -> ArrayView2<'_, A> {
        self.layers[self.layers.len() - 1].z.slice(s![..self.rows, ..])
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

    pub(crate) fn softmaxed(&self) -> ArrayView2<'_, A> {
        self.layers[self.layers.len() - 1].h.slice(s![..self.rows, ..])
    }

    /// The cross-entropy of each example (n) of the last [`forward`](crate::Mlp::forward), in nats.
    ///
    /// # Panics
    /// If the last pass was one for logits only.
    #[track_caller]
    pub fn losses(&self) -> &[A] {
        self.check_complete();
        &self.losses.as_slice().expect("one-dimensional and contiguous")[..self.rows]
    }

    /// Z (n×units) of layer `l`, counted from 0: what goes into the activation, or the logits.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn pre_activations(&self, l: usize) -> ArrayView2<'_, A> {
        self.layers[l].z.slice(s![..self.rows, ..])
    }

    /// H (n×units) of layer `l`, counted from 0; of the last layer, Ŷ.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn activations(&self, l: usize) -> ArrayView2<'_, A> {
        self.layers[l].h.slice(s![..self.rows, ..])
    }

    /// ∂J/∂Z (n×units) of layer `l`, counted from 0, after a backward pass.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn deltas(&self, l: usize) -> ArrayView2<'_, A> {
        self.layers[l].delta.slice(s![..self.rows, ..])
    }

    /// Takes in a batch of `dim` = (examples, inputs).
    #[track_caller]
    pub(crate) fn begin(&mut self, layers: &[Layer<A>], dim: (usize, usize)) {
        let (rows, inputs) = dim;
        let expected = layers[0].inputs();
        assert_eq!(inputs, expected, "examples of {inputs} numbers for a network of {expected} inputs");
        assert!(rows <= self.capacity(), "{rows} examples in a workspace for {}", self.capacity());
        self.check_fits(layers);
        self.rows = rows;
        self.stage = Stage::Logits;
    }

    #[track_caller]
    fn check_fits(&self, layers: &[Layer<A>]) {
        let fits = self.layers.iter().map(|b| b.z.ncols()).eq(layers.iter().map(Layer::outputs));
        assert!(fits, "the workspace was made for another architecture");
    }

    #[track_caller]
    fn check_complete(&self) {
        assert_ne!(self.stage, Stage::Logits, "no forward pass with labels since the last one without");
    }

    /// The forward pass has come to its end.
    pub(crate) fn complete(&mut self) {
        self.stage = Stage::Forward;
    }

    /// The weights are about to change.
    pub(crate) fn spend(&mut self) {
        self.stage = Stage::Spent;
    }

    #[track_caller]
    pub(crate) fn check_ready(&self, layers: &[Layer<A>], rows: usize) {
        self.check_fits(layers);
        assert_eq!(self.stage, Stage::Forward, "backward without a forward pass of the same batch before it");
        assert_eq!(rows, self.rows, "backward with {rows} examples after forward with {}", self.rows);
    }

    /// What goes into layer `l` (x itself for the first), and the layer's buffers.
    pub(crate) fn layer<'w>(
        &'w mut self,
        l: usize,
        x: ArrayView2<'w, A>,
    ) -> (ArrayView2<'w, A>, LayerViews<'w, A>) {
        let rows = self.rows;
        let (before, here) = self.layers.split_at_mut(l);
        let input = before.last().map_or(x, |below| below.h.slice(s![..rows, ..]));
        (input, here[0].views(rows))
    }

    /// The buffers of the layers `l - 1` and `l`.
    pub(crate) fn pair(&mut self, l: usize) -> (LayerViews<'_, A>, LayerViews<'_, A>) {
        let rows = self.rows;
        let (before, here) = self.layers.split_at_mut(l);
        (before[l - 1].views(rows), here[0].views(rows))
    }

    /// The buffers of the output layer, and the examples' losses.
    pub(crate) fn output(&mut self) -> (LayerViews<'_, A>, ArrayViewMut1<'_, A>) {
        let last = self.layers.len() - 1;
        (self.layers[last].views(self.rows), self.losses.slice_mut(s![..self.rows]))
    }
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
        let shapes = |layers: &[Layer<A>]| layers.iter().map(|l| l.weights.dim()).collect::<Vec<_>>();
        let same = self.layers.iter().map(|l| l.weights.dim()).eq(layers.iter().map(|l| l.weights.dim()));
        assert!(same, "gradients of shapes {:?} for layers of {:?}", shapes(&self.layers), shapes(layers));
    }
}
