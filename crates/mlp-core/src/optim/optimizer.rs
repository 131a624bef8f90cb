//! The optimizer: its state, and a step with weight decay and gradient clipping. The formulas are
//! in `kind.rs`, the loops in `kernels/update.rs`. The caller schedules the learning rate.

use super::kind::OptimizerKind;
use crate::architecture::Architecture;
use crate::kernels::Step;
use crate::layer::{Gradients, Layer};
use crate::linalg::csr::Features;
use crate::linalg::matrix::Matrix;
use crate::loss::Score;
use crate::network::Mlp;
use crate::scalar::Scalar;
use crate::shards::Peers;
use crate::workspace::Workspace;

/// An optimizer with its state, weight decay and gradient clipping.
///
/// ```
/// use mlp_core::prelude::*;
///
/// let architecture = Architecture::new(2, &[8], 2);
/// let mut network = Mlp::<f32>::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 1);
///
/// let mut optimizer = Optimizer::new(OptimizerKind::Nesterov { momentum: 0.9 }, &architecture);
/// let x = ndarray::array![[1.0, -1.0]];
/// for _ in 0..100 {
///     optimizer.train_step(&mut network, x.view(), &[1], 0.1, &mut workspace);
/// }
/// assert_eq!(network.score(x.view(), &[1], &mut workspace).accuracy(), 1.0);
/// # Ok::<(), mlp_core::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer<A> {
    kind: OptimizerKind,
    weight_decay: f64,
    max_norm: Option<f64>,
    steps: u64,
    gradients: Gradients<A>,
    squares: Vec<f64>,          // scratch for the norm
    states: [Vec<Layer<A>>; 2], // v, or m and v, of each layer; unused ones have no rows
}

impl<A: Scalar> Optimizer<A> {
    /// Returns a new optimizer without weight decay or clipping.
    ///
    /// # Panics
    /// If a hyperparameter is out of range.
    #[track_caller]
    pub fn new(kind: OptimizerKind, architecture: &Architecture) -> Self {
        kind.check();
        let states = |present: bool| {
            let layer = |(inputs, outputs)| Layer {
                weights: Matrix::zeros(if present { inputs } else { 0 }, outputs),
                biases: Matrix::zeros(usize::from(present), outputs),
            };
            architecture.layer_sizes().into_iter().map(layer).collect()
        };
        let count = kind.states();
        Self {
            kind,
            weight_decay: 0.0,
            max_norm: None,
            steps: 0,
            gradients: Gradients::new(architecture),
            squares: Vec::new(),
            states: [states(count > 0), states(count > 1)],
        }
    }

    /// Adds decoupled weight decay (Loshchilov and Hutter 2019): before each step W ← (1 -
    /// η·`decay`) W. Biases do not decay.
    ///
    /// # Panics
    /// If `decay` is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn with_weight_decay(self, decay: f64) -> Self {
        assert!(decay.is_finite() && decay >= 0.0, "weight decay is {decay}; expected 0 or more");
        Self { weight_decay: decay, ..self }
    }

    /// Clips gradients by norm (Pascanu et al. 2013): if the Euclidean norm over all parameters
    /// exceeds `max_norm`, the gradient is scaled down to that norm.
    ///
    /// # Panics
    /// If `max_norm` is not above 0.
    #[must_use]
    #[track_caller]
    pub fn with_clipping(self, max_norm: f64) -> Self {
        assert!(max_norm > 0.0, "maximum gradient norm is {max_norm}; expected above 0");
        let widths = self.gradients.layers().iter().map(|layer| layer.weights.width());
        let squares = vec![0.0; widths.max().unwrap_or(0)];
        Self { max_norm: Some(max_norm), squares, ..self }
    }

    /// Returns the kind of optimizer.
    pub fn kind(&self) -> OptimizerKind {
        self.kind
    }

    /// Returns the number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the state, each item shaped like the network's parameters: v for
    /// [`OptimizerKind::Momentum`], [`OptimizerKind::Nesterov`] and [`OptimizerKind::RmsProp`]; m
    /// and v for [`OptimizerKind::Adam`]; nothing for [`OptimizerKind::Sgd`].
    pub fn states(&self) -> impl Iterator<Item = &[Layer<A>]> {
        self.states[..self.kind.states()].iter().map(Vec::as_slice)
    }

    /// Continues from another optimizer of this kind, given its steps and [`states`](Self::states).
    ///
    /// # Errors
    /// A message if the number or shapes of the states do not match.
    pub fn restore(&mut self, steps: u64, states: Vec<Vec<Layer<A>>>) -> Result<(), String> {
        let (expected, found) = (self.kind.states(), states.len());
        if found != expected {
            return Err(format!("{found} optimizer states; expected {expected}"));
        }
        let shape = |layer: &Layer<A>| (layer.inputs(), layer.outputs(), layer.biases.columns());
        for (own, state) in self.states.iter().zip(&states) {
            if !own.iter().map(shape).eq(state.iter().map(shape)) {
                return Err("the optimizer states belong to another network".to_owned());
            }
        }
        self.states.iter_mut().zip(states).for_each(|(own, state)| *own = state);
        self.steps = steps;
        Ok(())
    }

    /// Takes a step on a batch and returns the score before it. Equals [`Mlp::train_step`] for
    /// [`OptimizerKind::Sgd`].
    ///
    /// # Panics
    /// Same as [`Mlp::train_step`]; also if the optimizer has another architecture.
    #[track_caller]
    pub fn train_step<'x>(
        &mut self,
        network: &mut Mlp<A>,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) -> Score {
        let x = x.into();
        let score = network.forward(x, labels, workspace);
        self.descend(network, x, learning_rate, workspace);
        score
    }

    /// The second half of [`train_step`](Self::train_step), after [`Mlp::forward`] on the same
    /// batch. Plain gradient descent without decay, clipping or shards never stores the gradient.
    ///
    /// # Panics
    /// Same as [`Mlp::backward`]; also if the optimizer has another architecture.
    #[track_caller]
    pub fn descend<'x>(
        &mut self,
        network: &mut Mlp<A>,
        x: impl Into<Features<'x, A>>,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) {
        self.descend_with(network, x, learning_rate, workspace, None);
    }

    /// Like [`descend`](Self::descend), after [`Mlp::forward_own`], with other processes that
    /// compute the other [`Shards`](crate::Shards). All take the same step.
    ///
    /// # Panics
    /// Same as [`descend`](Self::descend); also if the workspace has all shards and there are other
    /// processes, or the reverse.
    #[track_caller]
    pub fn descend_with<'x>(
        &mut self,
        network: &mut Mlp<A>,
        x: impl Into<Features<'x, A>>,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
        peers: Option<&mut dyn Peers<A>>,
    ) {
        self.steps += 1;
        let is_plain = self.weight_decay == 0.0 && self.max_norm.is_none() && workspace.shards().count() == 1;
        if self.kind == OptimizerKind::Sgd && is_plain {
            network.descend_in_place(x, learning_rate, workspace);
            return;
        }
        network.backward_with(&x.into(), workspace, &mut self.gradients, peers);
        workspace.spend();
        let ops = &mut workspace.ops;
        let scale = self.max_norm.map_or(1.0, |max| {
            let (gradients, squares) = (self.gradients.layers(), &mut self.squares);
            let square =
                |layer: &Layer<A>| A::sum_of_squares(ops, layer, &mut squares[..layer.weights.width()]);
            let norm = gradients.iter().map(square).sum::<f64>().sqrt();
            if norm > max { max / norm } else { 1.0 }
        });
        let step = Step { kind: self.kind, learning_rate, scale, number: self.steps };
        let kept = 1.0 - learning_rate * self.weight_decay;
        let [first, second] = &mut self.states;
        let states = first.iter_mut().zip(second);
        for (l, (layer, (first, second))) in network.layers.iter_mut().zip(states).enumerate() {
            if l == 0 {
                // The backward pass leaves the first layer's gradient in strips.
                let units = ops.units::<A>(layer.weights.width()).parts;
                for matrix in [&mut layer.weights, &mut first.weights, &mut second.weights] {
                    matrix.arrange(&units);
                }
            }
            A::take_step(ops, step, kept, &self.gradients.layers()[l], layer, [first, second]);
        }
    }
}
