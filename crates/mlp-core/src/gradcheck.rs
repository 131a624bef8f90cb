//! Gradient checking: compares every gradient entry with central differences of the loss, in `f64`.
//! Works for your own networks and backward passes too. [`crate::gradients`] derives the step and
//! the tolerance.

use ndarray::Array2;

use crate::layer::{Gradients, name};
use crate::linalg::csr::Features;
use crate::network::Mlp;
use crate::objective::Objective;
use crate::workspace::Workspace;

/// Maximum relative error of a correct gradient.
pub const TOLERANCE: f64 = 1e-7;

/// Gradients smaller than this fraction of the loss J are compared with it instead of themselves.
/// The rounding error of central differences is about eps^(2/3)·J = 4e-11·J, a tenth of `TOLERANCE`
/// of this fraction.
const RESOLUTION: f64 = 1.0 / 256.0;

/// The result of a gradient check.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// Weights and biases of each layer, the first layer first; then the inputs, if checked.
    pub tensors: Vec<TensorReport>,
    /// The loss J of the batch.
    pub loss: f64,
}

/// The result for one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorReport {
    /// The name: `w_h`, `b_h`, `w_o`, `b_o`; or `w_h1`, `b_h1`, `w_h2`, … with several hidden
    /// layers; `x` for the inputs.
    pub name: String,
    /// The label of the gradient's equation.
    pub equation: &'static str,
    /// (inputs, outputs) for weights, (1, outputs) for biases, (examples, inputs) for the inputs.
    pub shape: (usize, usize),
    /// Number of entries compared.
    pub checked: usize,
    /// Number of entries skipped because a pre-activation changes sign between the two points,
    /// where the difference is not a derivative (a kink of the activation).
    pub straddling: usize,
    /// The entry with the largest relative error.
    pub worst: Option<Entry>,
}

/// A gradient entry, computed in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// (row, column).
    pub index: (usize, usize),
    /// From the backward pass.
    pub analytic: f64,
    /// From central differences.
    pub numeric: f64,
    /// |analytic - numeric| divided by the maximum of |analytic|, |numeric|, the tensor's largest gradient, and J/256.
    pub relative_error: f64,
}

impl GradientReport {
    /// Returns the largest relative error; infinite for NaN, 0 if nothing was compared.
    pub fn worst_error(&self) -> f64 {
        let errors = self.tensors.iter().filter_map(|tensor| tensor.worst.map(|entry| entry.relative_error));
        errors.fold(0.0, |worst, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) })
    }

    /// Returns the number of entries compared.
    pub fn checked(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.checked).sum()
    }

    /// Returns the number of entries skipped, see [`TensorReport::straddling`].
    pub fn straddling(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.straddling).sum()
    }

    /// Returns true if entries were compared and all relative errors are below [`TOLERANCE`].
    pub fn passed(&self) -> bool {
        self.checked() > 0 && self.worst_error() < TOLERANCE
    }
}

/// Checks [`Mlp::backward`] and [`Mlp::input_gradients`] on a batch.
///
/// Runs two forward passes per parameter and input, so use a batch of a few examples. Dropout uses
/// the masks of step 0.
///
/// ```
/// use mlp_core::gradcheck::gradcheck;
/// use mlp_core::prelude::*;
///
/// let architecture = Architecture::new(3, &[4], 2);
/// let network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1))?;
/// let x = ndarray::array![[0.5, -1.0, 2.0], [1.0, 0.0, 0.25]];
/// let report = gradcheck(&network, x.view(), &[0, 1], Reduction::Mean);
/// assert!(report.passed());
/// # Ok::<(), mlp_core::NetworkError>(())
/// ```
///
/// # Panics
/// Same as [`Mlp::forward`].
#[track_caller]
pub fn gradcheck<'x>(
    network: &Mlp<f64>,
    x: impl Into<Features<'x, f64>>,
    labels: &[u8],
    objective: impl Into<Objective>,
) -> GradientReport {
    let x = x.into();
    let mut workspace = Workspace::new(&network.architecture(), x.dim().0);
    workspace.set_objective(objective.into());
    gradcheck_in(network, x, labels, &mut workspace)
}

/// Like [`gradcheck`], with the objective, shards and [`Compute`](crate::Compute) of a workspace.
///
/// # Panics
/// Same as [`Mlp::forward`].
#[track_caller]
pub fn gradcheck_in<'x>(
    network: &Mlp<f64>,
    x: impl Into<Features<'x, f64>>,
    labels: &[u8],
    workspace: &mut Workspace<f64>,
) -> GradientReport {
    let x = x.into();
    let mut gradients = Gradients::new(&network.architecture());
    workspace.seek_step(0);
    network.forward(x, labels, workspace);
    network.backward(x, workspace, &mut gradients);
    let mut report = check_gradients(network, &gradients, x, labels, workspace.objective());
    report.tensors.push(check_inputs(network, x, labels, workspace));
    report
}

/// Checks gradients of the loss of `network` on a batch. Dropout uses the masks of step 0.
///
/// # Panics
/// Same as [`gradcheck`]; also if the gradients have another architecture.
#[track_caller]
pub fn check_gradients<'x>(
    network: &Mlp<f64>,
    gradients: &Gradients<f64>,
    x: impl Into<Features<'x, f64>>,
    labels: &[u8],
    objective: impl Into<Objective>,
) -> GradientReport {
    gradients.check(network.layers());
    let mut probe = Probe::new(network, x.into(), labels, objective.into());
    let loss = probe.loss;
    let count = network.layers().len();
    let mut tensors = Vec::with_capacity(2 * count);
    for (l, gradient) in gradients.layers().iter().enumerate() {
        // G6 and G7 are for the first of several layers.
        let equations = if l == 0 && count > 1 { ["G6", "G7"] } else { ["G2", "G3"] };
        let parts = [('w', &gradient.weights), ('b', &gradient.biases)];
        for (tensor, (letter, analytic)) in parts.into_iter().enumerate() {
            let analytic = analytic.to_array();
            let scale = largest(&analytic, loss);
            let mut report = TensorReport::new(name(letter, l, count), equations[tensor], analytic.dim());
            for (index, &analytic) in analytic.indexed_iter() {
                match probe.central_difference(l, tensor, index) {
                    None => report.straddling += 1,
                    Some(numeric) => report.compare(index, analytic, numeric, scale),
                }
            }
            tensors.push(report);
        }
    }
    GradientReport { tensors, loss }
}

/// Checks [`Mlp::input_gradients`]: compares each entry with central differences of its example's
/// loss.
fn check_inputs(
    network: &Mlp<f64>,
    x: Features<'_, f64>,
    labels: &[u8],
    workspace: &mut Workspace<f64>,
) -> TensorReport {
    let analytic = network.input_gradients(x, labels, workspace);
    let mut x = match x {
        Features::Dense(x) => x.to_owned(),
        Features::Sparse(x) => x.to_dense(),
    };
    let mut workspace = Workspace::new(&network.architecture(), x.nrows());
    let loss = network.score(x.view(), labels, &mut workspace).loss_sum;
    let scale = largest(&analytic, loss);
    let mut report = TensorReport::new("x".to_owned(), "G9", analytic.dim());
    for (index, &analytic) in analytic.indexed_iter() {
        let original = x[index];
        let [above, below] = around(original);
        let [above_results, below_results] = [above, below].map(|value| {
            x[index] = value;
            network.score(x.view(), labels, &mut workspace);
            (workspace.losses()[index.0], signs(network, &workspace).collect::<Vec<_>>())
        });
        x[index] = original;
        if network.activation().has_kink() && above_results.1 != below_results.1 {
            report.straddling += 1;
        } else {
            let numeric = (above_results.0 - below_results.0) / (above - below);
            report.compare(index, analytic, numeric, scale);
        }
    }
    report
}

/// The smallest number that relative errors of a tensor may refer to.
fn largest(analytic: &Array2<f64>, loss: f64) -> f64 {
    analytic.fold(RESOLUTION * loss.abs(), |scale, value| scale.max(value.abs()))
}

/// The points around θ, cbrt(eps)·max(1, |θ|) away from it.
fn around(original: f64) -> [f64; 2] {
    let step = f64::EPSILON.cbrt() * original.abs().max(1.0);
    [original + step, original - step]
}

impl TensorReport {
    fn new(name: String, equation: &'static str, shape: (usize, usize)) -> Self {
        Self { name, equation, shape, checked: 0, straddling: 0, worst: None }
    }

    fn compare(&mut self, index: (usize, usize), analytic: f64, numeric: f64, scale: f64) {
        self.checked += 1;
        let difference = (analytic - numeric).abs();
        let relative_error =
            if difference == 0.0 { 0.0 } else { difference / scale.max(analytic.abs()).max(numeric.abs()) };
        // NaN counts as the worst error.
        let badness = if relative_error.is_nan() { f64::INFINITY } else { relative_error };
        if self.worst.is_none_or(|worst| badness > worst.relative_error) {
            self.worst = Some(Entry { index, analytic, numeric, relative_error });
        }
    }
}

/// Evaluates the loss with one parameter changed at a time.
struct Probe<'x, 'l> {
    network: Mlp<f64>,
    x: Features<'x, f64>,
    labels: &'l [u8],
    weight: f64,
    loss: f64,
    workspace: Workspace<f64>,
    losses: Vec<f64>, // of the examples at θ+h
    signs: Vec<bool>, // of the pre-activations at θ+h
}

impl<'x, 'l> Probe<'x, 'l> {
    #[track_caller]
    fn new(network: &Mlp<f64>, x: Features<'x, f64>, labels: &'l [u8], objective: Objective) -> Self {
        let mut workspace = Workspace::new(&network.architecture(), x.dim().0);
        workspace.set_objective(objective);
        let loss = network.forward(x, labels, &mut workspace).loss(objective.reduction);
        let weight = objective.reduction.weight(labels.len());
        let network = network.clone();
        Self { network, x, labels, weight, loss, workspace, losses: Vec::new(), signs: Vec::new() }
    }

    /// (J(θ+h) - J(θ-h)) / 2h, or `None` across a kink. Losses are
    /// subtracted example by example before they are summed, which is more accurate.
    fn central_difference(&mut self, l: usize, tensor: usize, index: (usize, usize)) -> Option<f64> {
        let original = *self.parameter(l, tensor, index);
        let [above, below] = around(original);
        self.forward_at(l, tensor, index, above);
        self.losses.clear();
        self.losses.extend_from_slice(self.workspace.losses());
        let kinks = self.network.activation().has_kink();
        if kinks {
            self.signs.clear();
            self.signs.extend(signs(&self.network, &self.workspace));
        }
        self.forward_at(l, tensor, index, below);
        *self.parameter(l, tensor, index) = original;

        if kinks && !signs(&self.network, &self.workspace).eq(self.signs.iter().copied()) {
            return None;
        }
        let difference: f64 = self.losses.iter().zip(self.workspace.losses()).map(|(a, b)| a - b).sum();
        // The step after rounding.
        Some(self.weight * difference / (above - below))
    }

    /// A weight (tensor 0) or bias (tensor 1) of layer `l`.
    fn parameter(&mut self, l: usize, tensor: usize, (row, column): (usize, usize)) -> &mut f64 {
        let layer = &mut self.network.layers[l];
        [&mut layer.weights, &mut layer.biases][tensor].at_mut(row, column)
    }

    fn forward_at(&mut self, l: usize, tensor: usize, index: (usize, usize), value: f64) {
        *self.parameter(l, tensor, index) = value;
        self.workspace.seek_step(0);
        self.network.forward(self.x, self.labels, &mut self.workspace);
    }
}

/// The sign of each pre-activation of the hidden layers, true if positive.
fn signs<'a>(network: &'a Mlp<f64>, workspace: &'a Workspace<f64>) -> impl Iterator<Item = bool> + 'a {
    (0..network.layers().len() - 1).flat_map(|l| workspace.pre_activations(l).into_iter()).map(|z| z > 0.0)
}
