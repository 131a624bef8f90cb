//! Central differences of the loss by anything that it depends on: not only by the parameters, as `mlp gradcheck` takes them, but also by
//! the sums Z and the outputs H in between. Of one example a sum moves as its bias does, and an output moves the sums above it along its
//! row of weights, so that a network whose parameters are moved is all that it takes.
//!
//! **How far the two can differ.** `gradients.md` derives what a difference with the step h = ∛ε is worth for a network of ordinary size:
//! it is off by some ε^⅔ of the loss, which [`TOLERANCE`] covers. A model from anywhere may be of any size, and an example may be one
//! that it is very sure of; so here the rounding is followed. For a parameter θ, let L = max_c |∂z^o_c/∂θ|, which the two passes of a
//! difference show, and δ = Ŷ − Y.
//!
//! - *The step.* It is ∛ε·max(1, |θ|), shortened to move no logit further than ∛ε: h ≤ ∛ε/L. The truncation is then that of a loss whose
//!   logits are moved by ∛ε, some ε^⅔ of L max|δ|, whatever the size of the outputs.
//! - *The loss.* J = ln(1 + s), with s from the classes that are not the largest, is rounded by ε J. A logit that is off by ε e shifts it
//!   by δ_c ε e, and the |δ_c| add up to 2 max|δ|. Of two losses, over 2h, that is ε (J + 2 e max|δ|) / h. e is carried through the
//!   layers to first order: a sum is off by the sum of |input·weight| (its roundings go up and down, so that K of them on partial sums √K
//!   times smaller count as one on the whole), and by what its inputs are off, each times |weight|; an output by itself and by |f'| times
//!   its sum.
//! - *The backward pass.* Ŷ is a quotient of k exponentials, rounded by up to k ε at 1; times L that arrives at the entry: k ε L.
//!
//! Where all this exceeds a part of the gradient, the difference says nothing about it ([`Finding::RoundedAway`]): that is so of an
//! example whose probability is 1 up to rounding.

use mlp_core::gradcheck::TOLERANCE;
use mlp_core::{Mlp, Workspace};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip};

use super::largest;

/// Entries of each gradient that are checked.
const CHECKED: usize = 3;
/// As [`mlp_core::gradcheck`]: what is smaller than this share of the loss is measured against the loss.
const RESOLUTION: f64 = 1.0 / 256.0;
/// A wrong sign is an error of 2 of the scale, a missing factor one of about 1: where rounding alone makes a sixteenth, neither would be
/// told from it safely.
const TELLING: f64 = 1.0 / 16.0;

/// A matrix whose entries are moved.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// W of a layer.
    Weight(usize),
    /// b of a layer.
    Bias(usize),
    /// Z of a layer.
    PreActivation(usize),
    /// H of a hidden layer.
    Output(usize),
}

/// An entry of a gradient, and the same by central differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) index: (usize, usize),
    pub(crate) backward: f64,
    /// `None` if a kink of the activation lies between the two points, where the difference is no derivative.
    pub(crate) differences: Option<f64>,
    /// The largest of the two, the matrix's largest entry, and [`RESOLUTION`] of the loss.
    scale: f64,
    /// By how much rounding alone can part the two.
    rounding: f64,
}

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Agrees,
    Disagrees,
    /// Nothing: a kink lies between the two points.
    AcrossKink,
    /// Nothing: rounding is as large as the gradient.
    RoundedAway,
}

impl Check {
    /// |backward − differences|, as a share of the scale; `None` where there is no difference.
    pub(crate) fn relative_error(&self) -> Option<f64> {
        let error = (self.backward - self.differences?).abs();
        Some(if error == 0.0 { 0.0 } else { error / self.scale })
    }

    /// Whether the two are the same, as far as differences can tell.
    pub(crate) fn finding(&self) -> Finding {
        let Some(differences) = self.differences else { return Finding::AcrossKink };
        if self.rounding > TELLING * self.scale {
            Finding::RoundedAway
        } else if (self.backward - differences).abs() <= TOLERANCE * self.scale + self.rounding {
            Finding::Agrees
        } else {
            Finding::Disagrees
        }
    }
}

/// A copy of the network whose parts can be moved one at a time.
pub(super) struct Differences<'x> {
    network: Mlp<f64>,
    x: ArrayView2<'x, f64>, // (1, inputs)
    target: usize,
    loss: f64,
    most_delta: f64,  // max |Ŷ − Y|
    logit_error: f64, // e, in units of ε
    workspace: Workspace<f64>,
}

/// What a pass with something moved finds.
struct Moved {
    loss: f64,
    logits: Array1<f64>,
    signs: Vec<bool>, // on which side of its kink each hidden unit is
}

impl<'x> Differences<'x> {
    /// Of the loss `loss` of an example whose class is `target`.
    pub(super) fn new(network: &Mlp<f64>, x: ArrayView2<'x, f64>, target: usize, loss: f64) -> Self {
        let mut workspace = Workspace::new(&network.architecture(), 1);
        let y_hat = network.probabilities(x, &mut workspace).row(0).to_owned();
        let delta = |(class, y): (usize, &f64)| if class == target { (1.0 - y).abs() } else { *y };
        let most_delta = y_hat.iter().enumerate().map(delta).fold(0.0, f64::max);
        let logit_error = logit_error(network, x.row(0), &workspace);
        Self { network: network.clone(), x, target, loss, most_delta, logit_error, workspace }
    }

    /// Measures the largest entries of a gradient.
    pub(super) fn check(&mut self, place: Place, gradient: &Array2<f64>) -> Vec<Check> {
        let indices = largest(gradient, CHECKED);
        let size = indices.first().map_or(0.0, |&index| gradient[index].abs());
        let check = |index| {
            let backward = gradient[index];
            let (differences, rounding) = self.central_difference(place, index);
            let scale = [size, differences.unwrap_or(0.0).abs()];
            let scale = scale.into_iter().fold(RESOLUTION * self.loss, f64::max);
            Check { index, backward, differences, scale, rounding }
        };
        indices.into_iter().map(check).collect()
    }

    /// (J(θ+h) − J(θ−h)) / 2h, or `None` if a kink lies between; and how far rounding can part it from the gradient.
    fn central_difference(&mut self, place: Place, index: (usize, usize)) -> (Option<f64>, f64) {
        let mut step = f64::EPSILON.cbrt() * self.size(place, index).max(1.0);
        let [mut above, mut below] = [step, -step].map(|distance| self.moved(place, index, distance));
        let reach =
            Zip::from(&above.logits).and(&below.logits).fold(0.0_f64, |most, a, b| most.max((a - b).abs()));
        let slope = reach / (2.0 * step); // L
        if step * slope > f64::EPSILON.cbrt() {
            step = f64::EPSILON.cbrt() / slope;
            [above, below] = [step, -step].map(|distance| self.moved(place, index, distance));
        }
        let of_loss = f64::EPSILON * (self.loss + 2.0 * self.logit_error * self.most_delta) / step;
        let of_backward = above.logits.len() as f64 * f64::EPSILON * slope;
        let difference = (above.loss - below.loss) / (2.0 * step);
        ((above.signs == below.signs).then_some(difference), of_loss + of_backward)
    }

    /// |θ|, where it is a parameter.
    fn size(&self, place: Place, (row, column): (usize, usize)) -> f64 {
        match place {
            Place::Weight(l) => self.network.layers()[l].weights()[(row, column)].abs(),
            Place::Bias(l) => self.network.layers()[l].biases()[column].abs(),
            Place::PreActivation(_) | Place::Output(_) => 0.0,
        }
    }

    /// A pass with one entry moved by `distance`.
    fn moved(&mut self, place: Place, (row, column): (usize, usize), distance: f64) -> Moved {
        match place {
            Place::Weight(l) => {
                let original = self.network.layer_mut(l).0[(row, column)];
                self.network.layer_mut(l).0[(row, column)] = original + distance;
                let found = self.pass();
                self.network.layer_mut(l).0[(row, column)] = original;
                found
            }
            Place::Bias(l) | Place::PreActivation(l) => {
                let mut direction = Array1::zeros(self.network.layers()[l].outputs());
                direction[column] = 1.0;
                self.with_sums_moved(l, distance, &direction)
            }
            Place::Output(l) => {
                let direction = self.network.layers()[l + 1].weights().row(column).to_owned();
                self.with_sums_moved(l + 1, distance, &direction)
            }
        }
    }

    fn with_sums_moved(&mut self, l: usize, distance: f64, direction: &Array1<f64>) -> Moved {
        let original = self.network.layers()[l].biases();
        self.network.layer_mut(l).1.scaled_add(distance, direction);
        let found = self.pass();
        self.network.layer_mut(l).1.assign(&original);
        found
    }

    fn pass(&mut self) -> Moved {
        let logits = self.network.logits(self.x, &mut self.workspace).row(0).to_owned();
        let mut signs = Vec::new();
        if self.network.activation().has_kink() {
            for l in 0..self.network.layers().len() - 1 {
                signs.extend(self.workspace.pre_activations(l).iter().map(|&z| z > 0.0));
            }
        }
        Moved { loss: cross_entropy(logits.view(), self.target), logits, signs }
    }
}

/// By how many ε a logit of the last pass can be off, to first order.
fn logit_error(network: &Mlp<f64>, x: ArrayView1<'_, f64>, workspace: &Workspace<f64>) -> f64 {
    let (count, activation) = (network.layers().len(), network.activation());
    // What goes into a layer, in size, and by how much it is off.
    let (mut input, mut error) = (x.mapv(f64::abs), Array1::zeros(x.len()));
    for (l, layer) in network.layers().iter().enumerate() {
        let of_sums = (&input + &error).dot(&layer.weights().mapv(f64::abs)) + layer.biases().mapv(f64::abs);
        if l + 1 == count {
            return of_sums.fold(0.0, |most, error| most.max(*error));
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

/// −ln ŷ of the class `target`, from the logits.
///
/// Of an example that the network is certain of, the loss is far below the distance between two numbers at 1, at which `log Σ exp` would
/// round it: `ln (1 + s)` of the other classes' sum keeps all its digits, without which there would be nothing to take a difference of.
/// NaN of logits that are not finite.
pub(super) fn cross_entropy(logits: ArrayView1<'_, f64>, target: usize) -> f64 {
    if logits.iter().any(|z| !z.is_finite()) {
        return f64::NAN;
    }
    let most = logits.fold(f64::NEG_INFINITY, |most, &z| most.max(z));
    let others = logits.indexed_iter().filter(|&(class, _)| class != target);
    if logits[target] == most {
        others.map(|(_, z)| (z - most).exp()).sum::<f64>().ln_1p()
    } else {
        logits.iter().map(|z| (z - most).exp()).sum::<f64>().ln() - (logits[target] - most)
    }
}
