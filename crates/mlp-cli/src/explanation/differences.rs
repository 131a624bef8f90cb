//! Central differences of the loss by anything that it depends on: not only by the parameters, as `mlp gradcheck` takes them, but also by the sums Z and
//! the outputs H in between. Of one example a sum moves as its bias does, and an output moves the sums above it along its row of weights, so
//! that a network whose parameters are moved is all that it takes.

use mlp_core::{Mlp, Workspace};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::{CHECKED, Check, RESOLUTION, largest};

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

/// A copy of the network whose parts can be moved one at a time.
pub(super) struct Differences<'x> {
    network: Mlp<f64>,
    x: ArrayView2<'x, f64>, // (1, inputs)
    target: usize,
    workspace: Workspace<f64>,
}

impl<'x> Differences<'x> {
    pub(super) fn new(network: &Mlp<f64>, x: ArrayView2<'x, f64>, target: usize) -> Self {
        let workspace = Workspace::new(&network.architecture(), 1);
        Self { network: network.clone(), x, target, workspace }
    }

    /// Measures the largest entries of a gradient.
    pub(super) fn check(&mut self, place: Place, gradient: &Array2<f64>) -> Vec<Check> {
        let indices = largest(gradient, CHECKED);
        let size = indices.first().map_or(0.0, |&index| gradient[index].abs());
        let check = |index| {
            let (backward, differences) = (gradient[index], self.central_difference(place, index));
            let scale = [size, differences.unwrap_or(0.0).abs()].into_iter().fold(RESOLUTION, f64::max);
            Check { index, backward, differences, scale }
        };
        indices.into_iter().map(check).collect()
    }

    /// (J(θ+h) − J(θ−h)) / 2h with h = cbrt(ε)·max(1, |θ|), or `None` if a kink lies between.
    fn central_difference(&mut self, place: Place, index: (usize, usize)) -> Option<f64> {
        let step = f64::EPSILON.cbrt() * self.size(place, index).max(1.0);
        let (above, signs_above) = self.loss_at(place, index, step);
        let (below, signs_below) = self.loss_at(place, index, -step);
        (signs_above == signs_below).then_some((above - below) / (2.0 * step))
    }

    /// |θ|, where it is a parameter.
    fn size(&self, place: Place, (row, column): (usize, usize)) -> f64 {
        match place {
            Place::Weight(l) => self.network.layers()[l].weights()[(row, column)].abs(),
            Place::Bias(l) => self.network.layers()[l].biases()[column].abs(),
            Place::PreActivation(_) | Place::Output(_) => 0.0,
        }
    }

    /// The loss with one entry moved by `distance`, and on which side of its kink each hidden unit then is.
    fn loss_at(&mut self, place: Place, (row, column): (usize, usize), distance: f64) -> (f64, Vec<bool>) {
        match place {
            Place::Weight(l) => {
                let weight = |network: &mut Mlp<f64>| network.layer_mut(l).0[(row, column)];
                let original = weight(&mut self.network);
                self.network.layer_mut(l).0[(row, column)] = original + distance;
                let found = self.forward();
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

    fn with_sums_moved(&mut self, l: usize, distance: f64, direction: &Array1<f64>) -> (f64, Vec<bool>) {
        let original = self.network.layers()[l].biases();
        self.network.layer_mut(l).1.scaled_add(distance, direction);
        let found = self.forward();
        self.network.layer_mut(l).1.assign(&original);
        found
    }

    fn forward(&mut self) -> (f64, Vec<bool>) {
        let loss = cross_entropy(self.network.logits(self.x, &mut self.workspace).row(0), self.target);
        let mut signs = Vec::new();
        if self.network.activation().has_kink() {
            for l in 0..self.network.layers().len() - 1 {
                signs.extend(self.workspace.pre_activations(l).iter().map(|&z| z > 0.0));
            }
        }
        (loss, signs)
    }
}

/// −ln ŷ of the class `target`, from the logits.
///
/// Of an example that the network is certain of, the loss is far below the distance between two numbers at 1, at which `log Σ exp` would round it:
/// `ln (1 + s)` of the other classes' sum keeps all its digits, without which there would be nothing to take a difference of.
pub(super) fn cross_entropy(logits: ArrayView1<'_, f64>, target: usize) -> f64 {
    let most = logits.fold(f64::NEG_INFINITY, |most, &z| most.max(z));
    let others = logits.indexed_iter().filter(|&(class, _)| class != target);
    if logits[target] == most {
        others.map(|(_, z)| (z - most).exp()).sum::<f64>().ln_1p()
    } else {
        logits.iter().map(|z| (z - most).exp()).sum::<f64>().ln() - (logits[target] - most)
    }
}
