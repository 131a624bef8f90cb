//! What is done with a gradient beyond plain descent: momentum, the adaptive methods, weight decay, clipping. Each rule stands with its
//! formula and its source; the loops that compute them are in `step.rs`.
//!
//! The learning rate comes with every step: schedules are not the optimizer's business.

use crate::matrix::Matrix;
use crate::step::Step;
use crate::{Architecture, Features, Gradients, Layer, Mlp, Reduction, Scalar, Score, Workspace};

/// How a gradient g becomes a step of the parameters θ, with the learning rate η. Velocities and moments (v, m) begin at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// θ ← θ - η g: gradient descent, the chapter's.
    #[default]
    Sgd,
    /// v ← μ v + g, θ ← θ - η v: the heavy ball (Polyak 1964), with η outside of v as in PyTorch.
    Momentum {
        /// μ, from 0 to below 1.
        momentum: f64,
    },
    /// v ← μ v + g, θ ← θ - η (g + μ v): Nesterov's accelerated gradient (Nesterov 1983; Sutskever and others 2013), as in PyTorch.
    Nesterov {
        /// μ, from 0 to below 1.
        momentum: f64,
    },
    /// m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², and in step t, counted from 1, θ ← θ - η/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε): Kingma and
    /// Ba 2015, algorithm 1. With a weight decay it is AdamW (Loshchilov and Hutter 2019), decay being decoupled here.
    Adam {
        /// β₁, from 0 to below 1.
        beta1: f64,
        /// β₂, from 0 to below 1.
        beta2: f64,
        /// ε, above 0.
        epsilon: f64,
    },
    /// v ← α v + (1-α) g², θ ← θ - η g / (√v + ε): Tieleman and Hinton 2012, lecture 6e.
    RmsProp {
        /// α, from 0 to below 1.
        decay: f64,
        /// ε, above 0.
        epsilon: f64,
    },
}

/// A rule with its state, and what is done to gradient and weights besides.
///
/// ```
/// use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream, Optimizer, Reduction, Rule, Workspace};
/// use ndarray::array;
///
/// let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let labels = [0, 1, 1, 0];
/// let architecture =
///     Architecture { inputs: 2, hidden: vec![8], outputs: 2, activation: Activation::Tanh };
/// let mut network = Mlp::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 4);
///
/// let mut optimizer = Optimizer::new(Rule::Nesterov { momentum: 0.9 }, &architecture);
/// for _ in 0..100 {
///     optimizer.train_step(&mut network, x.view(), &labels, Reduction::Mean, 0.1, &mut workspace);
/// }
/// assert_eq!(network.forward(x.view(), &labels, &mut workspace).accuracy(), 1.0);
/// # Ok::<(), mlp_core::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer<A> {
    rule: Rule,
    weight_decay: f64,
    max_norm: Option<f64>,
    steps: u64,
    gradients: Gradients<A>,
    squares: Vec<f64>,          // scratch of the norm
    states: [Vec<Layer<A>>; 2], // v, or m and v, of each layer; no rows where the rule has none
}

impl<A: Scalar> Optimizer<A> {
    /// The rule at its beginning, without weight decay or clipping.
    ///
    /// # Panics
    /// If a number of the rule is out of its range.
    #[track_caller]
    pub fn new(rule: Rule, architecture: &Architecture) -> Self {
        rule.check();
        let states = |present: bool| {
            let layer = |(inputs, outputs)| Layer {
                weights: Matrix::zeros(if present { inputs } else { 0 }, outputs),
                biases: Matrix::zeros(usize::from(present), outputs),
            };
            architecture.layer_sizes().into_iter().map(layer).collect()
        };
        let count = rule.states();
        Self {
            rule,
            weight_decay: 0.0,
            max_norm: None,
            steps: 0,
            gradients: Gradients::new(architecture),
            squares: Vec::new(),
            states: [states(count > 0), states(count > 1)],
        }
    }

    /// Decoupled weight decay (Loshchilov and Hutter 2019): before each step W ← (1 - η·`decay`) W. Biases do not decay.
    ///
    /// # Panics
    /// If it is not a finite number from 0 on.
    #[must_use]
    #[track_caller]
    pub fn with_weight_decay(self, decay: f64) -> Self {
        assert!(decay.is_finite() && decay >= 0.0, "a weight decay of {decay}: expected 0 or more");
        Self { weight_decay: decay, ..self }
    }

    /// Clipping by norm (Pascanu and others 2013): a gradient whose Euclidean norm, over all parameters together, is above
    /// `most` is scaled down to that norm.
    ///
    /// # Panics
    /// If it is not above 0.
    #[must_use]
    #[track_caller]
    pub fn with_clipping(self, most: f64) -> Self {
        assert!(most > 0.0, "a gradient of norm at most {most}: expected above 0");
        let widths = self.gradients.layers().iter().map(|layer| layer.weights.width());
        let squares = vec![0.0; widths.max().unwrap_or(0)];
        Self { max_norm: Some(most), squares, ..self }
    }

    /// The rule.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What the rule remembers, each like the parameters of a network: v of [`Rule::Momentum`], [`Rule::Nesterov`] and
    /// [`Rule::RmsProp`], m and v of [`Rule::Adam`]; of [`Rule::Sgd`] nothing.
    pub fn states(&self) -> impl Iterator<Item = &[Layer<A>]> {
        self.states[..self.rule.states()].iter().map(Vec::as_slice)
    }

    /// Goes on where another optimizer of this rule was after `steps` steps, with what its [`states`](Self::states) were.
    ///
    /// # Errors
    /// What does not fit, if there are not as many states, or they have not the shapes of this optimizer's network.
    pub fn restore(&mut self, steps: u64, states: Vec<Vec<Layer<A>>>) -> Result<(), String> {
        let (expected, found) = (self.rule.states(), states.len());
        if found != expected {
            return Err(format!("{found} states of an optimizer that has {expected}"));
        }
        let shape = |layer: &Layer<A>| (layer.inputs(), layer.outputs(), layer.biases.columns());
        for (own, state) in self.states.iter().zip(&states) {
            if !own.iter().map(shape).eq(state.iter().map(shape)) {
                return Err("states of an optimizer of another network".to_owned());
            }
        }
        self.states.iter_mut().zip(states).for_each(|(own, state)| *own = state);
        self.steps = steps;
        Ok(())
    }

    /// One step on a batch. Returns the score before it, and is [`Mlp::train_step`] for [`Rule::Sgd`].
    ///
    /// # Panics
    /// As [`Mlp::train_step`]; if the optimizer is one of another architecture.
    #[track_caller]
    pub fn train_step<'x>(
        &mut self,
        network: &mut Mlp<A>,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        reduction: Reduction,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) -> Score {
        let x = x.into();
        let score = network.forward_in_training(x, labels, workspace);
        self.descend(network, x, labels, reduction, learning_rate, workspace);
        score
    }

    /// The second half of [`train_step`](Self::train_step): the backward pass for the batch that [`Mlp::forward_in_training`] has
    /// just seen, and the step.
    ///
    /// Plain descent with neither decay nor clipping never stores the gradient.
    ///
    /// # Panics
    /// As [`Mlp::backward`]; if the optimizer is one of another architecture.
    #[track_caller]
    pub fn descend<'x>(
        &mut self,
        network: &mut Mlp<A>,
        x: impl Into<Features<'x, A>>,
        labels: &[u8],
        reduction: Reduction,
        learning_rate: f64,
        workspace: &mut Workspace<A>,
    ) {
        self.steps += 1;
        if self.rule == Rule::Sgd && self.weight_decay == 0.0 && self.max_norm.is_none() {
            network.descend_in_place(x, labels, reduction, learning_rate, workspace);
            return;
        }
        network.backward(x, labels, reduction, workspace, &mut self.gradients);
        workspace.spend();
        let scale = self.max_norm.map_or(1.0, |most| {
            let norm = norm(&self.gradients, &mut self.squares, workspace);
            if norm > most { most / norm } else { 1.0 }
        });
        let step = Step { rule: self.rule, learning_rate, scale, number: self.steps };
        let kept = 1.0 - learning_rate * self.weight_decay;
        let Workspace { kernels, team, .. } = workspace;
        let [first, second] = &mut self.states;
        let layers = network.layers.iter_mut().zip(self.gradients.layers());
        for (l, ((layer, gradient), (first, second))) in layers.zip(first.iter_mut().zip(second)).enumerate()
        {
            let units = kernels.unit_shares::<A>(layer.weights.width(), team);
            if l == 0 {
                // The backward pass leaves the gradient in strips.
                for matrix in [&mut layer.weights, &mut first.weights, &mut second.weights] {
                    matrix.arrange(&units);
                }
            }
            let parts = (layer.by_columns(&units), first.by_columns(&units), second.by_columns(&units));
            team.run(parts, |member, ((w, b), (first_w, first_b), (second_w, second_b))| {
                let own = units.range(member);
                let (w_gradient, b_gradient) =
                    (gradient.weights.columns_of(own.clone()), gradient.biases.columns_of(own));
                A::optimize(kernels.isa, step, kept, w_gradient, w, [first_w, second_w]);
                A::optimize(kernels.isa, step, 1.0, b_gradient, b, [first_b, second_b]);
            });
        }
    }
}

impl Rule {
    /// Numbers that it remembers for each parameter.
    fn states(self) -> usize {
        match self {
            Self::Sgd => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::RmsProp { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }

    #[track_caller]
    fn check(self) {
        let shares: &[f64] = match self {
            Self::Sgd => &[],
            Self::Momentum { momentum } | Self::Nesterov { momentum } => &[momentum],
            Self::Adam { beta1, beta2, .. } => &[beta1, beta2],
            Self::RmsProp { decay, .. } => &[decay],
        };
        assert!(
            shares.iter().all(|share| (0.0..1.0).contains(share)),
            "{self:?}: expected from 0 to below 1"
        );
        if let Self::Adam { epsilon, .. } | Self::RmsProp { epsilon, .. } = self {
            assert!(epsilon > 0.0, "{self:?}: expected ε above 0");
        }
    }
}

/// The Euclidean norm of all gradients together: of each column the squares from row to row, then the columns in order, so that it does
/// not depend on who has which columns.
fn norm<A: Scalar>(gradients: &Gradients<A>, squares: &mut [f64], workspace: &mut Workspace<A>) -> f64 {
    let Workspace { kernels, team, .. } = workspace;
    let mut sum = 0.0;
    for layer in gradients.layers() {
        let squares = &mut squares[..layer.weights.width()];
        let units = kernels.unit_shares::<A>(squares.len(), team);
        team.run(units.slice(squares), |member, squares| {
            squares.fill(0.0);
            for matrix in [&layer.weights, &layer.biases] {
                A::add_squares(kernels.isa, matrix.columns_of(units.range(member)), squares);
            }
        });
        // What lies in the padding does not count.
        sum += squares[..layer.outputs()].iter().sum::<f64>();
    }
    sum.sqrt()
}
