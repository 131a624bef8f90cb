//! The rule for each operator of an ONNX graph: the list of what can be imported. `read.rs` walks
//! the graph.

use std::rc::Rc;

use mlp_core::Activation;

use crate::formats::onnx::answers::{Answer, Kind};
use crate::formats::onnx::fold::fold;
use crate::formats::onnx::layers::{Layers, Product, Signal};
use crate::formats::onnx::map::zip;
use crate::formats::onnx::proto::{NodeProto, TensorProto, attribute, data_type};
use crate::formats::onnx::shapes::{reshaped, shape_argument, transposed};
use crate::formats::onnx::tensor::{Budget, Files, Tensor};
use crate::formats::onnx::write::leaky_slope;

const TRAINING: &str = "in training mode; expected a model exported after `model.eval()`";

/// A value of the graph.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Stored(&'a TensorProto),
    Constant(Rc<Tensor>),
    Signal(Rc<Signal>),
    Erf(Rc<Erf>),
    Sign(Rc<Sign>),
    Answer(Rc<Answer>),
    /// The node that has no meaning, and why.
    Unknown(Rc<(String, String)>),
}

/// factor erf(argument) + offset, part of Gelu.
pub(super) struct Erf {
    pub(super) argument: Rc<Signal>,
    pub(super) factor: f64,
    pub(super) offset: f64,
}

/// A mask of the values of a signal that are above zero, or of those below.
pub(super) struct Sign {
    pub(super) argument: Rc<Signal>,
    pub(super) is_above: bool,
}

impl From<Signal> for Value<'_> {
    fn from(signal: Signal) -> Self {
        Self::Signal(Rc::new(signal))
    }
}

impl From<Tensor> for Value<'_> {
    fn from(tensor: Tensor) -> Self {
        Self::Constant(Rc::new(tensor))
    }
}

impl Value<'_> {
    fn is_constant(&self) -> bool {
        matches!(self, Self::Stored(_) | Self::Constant(_))
    }
}

/// What is known of a graph so far.
pub(super) struct Found<'a> {
    pub(super) layers: Layers,
    pub(super) class_names: Option<Vec<String>>,
    budget: Budget,
    files: &'a Files,
}

impl<'a> Found<'a> {
    pub(super) fn new(budget: Budget, files: &'a Files) -> Self {
        Self { layers: Layers::default(), class_names: None, budget, files }
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
        let given: Vec<&Value<'a>> = args.iter().flatten().collect();
        for value in &given {
            if let Value::Signal(signal) = value {
                self.budget.spend(Some(signal.map.width()))?;
            }
        }
        match (op, &given[..]) {
            ("Identity", [value]) => return Ok((*value).clone()),
            ("Dropout", [value, ..]) => {
                let mode = args.get(2).and_then(Option::as_ref).map(|mode| self.number(mode)).transpose()?;
                let is_training = !matches!(mode, None | Some(Some(0.0)));
                return if is_training { Err(TRAINING.to_owned()) } else { Ok((*value).clone()) };
            }
            (_, [_, ..]) if given.iter().all(|value| value.is_constant()) => {
                let tensors = given.iter().map(|value| self.tensor(value)).collect::<Result<Vec<_>, _>>()?;
                let folded = fold(node, &tensors, &mut self.budget)?;
                return folded.map(Value::from).ok_or_else(|| unsupported(op));
            }
            _ => {}
        }
        let mut args = args.to_vec();
        if let ("Add" | "Mul" | "Max", [Some(first), Some(_)]) = (op, &args[..])
            && first.is_constant()
        {
            args.swap(0, 1);
        }
        match (op, &args[..]) {
            ("Cast", [Some(value @ (Value::Signal(_) | Value::Erf(_) | Value::Sign(_)))]) => {
                match attribute(node, "to").map_or(0, |to| to.i) as i32 {
                    to if data_type::is_float(to) => Ok(value.clone()),
                    to => Err(format!("to type {}; expected float or double", data_type::name(to))),
                }
            }
            (_, [Some(Value::Answer(answer)), ..]) => self.of_answer(node, answer),
            ("ArrayFeatureExtractor" | "Gather", [Some(names), Some(value @ Value::Answer(answer))])
                if answer.kind == Kind::Label && names.is_constant() =>
            {
                self.class_names = Some(self.names(names)?);
                Ok(value.clone())
            }
            ("Concat", [Some(Value::Signal(first)), Some(Value::Signal(second))]) => {
                self.layers.pair(node, first, second).map(Value::Answer).ok_or_else(|| unsupported(op))
            }
            ("Max", [Some(Value::Signal(first)), Some(Value::Signal(second))]) => self.leaky(first, second),
            ("Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual", [Some(first), Some(second)]) => {
                self.compare(op, first, second)
            }
            ("Where", [Some(Value::Sign(sign)), Some(first), Some(second)]) => {
                self.choose(sign, first, second)
            }
            ("Mul", [Some(Value::Signal(z)), Some(Value::Sign(sign))])
            | ("Mul", [Some(Value::Sign(sign)), Some(Value::Signal(z))]) => self.masked(z, sign),
            ("Mul", [Some(Value::Signal(signal)), Some(Value::Erf(erf))])
            | ("Mul", [Some(Value::Erf(erf)), Some(Value::Signal(signal))]) => self.gelu(signal, erf),
            ("Add" | "Mul" | "Div", [Some(Value::Erf(erf)), Some(other)]) if other.is_constant() => {
                let number = self.number(other)?.ok_or_else(|| unsupported(op))?;
                Ok(Value::Erf(Rc::new(erf.after(op, number))))
            }
            ("Sub", [Some(other), Some(Value::Signal(signal))]) if other.is_constant() => {
                let terms = self.operand(signal, other)?;
                Ok(signal.with(signal.map.times(&[-1.0]).plus(&terms)).into())
            }
            (_, [Some(Value::Signal(signal)), rest @ ..]) => self.of_signal(node, signal, rest),
            _ => Err(unsupported(op)),
        }
    }

    fn of_signal(
        &mut self,
        node: &NodeProto,
        signal: &Rc<Signal>,
        rest: &[Option<Value<'a>>],
    ) -> Result<Value<'a>, String> {
        let (op, map) = (node.op_type.as_str(), &signal.map);
        let number = |name: &str, default: f64| attribute(node, name).map_or(default, |value| value.f.into());
        let flag = |name: &str| attribute(node, name).is_some_and(|flag| flag.i != 0);
        match (op, rest) {
            ("Add", [Some(other)]) => Ok(signal.with(map.plus(&self.operand(signal, other)?)).into()),
            ("Sub", [Some(other)]) => Ok(signal.with(map.minus(&self.operand(signal, other)?)).into()),
            ("Mul", [Some(other)]) => Ok(signal.with(map.times(&self.operand(signal, other)?)).into()),
            ("Div", [Some(other)]) => Ok(signal.with(map.over(&self.operand(signal, other)?)).into()),
            ("Neg", []) => Ok(signal.with(map.times(&[-1.0])).into()),
            ("Scaler", []) => {
                let floats = |name: &str| {
                    let values = attribute(node, name).map(|values| &values.floats[..]).unwrap_or_default();
                    Value::from(Tensor::floats(values))
                };
                let offset = self.operand(signal, &floats("offset"))?;
                let scale = self.operand(signal, &floats("scale"))?;
                Ok(signal.with(map.minus(&offset).times(&scale)).into())
            }
            ("BatchNormalization", [Some(scale), Some(shift), Some(mean), Some(variance)]) => {
                if flag("training_mode") {
                    return Err(TRAINING.to_owned());
                }
                self.batch_norm(signal, [scale, shift, mean, variance], number("epsilon", 1e-5))
            }
            ("Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose", _) => {
                self.reshape(node, signal, rest.first().and_then(Option::as_ref))
            }
            ("Shape", []) => {
                // Exporters compute shapes from the batch, so what is computed holds for any.
                let shape = signal.shape.as_ref().ok_or("of images whose shape is not in the graph")?;
                Ok(Tensor::ints(&shape.iter().map(|&size| size as i64).collect::<Vec<_>>()).into())
            }
            ("MatMul", [Some(weights)]) => {
                let weights = self.tensor(weights)?;
                self.product(signal, Product { weights, is_transposed: false, alpha: 1.0, biases: None })
            }
            ("Gemm", [Some(weights), rest @ ..]) if rest.len() <= 1 && !flag("transA") => {
                let weights = self.tensor(weights)?;
                let biases = rest.first().and_then(Option::as_ref);
                let biases = biases.map(|biases| self.tensor(biases)).transpose()?;
                let biases = biases.map(|biases| (biases, number("beta", 1.0)));
                let (is_transposed, alpha) = (flag("transB"), number("alpha", 1.0));
                self.product(signal, Product { weights, is_transposed, alpha, biases })
            }
            ("Sigmoid", []) => self.activate(signal, Activation::Logistic),
            ("Tanh", []) => self.activate(signal, Activation::Tanh),
            ("Relu", []) => self.activate(signal, Activation::Relu),
            ("Max", [Some(least)]) if self.number(least)? == Some(0.0) => {
                self.activate(signal, Activation::Relu)
            }
            ("Clip", bounds) => self.clip(node, signal, bounds),
            ("LeakyRelu", []) => self.sloped(signal, number("alpha", leaky_slope())),
            ("PRelu", [Some(slope)]) => {
                let slope = self.tensor(slope)?;
                let first = slope.values.first().copied().unwrap_or_default();
                if slope.values.iter().any(|&slope| slope != first) {
                    return Err("slopes that differ between units".to_owned());
                }
                self.sloped(signal, first)
            }
            ("Gelu", []) if attribute(node, "approximate").is_some_and(|way| way.s == b"tanh") => {
                Err("the tanh approximation; expected exact Gelu".to_owned())
            }
            ("Gelu", []) => self.activate(signal, Activation::Gelu),
            ("Erf", []) => {
                Ok(Value::Erf(Rc::new(Erf { argument: Rc::clone(signal), factor: 1.0, offset: 0.0 })))
            }
            ("Softmax" | "LogSoftmax" | "ArgMax", []) => {
                let answer = self.layers.logits(signal)?;
                self.of_answer(node, &answer)
            }
            _ => Err(unsupported(op)),
        }
    }

    /// Operators on logits and probabilities.
    fn of_answer(&mut self, node: &NodeProto, answer: &Rc<Answer>) -> Result<Value<'a>, String> {
        let value = answer.after(node)?.map(Value::Answer).ok_or_else(|| unsupported(&node.op_type))?;
        if node.op_type == "ZipMap" {
            let labels = attribute(node, "classlabels_strings").map(|labels| texts(&labels.strings));
            let ints = attribute(node, "classlabels_int64s").map(|labels| &labels.ints);
            let ints = ints.map(|labels| labels.iter().map(i64::to_string).collect());
            self.class_names = labels.transpose()?.or(ints).or(self.class_names.take());
        }
        Ok(value)
    }

    fn product(&mut self, signal: &Signal, product: Product) -> Result<Value<'a>, String> {
        self.layers.add(signal, product, &mut self.budget).map(Value::from)
    }

    fn batch_norm(
        &mut self,
        signal: &Signal,
        rows: [&Value<'a>; 4],
        epsilon: f64,
    ) -> Result<Value<'a>, String> {
        let mut values = Vec::new();
        for row in rows {
            let tensor = self.tensor(row)?;
            // Channels are the second dimension, which is the last one of a matrix only.
            if !signal.is_matrix() && tensor.values.len() != 1 {
                return Err("several channels; expected one".to_owned());
            }
            values.push(self.operand(signal, &Value::Constant(tensor))?);
        }
        let factors = zip(&values[0], &values[3], |scale, variance| scale / (variance + epsilon).sqrt());
        let means = zip(&values[2], &factors, |mean, factor| mean * factor);
        Ok(signal.with(signal.map.times(&factors).plus(&values[1]).minus(&means)).into())
    }

    /// Changes of the shape that keep the numbers of an image in order.
    fn reshape(
        &mut self,
        node: &NodeProto,
        signal: &Signal,
        given: Option<&Value<'a>>,
    ) -> Result<Value<'a>, String> {
        let op = node.op_type.as_str();
        let Some(shape) = &signal.shape else {
            return if op == "Transpose" { Err(unsupported(op)) } else { Ok(signal.shaped(None).into()) };
        };
        let new = if op == "Transpose" {
            transposed(node, shape)?
        } else {
            let ints = match given {
                Some(value) => Some(self.tensor(value)?.as_ints()),
                None => attribute(node, shape_argument(node)).map(|sizes| sizes.ints.clone()),
            };
            reshaped(node, shape, ints)
        };
        let count = |sizes: &[usize]| sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
        let is_same = |new: &Vec<usize>| {
            new.first() == shape.first() && count(new.get(1..).unwrap_or_default()) == count(&shape[1..])
        };
        let new = new.filter(is_same);
        let new = new.ok_or_else(|| format!("from shape {shape:?}; expected one image per row as before"))?;
        Ok(signal.shaped(Some(new)).into())
    }

    /// Decodes a constant.
    pub(super) fn tensor(&mut self, value: &Value<'a>) -> Result<Rc<Tensor>, String> {
        match value {
            Value::Stored(tensor) => Tensor::read(tensor, self.files, &mut self.budget).map(Rc::new),
            Value::Constant(tensor) => Ok(Rc::clone(tensor)),
            _ => Err("takes a computed value; expected a constant".to_owned()),
        }
    }

    /// Returns the number of a constant with exactly one; `None` for other constants.
    pub(super) fn number(&mut self, value: &Value<'a>) -> Result<Option<f64>, String> {
        Ok(self.tensor(value)?.number())
    }

    /// Returns a constant as one number, or one for each column of a signal.
    fn operand(&mut self, signal: &Signal, value: &Value<'a>) -> Result<Vec<f64>, String> {
        let tensor = self.tensor(value)?;
        // More dimensions would give the result more than the signal has.
        let is_within = signal.shape.as_ref().is_none_or(|shape| tensor.shape.len() <= shape.len());
        if let (Some(number), true) = (tensor.number(), is_within) {
            return Ok(vec![number]);
        }
        let shape =
            signal.shape.as_ref().ok_or("a constant of several numbers for images of unknown shape")?;
        if !is_within {
            return Err(format!("a constant of shape {:?} for values of shape {shape:?}", tensor.shape));
        }
        let image: Vec<usize> = [1].into_iter().chain(shape[1..].iter().copied()).collect();
        tensor.broadcast(&image, &mut self.budget)
    }

    /// Returns class names from a constant of strings or numbers.
    fn names(&mut self, value: &Value<'a>) -> Result<Vec<String>, String> {
        match value {
            Value::Stored(tensor) if tensor.data_type == data_type::STRING => texts(&tensor.string_data),
            value => Ok(self.tensor(value)?.values.iter().map(f64::to_string).collect()),
        }
    }
}

/// The value of a node `Constant`.
fn constant(node: &NodeProto) -> Result<Value<'_>, String> {
    let [value] = &node.attribute[..] else { return Err("not one value".to_owned()) };
    Ok(match (value.name.as_str(), &value.t) {
        ("value", Some(tensor)) => Value::Stored(tensor),
        ("value_float", _) => Tensor::scalar(value.f.into(), data_type::FLOAT).into(),
        ("value_int", _) => Tensor::scalar(value.i as f64, data_type::INT64).into(),
        ("value_ints", _) => Tensor::ints(&value.ints).into(),
        ("value_floats", _) => Tensor::floats(&value.floats).into(),
        (name, _) => return Err(format!("a constant `{}`", name.escape_debug())),
    })
}

fn texts(bytes: &[Vec<u8>]) -> Result<Vec<String>, String> {
    let text = |bytes: &Vec<u8>| {
        String::from_utf8(bytes.clone()).map_err(|_| "a label that is not UTF-8".to_owned())
    };
    bytes.iter().map(text).collect()
}

pub(super) fn unsupported(op: &str) -> String {
    let op = op.to_lowercase();
    let is_quantized = ["quantize", "qlinear", "integer"].iter().any(|word| op.contains(word));
    let reason = if is_quantized {
        "quantized; expected the model before quantization"
    } else {
        "not supported here; expected a chain of affine layers with one activation, and Softmax or nothing at the end"
    };
    reason.to_owned()
}
