//! Gradient checking: every entry of every gradient against central differences of the loss, in f64. Public, so that a
//! user can check a network of their own or a backward pass of their own. How the step and the tolerance come about is
//! derived in [`crate::gradients`].

use ndarray::Array2;

use crate::layer::Gradients;
use crate::layer::{Layer, name};
use crate::linalg::csr::Features;
use crate::network::Mlp;
use crate::objective::Objective;
use crate::workspace::Workspace;

/// The relative error below which backward and central differences are taken to agree.
pub const TOLERANCE: f64 = 1e-7;

/// Gradients smaller than this share of the loss are measured against it instead of against themselves: central
/// differences of a loss J carry a rounding error of about eps^(2/3)·J = 4e-11·J, a tenth of `TOLERANCE` of this share.
const RESOLUTION: f64 = 1.0 / 256.0;

/// What checking found, tensor by tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// One for each layer's weights and biases, the first layer first.
    pub tensors: Vec<TensorReport>,
    /// The loss J at which the gradients were taken.
    pub loss: f64,
}

/// What checking found in one tensor of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorReport {
    /// The chapter's name: `w_h`, `b_h`, `w_o`, `b_o`; with several hidden layers `w_h1`, `b_h1`, `w_h2`, …
    pub name: String,
    /// The label of the equation that gives this gradient.
    pub equation: &'static str,
    /// (inputs, outputs) of weights, (1, outputs) of biases.
    pub shape: (usize, usize),
    /// Entries compared.
    pub checked: usize,
    /// Entries left out because a unit's pre-activation changes sign between the two points of the difference, across the
    /// kink of its activation, where the difference is no derivative.
    pub straddling: usize,
    /// The entry of the largest relative error, if any was compared.
    pub worst: Option<Entry>,
}

/// One entry of a gradient, two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// (row, column).
    pub index: (usize, usize),
    /// From the backward pass.
    pub analytic: f64,
    /// From central differences.
    pub numeric: f64,
    /// |analytic - numeric| over the largest of: the two, the tensor's largest gradient, and J/256.
    pub relative_error: f64,
}

impl GradientReport {
    /// The largest relative error of all entries; NaN counts as infinite. 0 if nothing was compared.
    pub fn worst_error(&self) -> f64 {
        let errors = self.tensors.iter().filter_map(|tensor| tensor.worst.map(|entry| entry.relative_error));
        errors.fold(0.0, |worst, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) })
    }

    /// Entries compared, of all tensors.
    pub fn checked(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.checked).sum()
    }

    /// Entries left out, of all tensors, as [`TensorReport::straddling`].
    pub fn straddling(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.straddling).sum()
    }

    /// Whether something was compared and no entry's relative error reaches [`TOLERANCE`].
    pub fn passed(&self) -> bool {
        self.checked() > 0 && self.worst_error() < TOLERANCE
    }
}

/// Checks [`Mlp::backward`] on a batch.
///
/// Takes two forward passes for each parameter: a batch of a few examples is enough, and best. Dropout's masks are those of step 0.
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
/// As [`Mlp::forward`], if `x` and `labels` do not fit each other or the network.
#[track_caller]
pub fn gradcheck<'x>(
    network: &Mlp<f64>,
    x: impl Into<Features<'x, f64>>,
    labels: &[u8],
    objective: impl Into<Objective>,
) -> GradientReport {
    let (architecture, x, objective) = (network.architecture(), x.into(), objective.into());
    let mut workspace = Workspace::new(&architecture, x.dim().0);
    workspace.set_objective(objective);
    let mut gradients = Gradients::new(&architecture);
    network.forward(x, labels, &mut workspace);
    network.backward(x, &mut workspace, &mut gradients);
    check_gradients(network, &gradients, x, labels, objective)
}

/// Checks gradients that somebody else computed, of the loss of `network` on this batch; with dropout, under the masks of step 0.
///
/// # Panics
/// As [`gradcheck`]; and if the gradients are of another architecture.
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
        for tensor in [Tensor::Weights, Tensor::Biases] {
            let analytic = tensor.of(gradient);
            let scale = analytic.fold(RESOLUTION * loss.abs(), |scale, value| scale.max(value.abs()));
            let mut report = TensorReport {
                name: name(tensor.letter(), l, count),
                equation: tensor.equation(l == 0 && count > 1),
                shape: analytic.dim(),
                checked: 0,
                straddling: 0,
                worst: None,
            };
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

impl TensorReport {
    fn compare(&mut self, index: (usize, usize), analytic: f64, numeric: f64, scale: f64) {
        self.checked += 1;
        let difference = (analytic - numeric).abs();
        let relative_error =
            if difference == 0.0 { 0.0 } else { difference / scale.max(analytic.abs()).max(numeric.abs()) };
        // NaN is worse than any number, and stays the worst.
        let badness = if relative_error.is_nan() { f64::INFINITY } else { relative_error };
        if self.worst.is_none_or(|worst| badness > worst.relative_error) {
            self.worst = Some(Entry { index, analytic, numeric, relative_error });
        }
    }
}

/// Which of a layer's two tensors.
#[derive(Clone, Copy)]
enum Tensor {
    Weights,
    Biases,
}

impl Tensor {
    fn letter(self) -> char {
        match self {
            Self::Weights => 'w',
            Self::Biases => 'b',
        }
    }

    fn of(self, layer: &Layer<f64>) -> Array2<f64> {
        match self {
            Self::Weights => layer.weights(),
            Self::Biases => layer.biases().insert_axis(ndarray::Axis(0)),
        }
    }

    fn entry(self, network: &mut Mlp<f64>, l: usize, (row, column): (usize, usize)) -> &mut f64 {
        let layer = &mut network.layers[l];
        match self {
            Self::Weights => layer.weights.at_mut(row, column),
            Self::Biases => layer.biases.at_mut(0, column),
        }
    }

    /// G6 and G7 belong to the hidden layer that the inputs feed; the others, and a network's only layer, are as the output
    /// layer of the chapter.
    fn equation(self, first: bool) -> &'static str {
        match (self, first) {
            (Self::Weights, false) => "G2",
            (Self::Biases, false) => "G3",
            (Self::Weights, true) => "G6",
            (Self::Biases, true) => "G7",
        }
    }
}

/// A copy of the network whose parameters can be moved one at a time.
struct Probe<'x, 'l> {
    network: Mlp<f64>,
    x: Features<'x, f64>,
    labels: &'l [u8],
    weight: f64,
    loss: f64,
    workspace: Workspace<f64>,
    losses: Vec<f64>, // of each example at the first point of a difference
    signs: Vec<bool>, // of every pre-activation there
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

    /// (J(θ+h) - J(θ-h)) / 2h with h = cbrt(eps)·max(1, |θ|), or `None` if a kink lies between. The differences are taken
    /// example by example before they are summed, which loses fewer digits.
    fn central_difference(&mut self, l: usize, tensor: Tensor, index: (usize, usize)) -> Option<f64> {
        let original = *tensor.entry(&mut self.network, l, index);
        let step = f64::EPSILON.cbrt() * original.abs().max(1.0);
        let (above, below) = (original + step, original - step);

        self.forward_at(l, tensor, index, above);
        self.losses.clear();
        self.losses.extend_from_slice(self.workspace.losses());
        let kinks = self.network.activation().has_kink();
        if kinks {
            self.signs.clear();
            self.signs.extend(signs(&self.network, &self.workspace));
        }
        self.forward_at(l, tensor, index, below);
        *tensor.entry(&mut self.network, l, index) = original;

        if kinks && !signs(&self.network, &self.workspace).eq(self.signs.iter().copied()) {
            return None;
        }
        let difference: f64 = self.losses.iter().zip(self.workspace.losses()).map(|(a, b)| a - b).sum();
        // The step as it really was, after rounding.
        Some(self.weight * difference / (above - below))
    }

    fn forward_at(&mut self, l: usize, tensor: Tensor, index: (usize, usize), value: f64) {
        *tensor.entry(&mut self.network, l, index) = value;
        self.workspace.seek_step(0);
        self.network.forward(self.x, self.labels, &mut self.workspace);
    }
}

/// Whether each hidden unit is right of 0, for each example.
fn signs<'a>(network: &'a Mlp<f64>, workspace: &'a Workspace<f64>) -> impl Iterator<Item = bool> + 'a {
    (0..network.layers().len() - 1).flat_map(|l| workspace.pre_activations(l).into_iter()).map(|z| z > 0.0)
}
