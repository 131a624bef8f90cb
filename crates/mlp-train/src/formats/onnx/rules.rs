//! The meaning of the values in an ONNX graph, and the rule for each operator: the list of what can
//! be imported. `read.rs` walks the graph.
//!
//! Every value between two activations is an elementwise affine function of the images, of an
//! activation's outputs, or of a product with weights. So biases, normalizations and scalings in
//! any form are one rule, and are folded exactly into the layers at the end.

use std::f64::consts::SQRT_2;
use std::rc::Rc;

use mlp_core::{Activation, Architecture};
use ndarray::{Array1, Array2, Axis};

use crate::formats::onnx::write::leaky_slope;
use crate::formats::onnx::proto::{NodeProto, TensorProto, attribute, data_type};
use crate::formats::onnx::tensor::{Budget, Files, Tensor, fold, reshaped};

/// The multiplier below which a graph must take gray levels from 0 to 255: of images in [0, 1],
/// nothing would be left.
const LEAST_SCALE: f64 = 0.05;

/// The most layers of a graph, in all its branches.
const MAX_LAYERS: usize = 1000;

/// The origin of a value. Layers count from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Images,
    /// X W of a layer, with the biases that are part of its node.
    Product(usize),
    /// H = f(Z) of a layer.
    Hidden(usize),
}

/// An elementwise affine function: one number for all columns, or one for each.
#[derive(Clone, Debug, PartialEq)]
struct Map {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// A map of a base.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    base: Base,
    map: Map,
    shape: Option<Vec<usize>>, // with the batch; None if the graph does not say it
}

/// The probabilities of the classes, or what is computed from the same logits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) layer: usize, // of the logits
    map: Map,                // of its product
    head: Head,
}

/// In the order in which outputs are preferred.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Label,
    Logits,
    Probabilities,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Head {
    Softmax,
    /// The logistic function of one logit, and its complement.
    Pair {
        is_complement_first: bool,
    },
}

/// A value of the graph.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Stored(&'a TensorProto),
    Constant(Rc<Tensor>),
    /// Part of a computation of shapes.
    Size,
    Signal(Rc<Signal>),
    /// factor erf(argument) + offset, part of Gelu.
    Erf {
        argument: Rc<Signal>,
        factor: f64,
        offset: f64,
    },
    Answer(Rc<Answer>),
    /// The node that has no meaning, and why.
    Unknown(Rc<(String, String)>),
}

struct Affine {
    parent: Option<usize>,
    weights: Array2<f64>, // (inputs, outputs)
    biases: Array1<f64>,
    end: Option<(Activation, Map)>,
}

/// The layers of a chain and the activation between them.
pub(super) type Chain = (Vec<(Array2<f64>, Array1<f64>)>, Vec<Activation>);

/// The layers found so far.
pub(super) struct Found<'a> {
    layers: Vec<Affine>,
    pub(super) budget: Budget,
    pub(super) files: &'a Files,
    pub(super) is_byte: bool, // the images are uint8
    is_raw: Option<bool>,     // the graph takes gray levels from 0 to 255
    pub(super) is_scale_known: bool,
    pub(super) is_double: bool, // some weights are in double precision
    pub(super) class_names: Option<Vec<String>>,
    pub(super) notes: Vec<String>,
}

impl Map {
    fn identity() -> Self {
        Self { scale: vec![1.0], shift: vec![0.0] }
    }

    fn is_identity(&self) -> bool {
        self.scale.iter().all(|&scale| scale == 1.0) && self.shift.iter().all(|&shift| shift == 0.0)
    }

    fn times(&self, factors: &[f64]) -> Self {
        let times = |values: &[f64]| zip(values, factors, |value, factor| value * factor);
        Self { scale: times(&self.scale), shift: times(&self.shift) }
    }

    fn over(&self, divisors: &[f64]) -> Self {
        let over = |values: &[f64]| zip(values, divisors, |value, divisor| value / divisor);
        Self { scale: over(&self.scale), shift: over(&self.shift) }
    }

    fn plus(&self, terms: &[f64]) -> Self {
        Self { scale: self.scale.clone(), shift: zip(&self.shift, terms, |shift, term| shift + term) }
    }

    /// Equal up to rounding to single precision.
    fn is_about(&self, other: &Self) -> bool {
        let close = |a: &[f64], b: &[f64]| {
            zip(a, b, |a, b| (a - b).abs() - 1e-6 * b.abs()).iter().all(|&d| d <= 1e-12)
        };
        close(&self.scale, &other.scale) && close(&self.shift, &other.shift)
    }
}

/// Combines numbers of all columns; a single one stands for all.
fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    match (a, b) {
        (&[a], b) => b.iter().map(|&b| f(a, b)).collect(),
        (a, &[b]) => a.iter().map(|&a| f(a, b)).collect(),
        (a, b) => a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect(),
    }
}

fn is_about(number: f64, expected: f64) -> bool {
    (number - expected).abs() <= 1e-6 * expected.abs()
}

impl Signal {
    fn with(&self, map: Map) -> Value<'static> {
        Value::Signal(Rc::new(Self { map, ..self.clone() }))
    }

    fn shaped(&self, shape: Option<Vec<usize>>) -> Value<'static> {
        Value::Signal(Rc::new(Self { shape, ..self.clone() }))
    }
}

impl<'a> Found<'a> {
    pub(super) fn new(budget: Budget, files: &'a Files) -> Self {
        Self {
            layers: Vec::new(),
            budget,
            files,
            is_byte: false,
            is_raw: None,
            is_scale_known: false,
            is_double: false,
            class_names: None,
            notes: Vec::new(),
        }
    }

    /// The images, of a shape that includes the batch.
    pub(super) fn images(&self, shape: Option<Vec<usize>>) -> Value<'a> {
        Value::Signal(Rc::new(Signal { base: Base::Images, map: Map::identity(), shape }))
    }

    /// Returns the output of a node; omitted arguments are `None`.
    pub(super) fn value(
        &mut self,
        node: &'a NodeProto,
        args: &[Option<Value<'a>>],
    ) -> Result<Value<'a>, String> {
        let op = node.op_type.as_str();
        if op == "Constant" {
            return constant(node);
        }
        let given: Vec<Value<'a>> = args.iter().flatten().cloned().collect();
        for value in &given {
            if let Value::Signal(signal) = value {
                self.budget.spend(Some(signal.map.scale.len().max(signal.map.shift.len())))?;
            }
        }
        let is_constant = |value: &Value<'_>| matches!(value, Value::Stored(_) | Value::Constant(_));
        if !given.is_empty() && given.iter().all(is_constant) {
            if op == "Identity" {
                return Ok(given[0].clone());
            }
            let tensors = given.iter().map(|value| self.tensor(value)).collect::<Result<Vec<_>, _>>()?;
            let folded = fold(node, &tensors, &mut self.budget)?;
            return folded.map(|tensor| Value::Constant(Rc::new(tensor))).ok_or_else(unsupported);
        }
        let is_size = |value: &Value<'_>| matches!(value, Value::Size);
        if given.iter().any(is_size) && given.iter().all(|value| is_size(value) || is_constant(value)) {
            return Ok(Value::Size);
        }
        match (op, &given[..]) {
            ("Shape" | "Size", [Value::Signal(_)]) => Ok(Value::Size),
            ("Identity" | "Dropout", [value, ..]) => Ok(value.clone()),
            ("Cast", [value @ (Value::Signal(_) | Value::Erf { .. })]) => {
                match attribute(node, "to").map_or(0, |to| to.i) as i32 {
                    data_type::FLOAT | data_type::DOUBLE | data_type::FLOAT16 | data_type::BFLOAT16 => {
                        Ok(value.clone())
                    }
                    to => Err(format!("to type {}; expected float or double", data_type::name(to))),
                }
            }
            (_, [Value::Answer(answer), ..]) => self.of_answer(node, answer),
            ("ArrayFeatureExtractor" | "Gather", [names, value @ Value::Answer(answer)])
                if answer.kind == Kind::Label && is_constant(names) =>
            {
                self.class_names = Some(self.names(names)?);
                Ok(value.clone())
            }
            ("Concat", [Value::Signal(first), Value::Signal(second)]) => self.pair(node, first, second),
            ("Max", [Value::Signal(first), Value::Signal(second)]) => self.leaky(first, second),
            ("Mul", [Value::Signal(signal), Value::Erf { argument, factor, offset }])
            | ("Mul", [Value::Erf { argument, factor, offset }, Value::Signal(signal)]) => {
                self.gelu(signal, argument, *factor, *offset)
            }
            (_, [Value::Erf { argument, factor, offset }, other]) if is_constant(other) => {
                self.of_erf(op, argument, *factor, *offset, other)
            }
            ("Add" | "Mul", [other, Value::Erf { argument, factor, offset }]) if is_constant(other) => {
                self.of_erf(op, argument, *factor, *offset, other)
            }
            ("Add" | "Mul" | "Max", [other, Value::Signal(signal)]) if is_constant(other) => {
                self.of_signal(node, signal, &[Some(other.clone())])
            }
            ("Sub", [other, Value::Signal(signal)]) if is_constant(other) => {
                let terms = self.operand(signal, other)?;
                Ok(signal.with(signal.map.times(&[-1.0]).plus(&terms)))
            }
            (_, [Value::Signal(signal), ..]) => self.of_signal(node, signal, &args[1..]),
            _ => Err(unsupported()),
        }
    }

    fn of_signal(
        &mut self,
        node: &NodeProto,
        signal: &Rc<Signal>,
        rest: &[Option<Value<'a>>],
    ) -> Result<Value<'a>, String> {
        let map = &signal.map;
        let first = rest.first().and_then(Option::as_ref);
        let number = |name: &str, default: f64| attribute(node, name).map_or(default, |value| value.f.into());
        match (node.op_type.as_str(), first) {
            ("Add" | "Sub" | "Mul" | "Div", Some(other)) if rest.len() == 1 => {
                let operand = self.operand(signal, other)?;
                Ok(signal.with(match node.op_type.as_str() {
                    "Add" => map.plus(&operand),
                    "Sub" => map.plus(&zip(&operand, &[-1.0], |a, b| a * b)),
                    "Mul" => map.times(&operand),
                    _ => map.over(&operand),
                }))
            }
            ("Neg", None) => Ok(signal.with(map.times(&[-1.0]))),
            ("BatchNormalization", Some(_)) => self.batch_norm(signal, rest, number("epsilon", 1e-5)),
            ("Scaler", None) => {
                let floats = |name: &str| {
                    let values = attribute(node, name).map(|values| &values.floats[..]).unwrap_or_default();
                    Tensor {
                        shape: vec![values.len()],
                        values: values.iter().map(|&v| v.into()).collect(),
                        data_type: data_type::FLOAT,
                    }
                };
                let offset = self.operand(signal, &Value::Constant(Rc::new(floats("offset"))))?;
                let scale = self.operand(signal, &Value::Constant(Rc::new(floats("scale"))))?;
                Ok(signal.with(map.plus(&zip(&offset, &[-1.0], |a, b| a * b)).times(&scale)))
            }
            ("Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose", _) => {
                self.reshape(node, signal, first)
            }
            ("MatMul", Some(weights)) => {
                let weights = self.tensor(weights)?;
                self.layer(signal, weights, false, 1.0, None)
            }
            ("Gemm", Some(weights)) => {
                let flag = |name: &str| attribute(node, name).is_some_and(|flag| flag.i != 0);
                if flag("transA") {
                    return Err("transA; expected 0".to_owned());
                }
                let weights = self.tensor(weights)?;
                let biases =
                    rest.get(1).and_then(Option::as_ref).map(|biases| self.tensor(biases)).transpose()?;
                let biases = biases.map(|biases| (biases, number("beta", 1.0)));
                self.layer(signal, weights, flag("transB"), number("alpha", 1.0), biases)
            }
            ("Sigmoid", None) => self.activate(signal, Activation::Logistic),
            ("Tanh", None) => self.activate(signal, Activation::Tanh),
            ("Relu", None) => self.activate(signal, Activation::Relu),
            ("Max", Some(least)) if self.number(least)? == Some(0.0) => {
                self.activate(signal, Activation::Relu)
            }
            ("Clip", _) => {
                let mut bound = |at: usize, name: &str| -> Result<Option<f64>, String> {
                    match rest.get(at).and_then(Option::as_ref) {
                        Some(bound) => self.number(bound),
                        None => Ok(attribute(node, name).map(|value| value.f.into())),
                    }
                };
                let (least, most) = (bound(0, "min")?, bound(1, "max")?);
                // Exporters write the largest number for no bound; half precision ends at 65504.
                if least == Some(0.0) && most.is_none_or(|most| most >= 65504.0) {
                    return self.activate(signal, Activation::Relu);
                }
                Err("a Clip to other bounds than 0 and infinity".to_owned())
            }
            ("LeakyRelu", None) => self.sloped(signal, number("alpha", leaky_slope())),
            ("PRelu", Some(slope)) => {
                let slope = self.tensor(slope)?;
                let first = slope.values.first().copied().unwrap_or_default();
                if slope.values.iter().any(|&slope| slope != first) {
                    return Err("slopes that differ between units".to_owned());
                }
                self.sloped(signal, first)
            }
            ("Gelu", None) if attribute(node, "approximate").is_some_and(|way| way.s == b"tanh") => {
                Err("the tanh approximation; expected exact Gelu".to_owned())
            }
            ("Gelu", None) => self.activate(signal, Activation::Gelu),
            ("Erf", None) => Ok(Value::Erf { argument: Rc::clone(signal), factor: 1.0, offset: 0.0 }),
            ("Softmax" | "LogSoftmax" | "ArgMax", None) => {
                let answer = self.logits(signal).ok_or("takes no outputs of a layer")?;
                self.of_answer(node, &answer)
            }
            _ => Err(unsupported()),
        }
    }

    /// Operators on logits and probabilities.
    fn of_answer(&mut self, node: &NodeProto, answer: &Rc<Answer>) -> Result<Value<'a>, String> {
        let of_kind = |kind: Kind| Ok(Value::Answer(Rc::new(Answer { kind, ..Answer::clone(answer) })));
        let axis = |default: i64| match attribute(node, "axis").map_or(default, |axis| axis.i) {
            -1 | 1 => Ok(()),
            axis => Err(format!("along axis {axis}; expected 1")),
        };
        match (node.op_type.as_str(), answer.kind) {
            ("Softmax" | "LogSoftmax", Kind::Logits) => axis(-1).and_then(|()| of_kind(Kind::Probabilities)),
            ("ArgMax", Kind::Logits | Kind::Probabilities) => axis(0).and_then(|()| of_kind(Kind::Label)),
            ("Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten", Kind::Label) => of_kind(Kind::Label),
            ("Cast" | "Log", Kind::Probabilities) => of_kind(Kind::Probabilities),
            ("ZipMap", Kind::Probabilities) => {
                let texts = attribute(node, "classlabels_strings").map(|labels| texts(&labels.strings));
                let ints = attribute(node, "classlabels_int64s").map(|labels| &labels.ints);
                let ints = ints.map(|labels| labels.iter().map(i64::to_string).collect());
                self.class_names = texts.transpose()?.or(ints).or(self.class_names.take());
                of_kind(Kind::Probabilities)
            }
            _ => Err(unsupported()),
        }
    }

    /// Returns the answer of a value that is an output of the graph, if it is one.
    pub(super) fn answer(&self, value: &Value<'_>) -> Option<Rc<Answer>> {
        match value {
            Value::Answer(answer) => Some(Rc::clone(answer)),
            Value::Signal(signal) => self.logits(signal).or_else(|| {
                // One logistic output is the probability of the second of two classes.
                let complement = self.logistic(signal)?;
                (!complement).then(|| self.paired(signal, true))?
            }),
            _ => None,
        }
    }

    /// Returns a complete Z as logits.
    fn logits(&self, signal: &Signal) -> Option<Rc<Answer>> {
        let Base::Product(layer) = signal.base else { return None };
        let map = signal.map.clone();
        Some(Rc::new(Answer { kind: Kind::Logits, layer, map, head: Head::Softmax }))
    }

    /// Returns whether this is 1 - p instead of p, of a layer with one logistic output p.
    fn logistic(&self, signal: &Signal) -> Option<bool> {
        let Base::Hidden(layer) = signal.base else { return None };
        let layer = &self.layers[layer];
        let is_logistic = matches!(layer.end, Some((Activation::Logistic, _))) && layer.weights.ncols() == 1;
        match (&signal.map.scale[..], &signal.map.shift[..]) {
            ([1.0], [0.0]) if is_logistic => Some(false),
            ([-1.0], [1.0]) if is_logistic => Some(true),
            _ => None,
        }
    }

    fn paired(&self, signal: &Signal, is_complement_first: bool) -> Option<Rc<Answer>> {
        let Base::Hidden(layer) = signal.base else { return None };
        let (_, map) = self.layers[layer].end.as_ref()?;
        let head = Head::Pair { is_complement_first };
        Some(Rc::new(Answer { kind: Kind::Probabilities, layer, map: map.clone(), head }))
    }

    fn pair(&self, node: &NodeProto, first: &Signal, second: &Signal) -> Result<Value<'a>, String> {
        let is_last = matches!(attribute(node, "axis").map_or(0, |axis| axis.i), 1 | -1);
        match (self.logistic(first), self.logistic(second)) {
            (Some(a), Some(b)) if is_last && a != b && first.base == second.base => {
                self.paired(first, a).map(Value::Answer).ok_or_else(unsupported)
            }
            _ => Err(unsupported()),
        }
    }

    fn activate(&mut self, signal: &Signal, activation: Activation) -> Result<Value<'a>, String> {
        let Base::Product(layer) = signal.base else {
            return Err(format!("the activation {activation} does not follow a layer"));
        };
        let hidden = Signal { base: Base::Hidden(layer), map: Map::identity(), shape: signal.shape.clone() };
        self.finish(layer, activation, &signal.map)?;
        Ok(Value::Signal(Rc::new(hidden)))
    }

    fn finish(&mut self, layer: usize, activation: Activation, map: &Map) -> Result<(), String> {
        let end = (activation, map.clone());
        match &self.layers[layer].end {
            Some(before) if *before != end => {
                Err(format!("the layer already has the activation {}", before.0))
            }
            _ => {
                self.layers[layer].end = Some(end);
                Ok(())
            }
        }
    }

    fn sloped(&mut self, signal: &Signal, slope: f64) -> Result<Value<'a>, String> {
        if !is_about(slope, leaky_slope()) {
            return Err(format!("slope {slope}; expected {}", leaky_slope()));
        }
        self.activate(signal, Activation::LeakyRelu)
    }

    /// max(z, 0.01 z), in either order.
    fn leaky(&mut self, first: &Signal, second: &Signal) -> Result<Value<'a>, String> {
        for (z, sloping) in [(first, second), (second, first)] {
            if z.base == sloping.base && z.map.times(&[leaky_slope()]).is_about(&sloping.map) {
                return self.activate(z, Activation::LeakyRelu);
            }
        }
        Err(unsupported())
    }

    /// Constants added to or multiplied with erf.
    fn of_erf(
        &mut self,
        op: &str,
        argument: &Rc<Signal>,
        factor: f64,
        offset: f64,
        other: &Value<'a>,
    ) -> Result<Value<'a>, String> {
        let number = self.number(other)?.ok_or_else(unsupported)?;
        let (factor, offset) = match op {
            "Add" => (factor, offset + number),
            "Mul" => (factor * number, offset * number),
            "Div" => (factor / number, offset / number),
            _ => return Err(unsupported()),
        };
        Ok(Value::Erf { argument: Rc::clone(argument), factor, offset })
    }

    /// gelu(z) = z/2 (1 + erf(z / √2)), with its factors in any place: `signal` is z or z / 2, and
    /// what remains is a multiple of Gelu.
    fn gelu(
        &mut self,
        signal: &Signal,
        argument: &Signal,
        factor: f64,
        offset: f64,
    ) -> Result<Value<'a>, String> {
        let expected = argument.map.times(&[SQRT_2]);
        for multiple in [1.0, 2.0] {
            let z = Signal { map: signal.map.times(&[multiple]), ..signal.clone() };
            if signal.base == argument.base && is_about(factor, offset) && z.map.is_about(&expected) {
                let Value::Signal(hidden) = self.activate(&z, Activation::Gelu)? else {
                    return Err(unsupported());
                };
                return Ok(hidden.with(hidden.map.times(&[2.0 * offset / multiple])));
            }
        }
        Err(unsupported())
    }

    fn batch_norm(
        &mut self,
        signal: &Signal,
        rest: &[Option<Value<'a>>],
        epsilon: f64,
    ) -> Result<Value<'a>, String> {
        let [Some(scale), Some(shift), Some(mean), Some(variance)] = rest else { return Err(unsupported()) };
        // Channels are the second dimension, which is the last one of a matrix only.
        let is_matrix = signal.shape.as_ref().is_some_and(|shape| shape.len() == 2);
        let mut row = |value: &Value<'a>| -> Result<Vec<f64>, String> {
            let tensor = self.tensor(value)?;
            if !is_matrix && tensor.values.len() != 1 {
                return Err("several channels; expected one".to_owned());
            }
            self.operand(signal, &Value::Constant(tensor))
        };
        let (scale, shift, mean, variance) = (row(scale)?, row(shift)?, row(mean)?, row(variance)?);
        let factors = zip(&scale, &variance, |scale, variance| scale / (variance + epsilon).sqrt());
        let terms =
            zip(&shift, &zip(&mean, &factors, |mean, factor| mean * factor), |shift, mean| shift - mean);
        Ok(signal.with(signal.map.times(&factors).plus(&terms)))
    }

    /// Changes of the shape that keep the numbers of an example in order.
    fn reshape(
        &mut self,
        node: &NodeProto,
        signal: &Signal,
        given: Option<&Value<'a>>,
    ) -> Result<Value<'a>, String> {
        let op = node.op_type.as_str();
        let Some(shape) = &signal.shape else {
            return if op == "Transpose" { Err(unsupported()) } else { Ok(signal.shaped(None)) };
        };
        let count: usize = shape[1..].iter().product();
        let new = match (op, given) {
            (_, Some(Value::Size)) => Some(vec![shape[0], count]),
            ("Transpose", _) => {
                let perm = attribute(node, "perm").map(|perm| &perm.ints[..]).unwrap_or_default();
                let axes: Option<Vec<usize>> = perm
                    .iter()
                    .map(|&axis| usize::try_from(axis).ok().filter(|&axis| axis < shape.len()))
                    .collect();
                let axes =
                    axes.filter(|axes| axes.len() == shape.len() && axes[0] == 0).ok_or_else(unsupported)?;
                // Only dimensions of one may move.
                let wide: Vec<usize> = axes[1..].iter().copied().filter(|&axis| shape[axis] != 1).collect();
                if !wide.is_sorted() || wide.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err("moves the pixels of an image".to_owned());
                }
                Some(axes.iter().map(|&axis| shape[axis]).collect())
            }
            _ => {
                let ints = match given {
                    Some(value) => Some(self.tensor(value)?.as_ints()),
                    None => attribute(node, if op == "Reshape" { "shape" } else { "axes" })
                        .map(|a| a.ints.clone()),
                };
                reshaped(node, shape, ints)
            }
        };
        let is_same = |new: &Vec<usize>| {
            let rest =
                new.get(1..).unwrap_or_default().iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
            new.first() == shape.first() && rest == Some(count)
        };
        match new.filter(is_same) {
            Some(new) => Ok(signal.shaped(Some(new))),
            None => Err(format!("from shape {shape:?}; expected one example per row as before")),
        }
    }

    /// Adds a layer.
    fn layer(
        &mut self,
        x: &Signal,
        weights: Rc<Tensor>,
        is_transposed: bool,
        alpha: f64,
        biases: Option<(Rc<Tensor>, f64)>,
    ) -> Result<Value<'a>, String> {
        if self.layers.len() == MAX_LAYERS {
            return Err(format!("more than {MAX_LAYERS} layers"));
        }
        let &[rows, columns] = &weights.shape[..] else {
            return Err(format!("weights of shape {:?}; expected two dimensions", weights.shape));
        };
        let (inputs, outputs) = if is_transposed { (columns, rows) } else { (rows, columns) };
        Architecture::new(inputs, &[], outputs).validate().map_err(|error| error.to_string())?;
        if let Some(shape) = x.shape.as_ref().filter(|shape| shape.len() != 2 || shape[1] != inputs) {
            return Err(format!("values of shape {:?} for a layer of {inputs} inputs", &shape[1..]));
        }
        if matches!(x.map.scale.len().max(x.map.shift.len()), columns if columns != 1 && columns != inputs) {
            return Err(format!("normalization of other columns than the {inputs} inputs"));
        }
        self.budget.spend(Some(inputs * outputs))?;
        self.is_double |= weights.data_type == data_type::DOUBLE;
        let values = Rc::try_unwrap(weights).map_or_else(|shared| shared.values.clone(), |own| own.values);
        let matrix = Array2::from_shape_vec((rows, columns), values).map_err(|error| error.to_string())?;
        let mut matrix = if is_transposed { matrix.reversed_axes() } else { matrix };
        if alpha != 1.0 {
            matrix *= alpha;
        }
        let mut sums = match biases {
            Some((biases, beta)) => {
                self.is_double |= biases.data_type == data_type::DOUBLE;
                let values = biases.broadcast(&[1, outputs], &mut self.budget)?;
                Array1::from_vec(if beta == 1.0 { values } else { zip(&values, &[beta], |a, b| a * b) })
            }
            None => Array1::zeros(outputs),
        };
        let (parent, map) = match x.base {
            Base::Images => (None, self.of_gray(&x.map)?),
            Base::Hidden(layer) => (Some(layer), x.map.clone()),
            Base::Product(layer) => {
                self.finish(layer, Activation::Identity, &x.map)?;
                (Some(layer), Map::identity())
            }
        };
        if !map.is_identity() {
            // (x scale + shift) W = x (scale W) + shift W
            let all = |values: &[f64]| Array1::from_vec(zip(values, &vec![1.0; inputs], |a, b| a * b));
            sums += &all(&map.shift).dot(&matrix);
            matrix *= &all(&map.scale).insert_axis(Axis(1));
        }
        let batch = x.shape.as_ref().map_or(1, |shape| shape[0]);
        self.layers.push(Affine { parent, weights: matrix, biases: sums, end: None });
        let base = Base::Product(self.layers.len() - 1);
        Ok(Value::Signal(Rc::new(Signal { base, map: Map::identity(), shape: Some(vec![batch, outputs]) })))
    }

    /// Converts a map of the graph's input to one of gray levels in [0, 1].
    fn of_gray(&mut self, map: &Map) -> Result<Map, String> {
        let mut scales: Vec<f64> =
            map.scale.iter().map(|scale| scale.abs()).filter(|&scale| scale > 0.0).collect();
        scales.sort_by(f64::total_cmp);
        let typical = scales.get(scales.len() / 2).copied().unwrap_or(1.0);
        let is_raw = self.is_byte || typical < LEAST_SCALE;
        if self.is_raw.replace(is_raw).is_some_and(|before| before != is_raw) {
            return Err("takes images of another scale than another layer".to_owned());
        }
        if !is_raw {
            return Ok(map.clone());
        }
        let mut scaled = Map { scale: zip(&map.scale, &[255.0], |a, b| a * b), shift: map.shift.clone() };
        let is_division = scaled.scale.iter().all(|&scale| is_about(scale, 1.0));
        if is_division {
            scaled.scale = vec![1.0];
        } else if !self.is_byte && !self.is_scale_known {
            self.notes.push(format!(
                "assumed: the graph takes gray levels from 0 to 255, as it multiplies them by {typical:.3}"
            ));
        }
        self.is_scale_known = true;
        Ok(scaled)
    }

    /// Decodes a constant.
    fn tensor(&mut self, value: &Value<'a>) -> Result<Rc<Tensor>, String> {
        match value {
            Value::Stored(tensor) => Tensor::read(tensor, self.files, &mut self.budget).map(Rc::new),
            Value::Constant(tensor) => Ok(Rc::clone(tensor)),
            _ => Err("takes a computed value; expected a constant".to_owned()),
        }
    }

    /// Returns the number of a constant with exactly one; `None` for other constants.
    fn number(&mut self, value: &Value<'a>) -> Result<Option<f64>, String> {
        Ok(self.tensor(value)?.number())
    }

    /// Returns a constant as one number, or one for each column of a signal.
    fn operand(&mut self, signal: &Signal, value: &Value<'a>) -> Result<Vec<f64>, String> {
        let tensor = self.tensor(value)?;
        if let Some(number) = tensor.number() {
            return Ok(vec![number]);
        }
        let shape =
            signal.shape.as_ref().ok_or("a constant of several numbers for images of unknown shape")?;
        let example: Vec<usize> = [1].into_iter().chain(shape[1..].iter().copied()).collect();
        tensor.broadcast(&example, &mut self.budget)
    }

    /// Returns class names from a constant of strings or integers.
    fn names(&mut self, value: &Value<'a>) -> Result<Vec<String>, String> {
        match value {
            Value::Stored(tensor) if tensor.data_type == data_type::STRING => texts(&tensor.string_data),
            value => Ok(self.tensor(value)?.as_ints().iter().map(i64::to_string).collect()),
        }
    }

    /// Returns whether the layers of one answer are among those of another.
    pub(super) fn is_within(&self, one: &Answer, other: &Answer) -> bool {
        self.chain(other.layer).contains(&one.layer)
    }

    /// Returns whether two answers about the same layer are the same.
    pub(super) fn agree(&self, one: &Answer, other: &Answer) -> bool {
        one.map == other.map && one.head == other.head
    }

    /// The layers up to one, the last one first.
    fn chain(&self, layer: usize) -> Vec<usize> {
        std::iter::successors(Some(layer), |&layer| self.layers[layer].parent).collect()
    }

    /// Returns the layers of an answer, the output layer last, with everything folded.
    pub(super) fn into_layers(mut self, answer: &Answer) -> Chain {
        let mut chain = self.chain(answer.layer);
        chain.reverse();
        let mut activations = Vec::new();
        let mut layers = Vec::new();
        for &index in &chain {
            let affine = &mut self.layers[index];
            let mut weights = std::mem::take(&mut affine.weights);
            let mut biases = std::mem::take(&mut affine.biases);
            let mut map = &answer.map;
            if let Some((activation, end)) = affine.end.as_ref().filter(|_| index != answer.layer) {
                activations.push(*activation);
                map = end;
            }
            if !map.is_identity() {
                // (x W + b) scale + shift
                let all =
                    |values: &[f64]| Array1::from_vec(zip(values, &vec![1.0; biases.len()], |a, b| a * b));
                let (scale, shift) = (all(&map.scale), all(&map.shift));
                weights *= &scale;
                biases = biases * &scale + &shift;
            }
            if let Head::Pair { is_complement_first } = answer.head
                && index == answer.layer
            {
                // softmax(0, z) = (1 - logistic(z), logistic(z))
                let column = usize::from(is_complement_first);
                let mut both = (Array2::zeros((weights.nrows(), 2)), Array1::zeros(2));
                both.0.column_mut(column).assign(&weights.column(0));
                both.1[column] = biases[0];
                (weights, biases) = both;
            }
            layers.push((weights, biases));
        }
        (layers, activations)
    }
}

/// The value of a node `Constant`.
fn constant(node: &NodeProto) -> Result<Value<'_>, String> {
    let computed = |tensor| Ok(Value::Constant(Rc::new(tensor)));
    let [value] = &node.attribute[..] else { return Err("not one value".to_owned()) };
    match (value.name.as_str(), &value.t) {
        ("value", Some(tensor)) => Ok(Value::Stored(tensor)),
        ("value_float", _) => computed(Tensor::scalar(value.f.into())),
        ("value_int", _) => {
            computed(Tensor { data_type: data_type::INT64, ..Tensor::scalar(value.i as f64) })
        }
        ("value_ints", _) => computed(Tensor::ints(&value.ints)),
        ("value_floats", _) => computed(Tensor {
            shape: vec![value.floats.len()],
            values: value.floats.iter().map(|&value| value.into()).collect(),
            data_type: data_type::FLOAT,
        }),
        (name, _) => Err(format!("a constant `{}`", name.escape_debug())),
    }
}

fn texts(bytes: &[Vec<u8>]) -> Result<Vec<String>, String> {
    let text = |bytes: &Vec<u8>| {
        String::from_utf8(bytes.clone()).map_err(|_| "a label that is not UTF-8".to_owned())
    };
    bytes.iter().map(text).collect()
}

fn unsupported() -> String {
    "not supported here".to_owned()
}
