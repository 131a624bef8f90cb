//! The meaning of the values in an ONNX graph, and the rules by which each operator derives one
//! meaning from others: the list of what can be imported. `onnx_read.rs` walks through the graph.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use mlp_core::Activation;
use ndarray::{Array1, Array2};

use crate::formats::onnx::leaky_slope;
use crate::formats::onnx_proto::{AttributeProto, NodeProto, data_type};
use crate::formats::onnx_tensor::Constant;

/// What a value means. The numbers are those of layers, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// The images, in whatever shape.
    Images,
    /// Something of the images' shape, from which another is made.
    Size,
    /// Z = X W, and + b where it is biased.
    Z { layer: usize, biased: bool },
    /// H = f(Z).
    Hidden(usize),
    /// softmax(Z).
    Probabilities(usize),
    /// 0.01 Z, on the way to the leaky ReLU.
    Sloping(usize),
    /// Z / √2, on the way to Gelu.
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

/// Equal but for having been rounded to single precision.
fn is_about(number: f64, expected: f64) -> bool {
    (number - expected).abs() <= 1e-6 * expected
}

/// A layer as far as it is known.
pub(super) struct Affine {
    pub(super) weights: Array2<f64>, // (inputs, outputs)
    pub(super) biases: Option<Array1<f64>>,
    /// What comes after it, if anything does.
    pub(super) activation: Option<Activation>,
}

/// The network as far as the graph has been gone through.
#[derive(Default)]
pub(super) struct Found {
    pub(super) layers: Vec<Affine>,
    /// Whether the images are of bytes.
    pub(super) is_byte: bool,
    /// Whether the graph divides them by 255.
    pub(super) is_divided: bool,
    /// Whether any parameter is in double precision.
    pub(super) is_double: bool,
}

impl Found {
    /// What a node makes of its arguments.
    ///
    /// # Errors
    /// Why that is nothing of ours.
    pub(super) fn form(&mut self, node: &NodeProto, args: &[Value<'_>]) -> Result<Form, String> {
        let args = &self.ordered(node, args)[..];
        let form = match self.of_images(node, args)? {
            None => self.of_layers(node, args)?,
            found => found,
        };
        match form {
            None => self.of_pre_activations(node, args),
            found => Ok(found),
        }?
        .ok_or_else(|| "it does nothing that a network of ours does".to_owned())
    }

    /// The arguments of an operator that does not mind in one order: Z first, constants last.
    fn ordered<'a>(&self, node: &NodeProto, args: &[Value<'a>]) -> Vec<Value<'a>> {
        let mut args = args.to_vec();
        if let ("Add" | "Mul" | "Max", [first, second]) = (node.op_type.as_str(), &mut args[..])
            && (matches!(first, Value::Constant(_)) || self.z(second).is_some())
        {
            std::mem::swap(first, second);
        }
        args
    }

    /// The layer whose Z this is, with its biases if it has any.
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
                to => return Err(format!("to numbers of type {to}; expected float or double")),
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
                    return Err("with alpha or beta other than 1, or transA".to_owned());
                }
                let weights = if turn("transB") == 0 { *weights } else { weights.turned() };
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
        let of_gelu = match (node.op_type.as_str(), args) {
            ("Erf", &[Of(Scaled(layer))]) => Some(Erf(layer)),
            ("Add", &[Of(Erf(layer)), one]) if one.is(1.0) => Some(OnePlusErf(layer)),
            ("Mul", &[Of(TwiceGelu(layer)), half]) if half.is(0.5) => {
                Some(self.hidden(layer, Activation::Gelu)?)
            }
            _ => None,
        };
        let (None, Some(layer)) = (of_gelu, args.first().and_then(|first| self.z(first))) else {
            return Ok(of_gelu);
        };
        let form = match (node.op_type.as_str(), &args[1..]) {
            ("Sigmoid", []) => self.hidden(layer, Activation::Logistic)?,
            ("Tanh", []) => self.hidden(layer, Activation::Tanh)?,
            ("Relu", []) => self.hidden(layer, Activation::Relu)?,
            ("LeakyRelu", []) => {
                let slope = attribute(node, "alpha").map_or(leaky_slope(), |alpha| alpha.f.into());
                if !is_about(slope, leaky_slope()) {
                    return Err(format!("its slope is {slope}, and ours is {}", leaky_slope()));
                }
                self.hidden(layer, Activation::LeakyRelu)?
            }
            ("Mul", [slope]) if slope.is(leaky_slope()) => Sloping(layer),
            ("Max", &[Of(Sloping(other))]) if other == layer => self.hidden(layer, Activation::LeakyRelu)?,
            ("Gelu", []) => {
                if attribute(node, "approximate").is_some_and(|way| way.s == b"tanh") {
                    return Err("its approximation through tanh, and ours is exact".to_owned());
                }
                self.hidden(layer, Activation::Gelu)?
            }
            ("Div", [root]) if root.is(SQRT_2) => Scaled(layer),
            ("Mul", [factor]) if factor.is(FRAC_1_SQRT_2) => Scaled(layer),
            ("Mul", &[Of(OnePlusErf(other))]) if other == layer => TwiceGelu(layer),
            ("Softmax" | "LogSoftmax", []) => match attribute(node, "axis").map_or(-1, |axis| axis.i) {
                -1 | 1 => Probabilities(layer),
                axis => return Err(format!("along axis {axis}, and the classes are axis 1")),
            },
            _ => return Ok(None),
        };
        Ok(Some(form))
    }

    /// A layer of these weights that takes `x`.
    fn push(&mut self, x: &Value<'_>, weights: &Constant<'_>) -> Result<usize, String> {
        let layer = self.layers.len();
        match *x {
            Value::Of(Form::Images) if layer == 0 => {
                if self.is_byte && !self.is_divided {
                    return Err("it takes gray levels from 0 to 255 that were not divided by 255".to_owned());
                }
            }
            Value::Of(Form::Hidden(before)) if before + 1 == layer => {}
            _ => match self.z(x) {
                Some(before) if before + 1 == layer => {
                    self.hidden(before, Activation::Identity)?;
                }
                _ => return Err("it does not take what the layer before it gives".to_owned()),
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
                Err(format!("the layer before it has another activation, too: {before}"))
            }
            _ => Ok(Form::Hidden(layer)),
        }
    }
}

pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}
