//! Computes an explanation: both passes for one example, gradient checks, and gradient descent
//! steps. The loss J is the chapter's cross-entropy, without the terms that training may add.

use anyhow::bail;
use mlp_core::{Gradients, Layer, Mlp, Workspace, argmax};
use mlp_data::ImageShape;
use ndarray::ArrayView2;

use super::check::Finding;
use super::differences::{Differences, cross_entropy};
use super::passes::quantities;
use super::quantity::{Quantity, sum_of_squares};

/// The example and the model, as shown to the reader.
pub(crate) struct Subject {
    /// The model file.
    pub(crate) model: String,
    /// Layer sizes and activation.
    pub(crate) network: String,
    /// The dataset, the split and the index of the image.
    pub(crate) place: String,
    /// The image, in rows from the top.
    pub(crate) pixels: Vec<u8>,
    pub(crate) shape: ImageShape,
    pub(crate) class_names: Vec<String>,
    /// The correct class.
    pub(crate) label: usize,
    /// Notes about the model, in full sentences.
    pub(crate) remarks: Vec<String>,
}

/// Both passes for one example.
pub(crate) struct Explanation {
    /// In the order of the passes.
    pub(crate) quantities: Vec<Quantity>,
    /// The most likely class.
    pub(crate) prediction: usize,
    /// Ŷ.
    pub(crate) probabilities: Vec<f64>,
    /// J.
    pub(crate) loss: f64,
    /// ‖∇J‖ over all parameters.
    pub(crate) gradient_norm: f64,
    /// Steps at the learning rate and at fractions of it.
    pub(crate) steps: Vec<Step>,
}

/// The effect of a gradient descent step. If the step is far too large, any value may be infinite
/// or NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) learning_rate: f64,
    /// The first-order change of J, −η‖∇J‖².
    pub(crate) predicted: f64,
    /// The actual change of J.
    pub(crate) actual: f64,
    /// J after the step.
    pub(crate) loss: f64,
    /// The probability of the correct class after the step.
    pub(crate) probability: f64,
}

/// Fractions of the learning rate to try. The first-order prediction improves for smaller steps.
const FRACTIONS: [f64; 3] = [1.0, 0.1, 0.01];

impl Explanation {
    /// Explains how `network` classifies the inputs `x` of class `label`, and the effect of a
    /// gradient descent step at this learning rate.
    ///
    /// # Errors
    /// If a parameter of the network or a sum for this example is not finite.
    ///
    /// # Panics
    /// If `x` or `label` does not match the network, as in [`Mlp::forward`].
    #[track_caller]
    pub(crate) fn new(network: &Mlp<f64>, x: &[f64], label: u8, learning_rate: f64) -> anyhow::Result<Self> {
        let x = ArrayView2::from_shape((1, x.len()), x).expect("one row");
        let architecture = network.architecture();
        let mut workspace = Workspace::new(&architecture, 1);
        let mut gradients = Gradients::new(&architecture);
        let target = usize::from(label);
        network.forward(x, &[label], &mut workspace);
        if let Some(name) = network.first_not_finite(&workspace) {
            bail!("{name} is not finite; expected a model whose training did not diverge");
        }
        network.backward(x, &mut workspace, &mut gradients);
        let probabilities = workspace.probabilities().row(0).to_vec();
        let loss = cross_entropy(workspace.logits().row(0), target);

        let mut quantities = quantities(network, x, target, loss, &workspace, &gradients);
        let mut differences = Differences::new(network, x, target, loss);
        for quantity in &mut quantities {
            if let Some((_, variable)) = quantity.derivative {
                quantity.checks = differences.check(variable, &quantity.values);
            }
        }

        let squares = |layer: &Layer<f64>| sum_of_squares(&layer.weights()) + sum_of_squares(&layer.biases());
        let squared_norm: f64 = gradients.layers().iter().map(squares).sum();
        let step = |fraction: f64| {
            let learning_rate = learning_rate * fraction;
            let mut moved = network.clone();
            moved.descend(&gradients, learning_rate);
            moved.score(x, &[label], &mut workspace);
            let after = cross_entropy(workspace.logits().row(0), target);
            let probability = workspace.probabilities()[(0, target)];
            let predicted = -learning_rate * squared_norm;
            Step { learning_rate, predicted, actual: after - loss, loss: after, probability }
        };
        Ok(Self {
            steps: FRACTIONS.map(step).to_vec(),
            quantities,
            prediction: argmax(probabilities.iter().copied()),
            probabilities,
            loss,
            gradient_norm: squared_norm.sqrt(),
        })
    }

    /// The number of gradient entries that disagree with the central differences.
    pub(crate) fn disagreements(&self) -> usize {
        let checks = self.quantities.iter().flat_map(|quantity| &quantity.checks);
        checks.filter(|check| check.finding() == Finding::Disagrees).count()
    }
}
