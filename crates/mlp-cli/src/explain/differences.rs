//! Central differences of the loss with respect to the parameters, as in `mlp gradcheck`, and also
//! to the pre-activations Z and activations H. With a single example it is enough to change
//! parameters: shifting a bias shifts its sum, and shifting an activation shifts the sums of the
//! next layer along its row of weights.
//!
//! **Error bound.** For networks of ordinary size, `gradients.md` derives an accuracy of about ε^⅔
//! of the loss at step h = ∛ε, which `TOLERANCE` covers. An imported model may have any size, and
//! it may be certain of an example, so the rounding error is tracked here. Let δ = Ŷ − Y, and let
//! L = max_c |∂z^o_c/∂θ| for a parameter θ, which the two passes of a difference reveal.
//!
//! - *Step.* h = ∛ε·max(1, |θ|), shortened so that no logit moves further than ∛ε: h ≤ ∛ε/L. The
//!   truncation error is then about ε^⅔ of L max|δ|, whatever the size of the outputs.
//! - *Loss.* J = ln(1 + s), where s sums over all classes except the largest, is rounded by ε J. An
//!   error of ε e in a logit shifts J by δ_c ε e, and the |δ_c| add up to 2 max|δ|. For two losses,
//!   over 2h, that is ε (J + 2 e max|δ|) / h. The error e is propagated through the layers to first
//!   order. A sum is off by Σ |input·weight|, plus the error of each input times |weight|.
//!   (Rounding errors have both signs, so K of them on partial sums √K times smaller count as one
//!   on the total.) An output is off by itself, plus |f'| times the error of its sum.
//! - *Backward pass.* Ŷ is a quotient of k exponentials, rounded by up to k ε at 1. Times L, that
//!   reaches the entry as k ε L.
//!
//! If the total exceeds a fraction of the gradient, for example because a probability is 1 up to
//! rounding, the check is inconclusive ([`Finding::RoundedAway`](super::check::Finding)).

use mlp_core::{Mlp, Workspace};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip};

use super::check::{Check, Variable};
use super::quantity::largest;

/// Number of entries checked per gradient.
const CHECKED: usize = 3;
/// As in [`mlp_core::gradcheck`], errors in entries below this fraction of the loss are measured
/// relative to the loss.
const RESOLUTION: f64 = 1.0 / 256.0;

/// Computes central differences on a copy of the network.
pub(super) struct Differences<'x> {
    network: Mlp<f64>,
    x: ArrayView2<'x, f64>, // (1, inputs)
    target: usize,
    loss: f64,
    max_delta: f64,   // max |Ŷ − Y|
    logit_error: f64, // e, in units of ε
    workspace: Workspace<f64>,
}

/// The result of a forward pass with a shifted variable.
struct Shifted {
    loss: f64,
    logits: Array1<f64>,
    signs: Vec<bool>, // which side of the kink each hidden unit is on
}

impl<'x> Differences<'x> {
    /// `loss` is the loss of the example `x` of class `target`.
    pub(super) fn new(network: &Mlp<f64>, x: ArrayView2<'x, f64>, target: usize, loss: f64) -> Self {
        let mut workspace = Workspace::new(&network.architecture(), 1);
        let y_hat = network.probabilities(x, &mut workspace).row(0).to_owned();
        let delta = |(class, y): (usize, &f64)| if class == target { (1.0 - y).abs() } else { *y };
        let max_delta = y_hat.iter().enumerate().map(delta).fold(0.0, f64::max);
        let logit_error = logit_error(network, x.row(0), &workspace);
        Self { network: network.clone(), x, target, loss, max_delta, logit_error, workspace }
    }

    /// Checks the largest entries of the gradient with respect to `variable`.
    pub(super) fn check(&mut self, variable: Variable, gradient: &Array2<f64>) -> Vec<Check> {
        let indices = largest(gradient, CHECKED);
        let size = indices.first().map_or(0.0, |&index| gradient[index].abs());
        let check = |index| {
            let backward = gradient[index];
            let (differences, rounding) = self.central_difference(variable, index);
            let scale = [size, differences.unwrap_or(0.0).abs()];
            let scale = scale.into_iter().fold(RESOLUTION * self.loss, f64::max);
            Check { index, backward, differences, scale, rounding }
        };
        indices.into_iter().map(check).collect()
    }

    /// Returns (J(θ+h) − J(θ−h)) / 2h, or `None` across a kink, and a bound on the rounding error.
    fn central_difference(&mut self, variable: Variable, index: (usize, usize)) -> (Option<f64>, f64) {
        let mut step = f64::EPSILON.cbrt() * self.size(variable, index).max(1.0);
        let [mut above, mut below] = [step, -step].map(|distance| self.shifted(variable, index, distance));
        let reach =
            Zip::from(&above.logits).and(&below.logits).fold(0.0_f64, |max, a, b| max.max((a - b).abs()));
        let slope = reach / (2.0 * step); // L
        if step * slope > f64::EPSILON.cbrt() {
            step = f64::EPSILON.cbrt() / slope;
            [above, below] = [step, -step].map(|distance| self.shifted(variable, index, distance));
        }
        let of_loss = f64::EPSILON * (self.loss + 2.0 * self.logit_error * self.max_delta) / step;
        let of_backward = above.logits.len() as f64 * f64::EPSILON * slope;
        let difference = (above.loss - below.loss) / (2.0 * step);
        ((above.signs == below.signs).then_some(difference), of_loss + of_backward)
    }

    /// |θ| of a parameter; otherwise 0.
    fn size(&self, variable: Variable, (row, column): (usize, usize)) -> f64 {
        match variable {
            Variable::Weights(l) => self.network.layers()[l].weights()[(row, column)].abs(),
            Variable::Biases(l) => self.network.layers()[l].biases()[column].abs(),
            Variable::PreActivations(_) | Variable::Activations(_) => 0.0,
        }
    }

    /// Runs a forward pass with one entry shifted by `distance`.
    fn shifted(&mut self, variable: Variable, (row, column): (usize, usize), distance: f64) -> Shifted {
        match variable {
            Variable::Weights(l) => {
                let original = self.network.layer_mut(l).0[(row, column)];
                self.network.layer_mut(l).0[(row, column)] = original + distance;
                let shifted = self.pass();
                self.network.layer_mut(l).0[(row, column)] = original;
                shifted
            }
            Variable::Biases(l) | Variable::PreActivations(l) => {
                let mut direction = Array1::zeros(self.network.layers()[l].outputs());
                direction[column] = 1.0;
                self.with_shifted_biases(l, distance, &direction)
            }
            Variable::Activations(l) => {
                let direction = self.network.layers()[l + 1].weights().row(column).to_owned();
                self.with_shifted_biases(l + 1, distance, &direction)
            }
        }
    }

    fn with_shifted_biases(&mut self, l: usize, distance: f64, direction: &Array1<f64>) -> Shifted {
        let original = self.network.layers()[l].biases();
        self.network.layer_mut(l).1.scaled_add(distance, direction);
        let shifted = self.pass();
        self.network.layer_mut(l).1.assign(&original);
        shifted
    }

    fn pass(&mut self) -> Shifted {
        let logits = self.network.logits(self.x, &mut self.workspace).row(0).to_owned();
        let mut signs = Vec::new();
        if self.network.activation().has_kink() {
            for l in 0..self.network.layers().len() - 1 {
                signs.extend(self.workspace.pre_activations(l).iter().map(|&z| z > 0.0));
            }
        }
        Shifted { loss: cross_entropy(logits.view(), self.target), logits, signs }
    }
}

/// The first-order error of the logits after the last pass, in units of ε.
fn logit_error(network: &Mlp<f64>, x: ArrayView1<'_, f64>, workspace: &Workspace<f64>) -> f64 {
    let (count, activation) = (network.layers().len(), network.activation());
    // The absolute inputs of a layer, and their errors.
    let (mut input, mut error) = (x.mapv(f64::abs), Array1::zeros(x.len()));
    for (l, layer) in network.layers().iter().enumerate() {
        let of_sums = (&input + &error).dot(&layer.weights().mapv(f64::abs)) + layer.biases().mapv(f64::abs);
        if l + 1 == count {
            return of_sums.fold(0.0, |max, error| max.max(*error));
        }
        let (z, h) = (workspace.pre_activations(l), workspace.activations(l));
        input = h.row(0).mapv(f64::abs);
        error = Zip::from(z.row(0))
            .and(h.row(0))
            .and(&of_sums)
            .map_collect(|&z, &h, of_sum| h.abs() + activation.derivative(z, h).abs() * of_sum);
    }
    unreachable!("a network has a last layer")
}

/// Returns −ln ŷ of the class `target`, from the logits; NaN if a logit is not finite.
///
/// If the network is certain, the loss is far below the spacing of numbers near 1, so `log Σ exp`
/// would round it away. `ln (1 + s)`, with the sum s over the other classes, keeps all digits.
pub(super) fn cross_entropy(logits: ArrayView1<'_, f64>, target: usize) -> f64 {
    if logits.iter().any(|z| !z.is_finite()) {
        return f64::NAN;
    }
    let max = logits.fold(f64::NEG_INFINITY, |max, &z| max.max(z));
    let others = logits.indexed_iter().filter(|&(class, _)| class != target);
    if logits[target] == max {
        others.map(|(_, z)| (z - max).exp()).sum::<f64>().ln_1p()
    } else {
        logits.iter().map(|z| (z - max).exp()).sum::<f64>().ln() - (logits[target] - max)
    }
}
