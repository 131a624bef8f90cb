//! The quantities of both passes in the order of the chapter, with formulas and explanations. The
//! values come from the workspace of `mlp-core`, except ∂J/∂H, which is recomputed.

use mlp_core::{Activation, Gradients, Mlp, Workspace};
use ndarray::{Array2, ArrayView2, Axis as NdAxis};

use super::check::Variable;
use super::formula::{Part, matrix, sign};
use super::quantity::{Axis, Quantity};
use crate::plot::superscript;

/// Returns all quantities of the two passes for the example `x` of class `target`.
pub(super) fn quantities(
    network: &Mlp<f64>,
    x: ArrayView2<'_, f64>,
    target: usize,
    loss: f64,
    workspace: &Workspace<f64>,
    gradients: &Gradients<f64>,
) -> Vec<Quantity> {
    let last = network.layers().len() - 1;
    let passes = Passes { network, workspace, gradients, inputs: x.ncols(), names: Names { last } };
    let mut all = Vec::new();
    for l in 0..=last {
        all.push(passes.pre_activations(l));
        all.push(passes.activations(l));
    }
    all.push(loss_of(target, loss));
    all.push(passes.output_error());
    for l in (0..=last).rev() {
        all.push(passes.weight_gradient(l));
        all.push(passes.bias_gradient(l));
        if l > 0 {
            all.push(passes.activation_gradient(l - 1));
            all.push(passes.hidden_error(l - 1));
        }
    }
    all
}

fn loss_of(target: usize, loss: f64) -> Quantity {
    let words = "Y is one-hot, so the loss depends only on the probability of the correct class. It is 0 \
        if that probability is 1.";
    let right = vec![sign("−Σ_c y_c ln ŷ_c"), sign("="), sign(format!("−ln ŷ_{target}"))];
    Quantity::new("J", Array2::from_elem((1, 1), loss), (Axis::One, Axis::One), right, words)
}

/// The results of both passes.
struct Passes<'a> {
    network: &'a Mlp<f64>,
    workspace: &'a Workspace<f64>,
    gradients: &'a Gradients<f64>,
    inputs: usize,
    names: Names,
}

impl Passes<'_> {
    /// The number of units of layer `l`.
    fn units(&self, l: usize) -> usize {
        self.network.layers()[l].outputs()
    }

    /// The number of inputs of layer `l`.
    fn inputs(&self, l: usize) -> usize {
        if l == 0 { self.inputs } else { self.units(l - 1) }
    }

    /// The meaning of the units of layer `l`.
    fn axis(&self, l: usize) -> Axis {
        if l == self.names.last { Axis::Classes } else { Axis::Units }
    }

    /// ∂J/∂Z of layer `l`, as a factor.
    fn error(&self, l: usize) -> Part {
        let text = if l == self.names.last { "(Ŷ − Y)".to_owned() } else { by(&self.names.z(l)) };
        matrix(text, (1, self.units(l)))
    }

    /// A row with one entry per unit of layer `l`.
    fn row(
        &self,
        l: usize,
        symbol: &str,
        values: Array2<f64>,
        right: Vec<Part>,
        words: &'static str,
    ) -> Quantity {
        Quantity::new(symbol, values, (Axis::One, self.axis(l)), right, words)
    }

    fn pre_activations(&self, l: usize) -> Quantity {
        let (names, inputs, units) = (&self.names, self.inputs(l), self.units(l));
        let words = match (l == 0, l == names.last) {
            (true, true) => {
                "Each class computes a weighted sum of the pixels plus its bias. These are the logits."
            }
            (true, false) => "Each hidden unit computes a weighted sum of the pixels plus its bias.",
            (false, false) => {
                "Each unit computes a weighted sum of the previous layer's outputs plus its bias."
            }
            (false, true) => {
                "Each class computes a weighted sum of the hidden units' outputs plus its bias. These are \
                    the logits."
            }
        };
        let right = vec![
            matrix(names.input(l), (1, inputs)),
            matrix(names.of('W', l), (inputs, units)),
            sign("+"),
            matrix(names.of('b', l), (1, units)),
        ];
        self.row(l, &names.z(l), self.workspace.pre_activations(l), right, words)
    }

    fn activations(&self, l: usize) -> Quantity {
        let names = &self.names;
        let (function, words) = if l == names.last {
            ("softmax", "Softmax turns the logits into probabilities, which are positive and sum to 1.")
        } else {
            let activation = self.network.activation();
            (activation_name(activation), activation_words(activation))
        };
        let right = vec![matrix(format!("{function}({})", names.z(l)), (1, self.units(l)))];
        self.row(l, &names.output(l), self.workspace.activations(l), right, words)
    }

    /// G1.
    fn output_error(&self) -> Quantity {
        let l = self.names.last;
        let shape = (1, self.units(l));
        let words = "The predicted probabilities minus the targets. They sum to 0: what one class gains, \
            the others lose.";
        let right = vec![matrix("Ŷ", shape), sign("−"), matrix("Y", shape)];
        self.row(l, &by(&self.names.z(l)), self.workspace.deltas(l), right, words)
            .gradient("G1", Variable::PreActivations(l))
    }

    /// G2; G6 for the first hidden layer.
    fn weight_gradient(&self, l: usize) -> Quantity {
        let names = &self.names;
        let words = if l == 0 {
            "The gradient of a weight is its pixel times the error of its unit, so the gradient of each \
                unit is the image scaled by the unit's error. Pixels that are 0 contribute nothing."
        } else {
            "The gradient of a weight is the output of the unit it comes from times the error of the unit \
                it leads to."
        };
        let input_axis = if l == 0 { Axis::Pixels } else { self.axis(l - 1) };
        let right = vec![matrix(names.input_transposed(l), (self.inputs(l), 1)), self.error(l)];
        let values = self.gradients.layers()[l].weights();
        Quantity::new(&by(&names.of('W', l)), values, (input_axis, self.axis(l)), right, words)
            .gradient(if self.is_first_hidden(l) { "G6" } else { "G2" }, Variable::Weights(l))
    }

    /// G3; G7 for the first hidden layer.
    fn bias_gradient(&self, l: usize) -> Quantity {
        let words = "A bias is a weight whose input is always 1, so its gradient is the sum of its unit's \
            errors over the batch. With a single example, it equals the error.";
        let values = self.gradients.layers()[l].biases().insert_axis(NdAxis(0));
        let right = vec![matrix("1ₙ", (1, 1)), self.error(l)];
        self.row(l, &by(&self.names.of('b', l)), values, right, words)
            .gradient(if self.is_first_hidden(l) { "G7" } else { "G3" }, Variable::Biases(l))
    }

    /// G4.
    fn activation_gradient(&self, l: usize) -> Quantity {
        let weights = self.network.layers()[l + 1].weights();
        let words = "The errors flow back through the same weights that carried the outputs forward.";
        let transposed = format!("({})ᵀ", self.names.of('W', l + 1));
        let right = vec![self.error(l + 1), matrix(transposed, (self.units(l + 1), self.units(l)))];
        let values = self.workspace.deltas(l + 1).dot(&weights.t());
        self.row(l, &by(&self.names.output(l)), values, right, words).gradient("G4", Variable::Activations(l))
    }

    /// G5.
    fn hidden_error(&self, l: usize) -> Quantity {
        let (names, shape) = (&self.names, (1, self.units(l)));
        let (z, h) = (names.z(l), names.output(l));
        let words = "The error of each unit is scaled by the slope of its activation function. Saturated \
            or inactive units pass almost nothing back.";
        let factors = derivative(self.network.activation(), &z, &h).into_iter();
        let right = factors
            .flat_map(|factor| [matrix(factor, shape), sign("⊙")])
            .chain([matrix(by(&h), shape)])
            .collect();
        self.row(l, &by(&z), self.workspace.deltas(l), right, words)
            .gradient("G5", Variable::PreActivations(l))
    }

    fn is_first_hidden(&self, l: usize) -> bool {
        l == 0 && self.names.last > 0
    }
}

/// `∂J/∂…`.
fn by(variable: &str) -> String {
    format!("∂J/∂{variable}")
}

/// The chapter's symbols, numbered if there are several hidden layers.
struct Names {
    last: usize, // layer
}

impl Names {
    /// `W^h`, `W^o`; with several hidden layers `W^h1`, `W^h2`, …
    fn of(&self, letter: char, l: usize) -> String {
        match self.last {
            last if l == last => format!("{letter}^o"),
            1 => format!("{letter}^h"),
            _ => format!("{letter}^h{}", l + 1),
        }
    }

    fn z(&self, l: usize) -> String {
        self.of('Z', l)
    }

    /// The output of layer `l`: `H`, or `H¹`, `H²`, …, and `Ŷ`.
    fn output(&self, l: usize) -> String {
        match self.last {
            last if l == last => "Ŷ".to_owned(),
            1 => "H".to_owned(),
            _ => format!("H{}", superscript(l as i32 + 1)),
        }
    }

    fn input(&self, l: usize) -> String {
        if l == 0 { "X".to_owned() } else { self.output(l - 1) }
    }

    fn input_transposed(&self, l: usize) -> String {
        let input = self.input(l);
        if input.chars().count() > 1 { format!("({input})ᵀ") } else { format!("{input}ᵀ") }
    }
}

/// The name of the function in a formula.
fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::LeakyRelu => "leaky relu",
        other => other.name(),
    }
}

fn activation_words(activation: Activation) -> &'static str {
    match activation {
        Activation::Logistic => "Each sum, squashed to between 0 and 1.",
        Activation::Tanh => "Each sum, squashed to between −1 and 1.",
        Activation::Relu => "Each sum if it is positive, otherwise 0.",
        Activation::LeakyRelu => "Each sum if it is positive, otherwise 1% of it.",
        Activation::Gelu => "Each sum times the probability that a standard normal variable is below it.",
        Activation::Identity => "Each sum, unchanged.",
        _ => "Each sum, after the activation function.",
    }
}

/// The factors of f′(Z).
fn derivative(activation: Activation, z: &str, h: &str) -> Vec<String> {
    match activation {
        Activation::Logistic => vec![h.to_owned(), format!("(1 − {h})")],
        Activation::Tanh => vec![format!("(1 − {h} ⊙ {h})")],
        Activation::Relu => vec![format!("[{z} > 0]")],
        Activation::Gelu => vec![format!("(Φ({z}) + {z} ⊙ φ({z}))")],
        Activation::Identity => Vec::new(),
        other => vec![format!("{}′({z})", activation_name(other))],
    }
}
