//! The gradient with respect to the inputs, and adversarial examples, which follow it.

use ndarray::{Array2, ArrayView2};

use crate::architecture::Architecture;
use crate::linalg::csr::Features;
use crate::linalg::matrix::Matrix;
use crate::network::Mlp;
use crate::ops::output::Labels;
use crate::scalar::Scalar;
use crate::workspace::Workspace;

impl<A: Scalar> Mlp<A> {
    /// Returns the gradient g = ∂J/∂x (n×d) of each example's loss with respect to the example,
    /// without dropout or label smoothing: how its loss changes with each input.
    ///
    /// ```
    /// use mlp_core::prelude::*;
    ///
    /// let architecture = Architecture::new(2, &[3], 2);
    /// let network = Mlp::<f64>::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
    /// let mut workspace = Workspace::new(&architecture, 1);
    /// let mut loss = |x: f64| {
    ///     network.score(ndarray::array![[x, 1.0]].view(), &[0], &mut workspace).loss_sum
    /// };
    /// let slope = (loss(0.5 + 1e-6) - loss(0.5 - 1e-6)) / 2e-6;
    ///
    /// let g = network.input_gradients(ndarray::array![[0.5, 1.0]].view(), &[0], &mut workspace);
    /// assert!((g[[0, 0]] - slope).abs() < 1e-9);
    /// # Ok::<(), NetworkError>(())
    /// ```
    ///
    /// # Panics
    /// Same as [`Mlp::score`]; also if the workspace has only some shards of a batch.
    #[track_caller]
    pub fn input_gradients<'x>(
        &self,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        workspace: &mut Workspace<A>,
    ) -> Array2<A> {
        let x = x.into();
        let (rows, inputs) = x.dim();
        let mut gradients = Matrix::zeros(rows, inputs);
        self.differentiate_by_inputs(&x, labels, rows, workspace, &mut gradients);
        gradients.to_array()
    }

    /// Writes the gradients of [`Mlp::input_gradients`] to `target`, shard by shard.
    #[track_caller]
    pub(crate) fn differentiate_by_inputs(
        &self,
        x: &Features<'_, A>,
        labels: &[u8],
        batch: usize,
        workspace: &mut Workspace<A>,
        target: &mut Matrix<A>,
    ) {
        let (rows, inputs) = x.dim();
        self.check_labels(rows, labels);
        assert_eq!(inputs, target.columns(), "{inputs} inputs, and memory for {}", target.columns());
        assert!(rows <= target.rows(), "{rows} examples, and memory for {}", target.rows());
        workspace.begin(&self.layers, x, Some(batch));
        let compared = Some(Labels { classes: labels, smoothing: 0.0, weight: Some(1.0) });
        let (layers, f) = (&self.layers[..], self.activation());
        A::forward(layers, f, x, compared, workspace.memory_without_dropout());
        A::backward_to_inputs(layers, f, target, workspace.memory_without_dropout());
        workspace.spend();
    }
}

/// Makes adversarial examples: moves each example a given distance in the direction in which its
/// loss rises fastest.
///
/// Training on them in place of the examples (adversarial training, Goodfellow, Shlens and Szegedy
/// 2015, here with steps of one Euclidean length as in Miyato, Dai and Goodfellow 2017) makes the
/// network's output smooth around each example. It needs no knowledge about the inputs.
///
/// ```
/// use mlp_core::prelude::*;
///
/// let architecture = Architecture::new(2, &[8], 2);
/// let mut network = Mlp::<f32>::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 2);
/// let mut adversary = Adversary::new(&architecture, 2, 0.1);
///
/// let (x, labels) = (ndarray::array![[1.0, -1.0], [0.5, 2.0]], [0, 1]);
/// for _ in 0..100 {
///     let harder = adversary.perturb(&network, x.view(), &labels, &mut workspace);
///     network.train_step(harder, &labels, 0.1, &mut workspace);
/// }
/// assert_eq!(network.score(x.view(), &labels, &mut workspace).accuracy(), 1.0);
/// # Ok::<(), NetworkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adversary<A> {
    distance: f64,
    inputs: Matrix<A>, // (capacity, inputs)
}

impl<A: Scalar> Adversary<A> {
    /// Returns an adversary for batches of up to `capacity` examples. `distance` is the Euclidean
    /// distance by which it moves each example.
    ///
    /// # Panics
    /// If `distance` is negative or not finite.
    #[track_caller]
    pub fn new(architecture: &Architecture, capacity: usize, distance: f64) -> Self {
        assert!(distance.is_finite() && distance >= 0.0, "the distance is {distance}; expected 0 or more");
        Self { distance, inputs: Matrix::zeros(capacity, architecture.inputs) }
    }

    /// Returns x + distance·g/‖g‖ (n×d) for each example x, with the gradient g of its loss, which
    /// is that of [`Mlp::input_gradients`]. An example without a gradient is not moved.
    ///
    /// # Panics
    /// Same as [`Mlp::score`]; also if there are more examples than the capacity, or the network
    /// has another architecture.
    #[track_caller]
    pub fn perturb<'x>(
        &mut self,
        network: &Mlp<A>,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        workspace: &mut Workspace<A>,
    ) -> ArrayView2<'_, A> {
        let x = x.into();
        self.perturb_own(network, x, labels, x.dim().0, workspace)
    }

    /// Like [`perturb`](Self::perturb), for this process's examples of a batch of `batch` examples
    /// in all processes, as in [`Mlp::forward_own`].
    ///
    /// # Panics
    /// Same as [`perturb`](Self::perturb); also if the number of examples is another one.
    #[track_caller]
    pub fn perturb_own<'x>(
        &mut self,
        network: &Mlp<A>,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        batch: usize,
        workspace: &mut Workspace<A>,
    ) -> ArrayView2<'_, A> {
        let x = x.into();
        let rows = x.dim().0;
        network.differentiate_by_inputs(&x, labels, batch, workspace, &mut self.inputs);
        A::step_from_inputs(&mut workspace.ops, &x, self.distance, &mut self.inputs);
        self.inputs.view().slice_move(ndarray::s![..rows, ..])
    }
}
