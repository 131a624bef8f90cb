//! The chapter on one example: every quantity of the forward and of the backward pass in the order in which it comes about, what central
//! differences say of each gradient, and what a step of descent would do to the loss.
//!
//! Here are the numbers and their formulas, from what `mlp-core` computes for anybody; how they look in a terminal and on a page is in
//! `terminal.rs` and `html.rs`, which know nothing of networks. J is the chapter's cross-entropy: what training adds to it is left out.

mod differences;
mod formula;
mod html;
mod quantities;
mod terminal;
mod typeset;
mod words;

use formula::Formula;
pub(crate) use html::page;
pub(crate) use terminal::Terminal;

pub(crate) use differences::Check;

use anyhow::bail;
use mlp_core::{Gradients, Layer, Mlp, Reduction, Workspace, argmax};
use mlp_data::ImageShape;
use ndarray::{Array2, ArrayView2};

use differences::{Differences, Finding, cross_entropy};

/// What is explained, and how its parts are called.
pub(crate) struct Subject {
    /// The file of the model.
    pub(crate) model: String,
    /// Sizes and activation, in short.
    pub(crate) network: String,
    /// Where the image is: dataset, split and number.
    pub(crate) place: String,
    /// The image, rows of pixels from the top.
    pub(crate) pixels: Vec<u8>,
    /// Its form.
    pub(crate) shape: ImageShape,
    /// A name for each class.
    pub(crate) class_names: Vec<String>,
    /// The right class.
    pub(crate) label: usize,
    /// What else has to be known of it, in sentences.
    pub(crate) remarks: Vec<String>,
}

/// Both passes over one example, number by number.
pub(crate) struct Explanation {
    /// In the order of the passes.
    pub(crate) quantities: Vec<Quantity>,
    /// The class of the largest probability.
    pub(crate) prediction: usize,
    /// Ŷ, of each class.
    pub(crate) probabilities: Vec<f64>,
    /// J.
    pub(crate) loss: f64,
    /// ‖∇J‖, of all parameters together.
    pub(crate) gradient_norm: f64,
    /// A step of descent at the learning rate, and at smaller ones, where the prediction is better.
    pub(crate) steps: Vec<Step>,
}

/// One quantity: a matrix, and how it came about.
pub(crate) struct Quantity {
    /// As in the formula: `∂J/∂W^o`.
    pub(crate) symbol: String,
    /// The label under which `gradients.md` derives it; none in the forward pass.
    pub(crate) equation: Option<&'static str>,
    pub(crate) formula: Formula,
    /// What the formula says, in words.
    pub(crate) words: String,
    pub(crate) values: Array2<f64>,
    /// What a row is, and what a column.
    pub(crate) axes: (Axis, Axis),
    /// Its largest entries, measured.
    pub(crate) checks: Vec<Check>,
}

/// What the rows or columns of a matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// The one example, or the one row of biases.
    One,
    Pixels,
    Units,
    Classes,
}

/// What a step of descent does to the loss. After a step that is far too large nothing need be finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) learning_rate: f64,
    /// −η‖∇J‖², to first order.
    pub(crate) predicted: f64,
    /// J after the step less J before.
    pub(crate) actual: f64,
    /// J after the step.
    pub(crate) loss: f64,
    /// The probability of the right class after the step.
    pub(crate) probability: f64,
}

/// The learning rate's parts for which the step is tried, too.
const PARTS: [f64; 3] = [1.0, 0.1, 0.01];

impl Explanation {
    /// Explains what `network` makes of the example `x` (inputs) of class `label`, and what it would learn from it at this rate.
    ///
    /// # Errors
    /// If the network's parameters, or what it makes of the example, are not finite.
    ///
    /// # Panics
    /// As [`Mlp::forward`], if `x` or `label` does not fit the network.
    #[track_caller]
    pub(crate) fn of(network: &Mlp<f64>, x: &[f64], label: u8, learning_rate: f64) -> anyhow::Result<Self> {
        let x = ArrayView2::from_shape((1, x.len()), x).expect("one row");
        let architecture = network.architecture();
        let mut workspace = Workspace::new(&architecture, 1);
        let mut gradients = Gradients::new(&architecture);
        let target = usize::from(label);
        network.forward(x, &[label], &mut workspace);
        if let Some(name) = workspace.first_not_finite(network) {
            bail!("{name} is not finite; expected a model whose training did not diverge");
        }
        network.backward(x, &[label], Reduction::Sum, &mut workspace, &mut gradients);
        let probabilities = workspace.probabilities().row(0).to_vec();
        let loss = cross_entropy(workspace.logits().row(0), target);

        let mut differences = Differences::new(network, x, target, loss);
        let quantities = quantities::all(network, x, target, loss, &workspace, &gradients)
            .into_iter()
            .map(|(mut quantity, place)| {
                if let Some(place) = place {
                    quantity.checks = differences.check(place, &quantity.values);
                }
                quantity
            })
            .collect();

        let squares = |layer: &Layer<f64>| sum_of_squares(&layer.weights()) + sum_of_squares(&layer.biases());
        let square: f64 = gradients.layers().iter().map(squares).sum();
        let step = |part: f64| {
            let learning_rate = learning_rate * part;
            let mut moved = network.clone();
            moved.descend(&gradients, learning_rate);
            moved.forward(x, &[label], &mut workspace);
            let after = cross_entropy(workspace.logits().row(0), target);
            let probability = workspace.probabilities()[(0, target)];
            let predicted = -learning_rate * square;
            Step { learning_rate, predicted, actual: after - loss, loss: after, probability }
        };
        Ok(Self {
            steps: PARTS.map(step).to_vec(),
            quantities,
            prediction: argmax(probabilities.iter().copied()),
            probabilities,
            loss,
            gradient_norm: square.sqrt(),
        })
    }

    /// Entries that disagree with their central differences.
    pub(crate) fn disagreements(&self) -> usize {
        let checks = self.quantities.iter().flat_map(|quantity| &quantity.checks);
        checks.filter(|check| check.finding() == Finding::Disagrees).count()
    }
}

impl Quantity {
    /// The indices of the entries of the largest absolute value, the largest first; of equal ones the first.
    pub(crate) fn largest(&self, count: usize) -> Vec<(usize, usize)> {
        largest(&self.values, count)
    }

    /// √Σ v².
    pub(crate) fn norm(&self) -> f64 {
        sum_of_squares(&self.values).sqrt()
    }
}

fn sum_of_squares<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().map(|value| value * value).sum()
}

fn largest(values: &Array2<f64>, count: usize) -> Vec<(usize, usize)> {
    let mut entries: Vec<((usize, usize), f64)> =
        values.indexed_iter().map(|(index, value)| (index, value.abs())).collect();
    let order =
        |a: &((usize, usize), f64), b: &((usize, usize), f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if entries.len() > count && count > 0 {
        entries.select_nth_unstable_by(count - 1, order);
    }
    entries.truncate(count);
    entries.sort_by(order);
    entries.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests;
