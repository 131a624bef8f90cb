//! The meaning of the values in an ONNX graph, and the rules for each operator: the list of what
//! can be imported. `onnx_read.rs` walks the graph.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use mlp_core::Activation;
use ndarray::{Array1, Array2};

use crate::formats::onnx::leaky_slope;
use crate::formats::onnx_proto::{AttributeProto, NodeProto, data_type};
use crate::formats::onnx_tensor::Constant;

/// What a value means. Layers count from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// The images, in any shape.
    Images,
    /// Part of a computation of shapes.
    Size,
    /// Z = X W, + b if biased.
    Z { layer: usize, biased: bool },
    /// H = f(Z).
    Hidden(usize),
    /// softmax(Z).
    Probabilities(usize),
    /// 0.01 Z, part of the leaky ReLU.
    Sloping(usize),
    /// Z / √2, part of Gelu, as are the next three.
    Scaled(usize),
    /// erf(Z / √2).
    Erf(usize),
    /// 1 + erf(Z / √2).
    OnePlusErf(usize),
    /// Z (1 + erf(Z / √2)).
    TwiceGelu(usize),
}

/// A value of the graph.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Of(Form),
    Constant(Constant<'a>),
}

impl Value<'_> {
    fn is(&self, expected: f64) -> bool {
        let number = if let Value::Constant(constant) = self { constant.number() } else { None };
        number.is_some_and(|number| is_about(number, expected))
    }
}

/// Equal up to rounding to single precision.
fn is_about(number: f64, expected: f64) -> bool {
    (number - expected).abs() <= 1e-6 * expected
}

/// A layer found so far.
pub(super) struct Affine {
    pub(super) weights: Array2<f64>, // (inputs, outputs)
    pub(super) biases: Option<Array1<f64>>,
    pub(super) activation: Option<Activation>,
}

/// The network found so far.
#[derive(Default)]
pub(super) struct Found {
    pub(super) layers: Vec<Affine>,
    pub(super) is_byte: bool,    // the images are uint8
    pub(super) is_divided: bool, // the graph divides them by 255
    pub(super) is_double: bool,  // some parameter is in double precision
}

impl Found {
    /// Returns the meaning of a node's output.
    pub(super) fn form(&mut self, node: &NodeProto, args: &[Value<'_>]) -> Result<Form, String> {
        let args = &self.ordered(node, args)[..];
        let mut form = self.of_images(node, args)?;
        if form.is_none() {
            form = self.of_layers(node, args)?;
        }
        if form.is_none() {
            form = self.of_pre_activations(node, args)?;
        }
        form.ok_or_else(|| "not supported here".to_owned())
    }

    /// Puts the arguments of a commutative operator in order: Z first, constants last.
    fn ordered<'a>(&self, node: &NodeProto, args: &[Value<'a>]) -> Vec<Value<'a>> {
        let mut args = args.to_vec();
        if let ("Add" | "Mul" | "Max", [first, second]) = (node.op_type.as_str(), &mut args[..])
            && (matches!(first, Value::Constant(_)) || self.z(second).is_some())
        {
            std::mem::swap(first, second);
        }
        args
    }

    /// The layer whose complete Z this is.
    pub(super) fn z(&self, value: &Value<'_>) -> Option<usize> {
        match *value {
            Value::Of(Form::Z { layer, biased }) if biased == self.layers[layer].biases.is_some() => {
                Some(layer)
            }
            _ => None,
        }
    }

    fn of_images(&mut self, node: &NodeProto, args: &[Value<'_>]) -> Result<Option<Form>, String> {
        use Form::{Images, Size};
        use Value::Of;
        let of_size = args.iter().any(|arg| matches!(arg, Of(Size)));
        let of_nothing_else = args.iter().all(|arg| matches!(arg, Of(Size) | Value::Constant(_)));
        Ok(match (node.op_type.as_str(), args) {
            ("Shape", [Of(Images)]) => Some(Size),
            ("Gather" | "Slice" | "Concat" | "Squeeze" | "Unsqueeze" | "Cast" | "Reshape", _)
                if of_size && of_nothing_else =>
            {
                Some(Size)
            }
            ("Flatten" | "Squeeze" | "Reshape", [Of(Images), ..]) => Some(Images),
            ("Div", [Of(Images), white]) if white.is(255.0) && !self.is_divided => {
                self.is_divided = true;
                Some(Images)
            }
            ("Mul", [Of(Images), factor]) if factor.is(1.0 / 255.0) && !self.is_divided => {
                self.is_divided = true;
                Some(Images)
            }
            ("Identity" | "Dropout", [Of(form), ..]) => Some(*form),
            ("Cast", [Of(form)]) => match attribute(node, "to").map_or(0, |to| to.i) {
                to if to == i64::from(data_type::FLOAT) || to == i64::from(data_type::DOUBLE) => Some(*form),
                to => return Err(format!("to type {to}; expected float or double")),
            },
            _ => None,
        })
    }

    fn of_layers(&mut self, node: &NodeProto, args: &[Value<'_>]) -> Result<Option<Form>, String> {
        use Value::{Constant, Of};
        match (node.op_type.as_str(), args) {
            ("Gemm", [x, Constant(weights), rest @ ..]) => {
                let is_one = |name| attribute(node, name).is_none_or(|factor| factor.f == 1.0);
                let turn = |name| attribute(node, name).map_or(0, |turn| turn.i);
                if !is_one("alpha") || !is_one("beta") || turn("transA") != 0 {
                    return Err("alpha, beta or transA; expected the defaults".to_owned());
                }
                let weights = if turn("transB") == 0 { *weights } else { weights.transposed() };
                let layer = self.push(x, &weights)?;
                match rest {
                    [] => Ok(Some(Form::Z { layer, biased: false })),
                    [Constant(biases)] => self.add(layer, biases).map(Some),
                    _ => Ok(None),
                }
            }
            ("MatMul", [x, Constant(weights)]) => {
                let layer = self.push(x, weights)?;
                Ok(Some(Form::Z { layer, biased: false }))
            }
            ("Add", [z @ Of(Form::Z { layer, biased: false }), Constant(biases)]) if self.z(z).is_some() => {
                self.add(*layer, biases).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn of_pre_activations(&mut self, node: &NodeProto, args: &[Value<'_>]) -> Result<Option<Form>, String> {
        use Form::{Erf, OnePlusErf, Probabilities, Scaled, Sloping, TwiceGelu};
        use Value::Of;
        let z = args.first().and_then(|first| self.z(first));
        let form = match (node.op_type.as_str(), args, z) {
            ("Erf", &[Of(Scaled(layer))], _) => Erf(layer),
            ("Add", &[Of(Erf(layer)), one], _) if one.is(1.0) => OnePlusErf(layer),
            ("Mul", &[Of(TwiceGelu(layer)), half], _) if half.is(0.5) => {
                self.hidden(layer, Activation::Gelu)?
            }
            ("Sigmoid", [_], Some(layer)) => self.hidden(layer, Activation::Logistic)?,
            ("Tanh", [_], Some(layer)) => self.hidden(layer, Activation::Tanh)?,
            ("Relu", [_], Some(layer)) => self.hidden(layer, Activation::Relu)?,
            ("LeakyRelu", [_], Some(layer)) => {
                let slope = attribute(node, "alpha").map_or(leaky_slope(), |alpha| alpha.f.into());
                if !is_about(slope, leaky_slope()) {
                    return Err(format!("slope {slope}; expected {}", leaky_slope()));
                }
                self.hidden(layer, Activation::LeakyRelu)?
            }
            ("Mul", [_, slope], Some(layer)) if slope.is(leaky_slope()) => Sloping(layer),
            ("Max", &[_, Of(Sloping(other))], Some(layer)) if other == layer => {
                self.hidden(layer, Activation::LeakyRelu)?
            }
            ("Gelu", [_], Some(layer)) => {
                if attribute(node, "approximate").is_some_and(|way| way.s == b"tanh") {
                    return Err("the tanh approximation; expected exact Gelu".to_owned());
                }
                self.hidden(layer, Activation::Gelu)?
            }
            ("Div", [_, root], Some(layer)) if root.is(SQRT_2) => Scaled(layer),
            ("Mul", [_, factor], Some(layer)) if factor.is(FRAC_1_SQRT_2) => Scaled(layer),
            ("Mul", &[_, Of(OnePlusErf(other))], Some(layer)) if other == layer => TwiceGelu(layer),
            ("Softmax" | "LogSoftmax", [_], Some(layer)) => {
                match attribute(node, "axis").map_or(-1, |axis| axis.i) {
                    -1 | 1 => Probabilities(layer),
                    axis => return Err(format!("along axis {axis}; expected 1")),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(form))
    }

    /// Adds a layer with input `x`.
    fn push(&mut self, x: &Value<'_>, weights: &Constant<'_>) -> Result<usize, String> {
        let layer = self.layers.len();
        match *x {
            Value::Of(Form::Images) if layer == 0 => {
                if self.is_byte && !self.is_divided {
                    return Err("takes uint8 images that were not divided by 255".to_owned());
                }
            }
            Value::Of(Form::Hidden(before)) if before + 1 == layer => {}
            _ => match self.z(x) {
                Some(before) if before + 1 == layer => {
                    self.hidden(before, Activation::Identity)?;
                }
                _ => return Err("does not take the output of the previous layer".to_owned()),
            },
        }
        self.is_double |= weights.is_double();
        self.layers.push(Affine { weights: weights.matrix()?, biases: None, activation: None });
        Ok(layer)
    }

    fn add(&mut self, layer: usize, biases: &Constant<'_>) -> Result<Form, String> {
        self.is_double |= biases.is_double();
        self.layers[layer].biases = Some(biases.vector()?);
        Ok(Form::Z { layer, biased: true })
    }

    fn hidden(&mut self, layer: usize, activation: Activation) -> Result<Form, String> {
        match self.layers[layer].activation.replace(activation) {
            Some(before) if before != activation => {
                Err(format!("the previous layer already has the activation {before}"))
            }
            _ => Ok(Form::Hidden(layer)),
        }
    }
}

pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}
