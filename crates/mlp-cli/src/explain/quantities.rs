//! The quantities in the order of the passes: of each its formula, what it says, and its numbers. The statements of `network.rs`, one by
//! one, with the numbers left behind in the workspace; only ∂J/∂H is not kept there and is multiplied out again.

use mlp_core::{Activation, Gradients, Mlp, Workspace};
use ndarray::{Array2, ArrayView2, Axis as NdAxis};

use super::differences::Place;
use super::{Axis, Formula, Quantity};
use crate::plot::superscript;

/// All of them, each gradient with what has to be moved to measure it.
pub(super) fn all(
    network: &Mlp<f64>,
    x: ArrayView2<'_, f64>,
    target: usize,
    loss: f64,
    workspace: &Workspace<f64>,
    gradients: &Gradients<f64>,
) -> Vec<(Quantity, Option<Place>)> {
    let count = network.layers().len();
    let passes = Passes { network, workspace, gradients, inputs: x.ncols(), names: Names { count } };
    let mut all = Vec::new();
    for l in 0..count {
        all.push((passes.pre_activations(l), None));
        all.push((passes.activations(l), None));
    }
    all.push((passes.loss(target, loss), None));
    all.push((passes.output_error(), Some(Place::PreActivation(count - 1))));
    for l in (0..count).rev() {
        all.push((passes.weight_gradient(l), Some(Place::Weight(l))));
        all.push((passes.bias_gradient(l), Some(Place::Bias(l))));
        if l > 0 {
            let by_output = passes.output_gradient(l - 1);
            all.push((by_output, Some(Place::Output(l - 1))));
            all.push((passes.hidden_error(l - 1), Some(Place::PreActivation(l - 1))));
        }
    }
    all
}

/// Both passes, as they have been made.
struct Passes<'a> {
    network: &'a Mlp<f64>,
    workspace: &'a Workspace<f64>,
    gradients: &'a Gradients<f64>,
    inputs: usize,
    names: Names,
}

impl Passes<'_> {
    fn last(&self) -> usize {
        self.names.count - 1
    }

    /// The number of units of layer `l`.
    fn units(&self, l: usize) -> usize {
        self.network.layers()[l].outputs()
    }

    /// The shape of a row for what goes into layer `l`.
    fn input_shape(&self, l: usize) -> (usize, usize) {
        (1, if l == 0 { self.inputs } else { self.units(l - 1) })
    }

    /// What the units of layer `l` are.
    fn axis(&self, l: usize) -> Axis {
        if l == self.last() { Axis::Classes } else { Axis::Units }
    }

    /// What the numbers that go into layer `l` are.
    fn input_axis(&self, l: usize) -> Axis {
        if l == 0 { Axis::Pixels } else { self.axis(l - 1) }
    }

    /// ∂J/∂Z of layer `l` as a factor of what follows from it.
    fn error(&self, l: usize) -> String {
        if l == self.last() { "(Ŷ − Y)".to_owned() } else { format!("∂J/∂{}", self.names.z(l)) }
    }

    fn pre_activations(&self, l: usize) -> Quantity {
        let (names, shape) = (&self.names, (1, self.units(l)));
        let inputs = self.input_shape(l);
        let formula = Formula::new(&names.z(l), shape)
            .matrix(names.input(l), inputs)
            .matrix(names.of('W', l), (inputs.1, shape.1))
            .sign("+")
            .matrix(names.of('b', l), shape);
        let words = match (l == 0, l == self.last()) {
            (true, true) => {
                "Each class adds up the pixels, weighed by its own weights, and its bias: the logits."
            }
            (true, false) => "Each hidden unit adds up the pixels, weighed by its own weights, and its bias.",
            (false, false) => {
                "Each unit adds up the outputs of the layer below, weighed by its own weights, and its \
                    bias."
            }
            (false, true) => {
                "Each class adds up what the hidden units say, weighed by its own weights, and its bias: \
                    the logits."
            }
        };
        self.row(l, names.z(l), None, formula, words, self.workspace.pre_activations(l))
    }

    fn activations(&self, l: usize) -> Quantity {
        let (names, shape) = (&self.names, (1, self.units(l)));
        let activation = self.network.activation();
        let (function, words) = if l == self.last() {
            ("softmax", "The logits as probabilities: positive, and 1 together.")
        } else {
            (activation_name(activation), activation_words(activation))
        };
        let formula =
            Formula::new(&names.output(l), shape).matrix(format!("{function}({})", names.z(l)), shape);
        self.row(l, names.output(l), None, formula, words, self.workspace.activations(l))
    }

    fn loss(&self, target: usize, loss: f64) -> Quantity {
        let formula =
            Formula::new("J", (1, 1)).sign("−Σ_c y_c ln ŷ_c").sign("=").sign(format!("−ln ŷ_{target}"));
        Quantity {
            symbol: "J".to_owned(),
            equation: None,
            formula,
            words: "Of the targets one is 1 and the others are 0, so that the loss asks for one \
                probability only: that of the right class. It is 0 where the network is certain and right."
                .to_owned(),
            values: Array2::from_elem((1, 1), loss),
            axes: (Axis::One, Axis::One),
            checks: Vec::new(),
        }
    }

    /// G1.
    fn output_error(&self) -> Quantity {
        let l = self.last();
        let shape = (1, self.units(l));
        let symbol = format!("∂J/∂{}", self.names.z(l));
        let formula = Formula::new(&symbol, shape).matrix("Ŷ", shape).sign("−").matrix("Y", shape);
        let words = "The probability that the network gave, less the one that it should have given. \
            Together they are 0: what one class gains the others lose.";
        self.row(l, symbol, Some("G1"), formula, words, self.workspace.deltas(l))
    }

    /// G2; G6 of the hidden layer that the pixels feed.
    fn weight_gradient(&self, l: usize) -> Quantity {
        let names = &self.names;
        let (inputs, outputs) = (self.input_shape(l).1, self.units(l));
        let symbol = format!("∂J/∂{}", names.of('W', l));
        let formula = Formula::new(&symbol, (inputs, outputs))
            .matrix(names.input_transposed(l), (inputs, 1))
            .matrix(self.error(l), (1, outputs));
        let words = if l == 0 {
            "A weight answers for the error of its unit as far as its pixel has ink. A pixel that is 0 \
                teaches its weights nothing: for each unit the gradient is the image itself, times the \
                unit's error."
        } else {
            "A weight answers for the error of the unit behind it, as far as the unit before it was on."
        };
        Quantity {
            symbol,
            equation: Some(if self.is_first_hidden(l) { "G6" } else { "G2" }),
            formula,
            words: words.to_owned(),
            values: self.gradients.layers()[l].weights(),
            axes: (self.input_axis(l), self.axis(l)),
            checks: Vec::new(),
        }
    }

    /// G3; G7 of the hidden layer that the pixels feed.
    fn bias_gradient(&self, l: usize) -> Quantity {
        let shape = (1, self.units(l));
        let symbol = format!("∂J/∂{}", self.names.of('b', l));
        let formula = Formula::new(&symbol, shape).matrix("1ₙ", (1, 1)).matrix(self.error(l), shape);
        let words = "A bias is a weight whose input is always 1. It adds up the errors of its unit over \
            the batch; here that is one example, and the numbers are those of the errors.";
        let equation = if self.is_first_hidden(l) { "G7" } else { "G3" };
        let values = self.gradients.layers()[l].biases().insert_axis(NdAxis(0));
        self.row(l, symbol, Some(equation), formula, words, values)
    }

    /// G4.
    fn output_gradient(&self, l: usize) -> Quantity {
        let (names, shape, above) = (&self.names, (1, self.units(l)), self.units(l + 1));
        let symbol = format!("∂J/∂{}", names.output(l));
        let formula = Formula::new(&symbol, shape)
            .matrix(self.error(l + 1), (1, above))
            .matrix(format!("({})ᵀ", names.of('W', l + 1)), (above, shape.1));
        let words = "The errors travel back along the weights that the outputs came forward on.";
        let weights = self.network.layers()[l + 1].weights();
        let values = self.workspace.deltas(l + 1).dot(&weights.t());
        self.row(l, symbol, Some("G4"), formula, words, values)
    }

    /// G5.
    fn hidden_error(&self, l: usize) -> Quantity {
        let (names, shape) = (&self.names, (1, self.units(l)));
        let (z, h) = (names.z(l), names.output(l));
        let symbol = format!("∂J/∂{z}");
        let mut formula = Formula::new(&symbol, shape);
        for factor in derivative(self.network.activation(), &z, &h) {
            formula = formula.matrix(factor, shape).sign("⊙");
        }
        let formula = formula.matrix(format!("∂J/∂{h}"), shape);
        let words = "A unit lets an error through in proportion to how steep its activation is where the \
            unit stands; a saturated or inactive unit lets none through.";
        self.row(l, symbol, Some("G5"), formula, words, self.workspace.deltas(l))
    }

    fn is_first_hidden(&self, l: usize) -> bool {
        l == 0 && self.last() > 0
    }

    /// A quantity that is one row, an entry for each unit of layer `l`.
    fn row(
        &self,
        l: usize,
        symbol: String,
        equation: Option<&'static str>,
        formula: Formula,
        words: &str,
        values: Array2<f64>,
    ) -> Quantity {
        let axes = (Axis::One, self.axis(l));
        Quantity { symbol, equation, formula, words: words.to_owned(), values, axes, checks: Vec::new() }
    }
}

/// The chapter's symbols, with numbers where there are several hidden layers.
struct Names {
    count: usize, // of layers
}

impl Names {
    /// `W^h`, `W^o`; with several hidden layers `W^h1`, `W^h2`, …
    fn of(&self, letter: char, l: usize) -> String {
        match self.count {
            count if l + 1 == count => format!("{letter}^o"),
            2 => format!("{letter}^h"),
            _ => format!("{letter}^h{}", l + 1),
        }
    }

    fn z(&self, l: usize) -> String {
        self.of('Z', l)
    }

    /// What comes out of layer `l`: `H`, or `H¹`, `H²`, …, and `Ŷ`.
    fn output(&self, l: usize) -> String {
        match self.count {
            count if l + 1 == count => "Ŷ".to_owned(),
            2 => "H".to_owned(),
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

/// As it stands in a formula.
fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::LeakyRelu => "leaky relu",
        other => other.name(),
    }
}

fn activation_words(activation: Activation) -> &'static str {
    match activation {
        Activation::Logistic => "Each sum, pressed between 0 and 1: how far the unit is on.",
        Activation::Tanh => "Each sum, pressed between −1 and 1.",
        Activation::Relu => "Each sum where it is positive, and 0 elsewhere: a unit is on or off.",
        Activation::LeakyRelu => "Each sum where it is positive, and a hundredth of it elsewhere.",
        Activation::Gelu => "Each sum, times the probability that a standard normal number is below it.",
        Activation::Identity => "Each sum as it is.",
        _ => "Each sum, through the unit's activation.",
    }
}

/// f'(Z), as factors.
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
