//! Activations of an ONNX graph that consist of several operators, or have parameters.

use std::f64::consts::SQRT_2;
use std::rc::Rc;

use mlp_core::Activation;

use crate::formats::onnx::layers::Signal;
use crate::formats::onnx::map::is_about;
use crate::formats::onnx::proto::{NodeProto, attribute};
use crate::formats::onnx::rules::{Erf, Found, Sign, Value, unsupported};
use crate::formats::onnx::write::leaky_slope;

/// The largest number in half precision: exporters write the largest number for no bound.
const LARGEST: f64 = 65504.0;

impl Erf {
    /// A constant added, multiplied or divided by.
    pub(super) fn after(&self, op: &str, number: f64) -> Self {
        let argument = Rc::clone(&self.argument);
        match op {
            "Add" => Self { argument, factor: self.factor, offset: self.offset + number },
            "Mul" => Self { argument, factor: self.factor * number, offset: self.offset * number },
            _ => Self { argument, factor: self.factor / number, offset: self.offset / number },
        }
    }
}

impl Sign {
    fn is_of(&self, z: &Signal) -> bool {
        z.base == self.argument.base && z.map.is_about(&self.argument.map)
    }
}

/// Returns true for z and 0.01 z.
fn is_sloping(z: &Signal, sloping: &Signal) -> bool {
    z.base == sloping.base && z.map.times(&[leaky_slope()]).is_about(&sloping.map)
}

impl<'a> Found<'a> {
    pub(super) fn activate(&mut self, z: &Signal, activation: Activation) -> Result<Value<'a>, String> {
        self.layers.activate(z, activation).map(Value::from)
    }

    /// Clip(z, 0, ∞), with bounds as arguments or attributes.
    pub(super) fn clip(
        &mut self,
        node: &NodeProto,
        z: &Signal,
        bounds: &[Option<Value<'a>>],
    ) -> Result<Value<'a>, String> {
        let mut bound = |at: usize, name: &str| -> Result<Option<f64>, String> {
            match bounds.get(at).and_then(Option::as_ref) {
                Some(bound) => Ok(Some(self.number(bound)?.ok_or("bounds of several numbers")?)),
                None => Ok(attribute(node, name).map(|value| value.f.into())),
            }
        };
        let (least, most) = (bound(0, "min")?, bound(1, "max")?);
        if least == Some(0.0) && most.is_none_or(|most| most >= LARGEST) {
            return self.activate(z, Activation::Relu);
        }
        Err("a Clip with bounds other than 0 and infinity".to_owned())
    }

    pub(super) fn sloped(&mut self, z: &Signal, slope: f64) -> Result<Value<'a>, String> {
        if !is_about(slope, leaky_slope()) {
            return Err(format!("slope {slope}; expected {}", leaky_slope()));
        }
        self.activate(z, Activation::LeakyRelu)
    }

    /// max(z, 0.01 z), in either order.
    pub(super) fn leaky(&mut self, first: &Signal, second: &Signal) -> Result<Value<'a>, String> {
        for (z, sloping) in [(first, second), (second, first)] {
            if is_sloping(z, sloping) {
                return self.activate(z, Activation::LeakyRelu);
            }
        }
        Err(unsupported("Max"))
    }

    /// z > 0 or z < 0; at 0 itself, all activations that are written with it are 0.
    pub(super) fn compare(
        &mut self,
        op: &str,
        first: &Value<'a>,
        second: &Value<'a>,
    ) -> Result<Value<'a>, String> {
        let (z, bound, is_above) = match (first, second) {
            (Value::Signal(z), bound) => (z, bound, op.starts_with("Greater")),
            (bound, Value::Signal(z)) => (z, bound, op.starts_with("Less")),
            _ => return Err(unsupported(op)),
        };
        if self.number(bound)? != Some(0.0) {
            return Err("with another bound than 0".to_owned());
        }
        Ok(Value::Sign(Rc::new(Sign { argument: Rc::clone(z), is_above })))
    }

    /// z > 0 ? z : 0, or z > 0 ? z : 0.01 z.
    pub(super) fn choose(
        &mut self,
        sign: &Sign,
        first: &Value<'a>,
        second: &Value<'a>,
    ) -> Result<Value<'a>, String> {
        let (above, below) = if sign.is_above { (first, second) } else { (second, first) };
        match (above, below) {
            (Value::Signal(z), Value::Signal(sloping)) if sign.is_of(z) && is_sloping(z, sloping) => {
                self.activate(z, Activation::LeakyRelu)
            }
            (Value::Signal(z), Value::Stored(_) | Value::Constant(_)) if sign.is_of(z) => {
                match self.number(below)? {
                    Some(0.0) => self.activate(z, Activation::Relu),
                    _ => Err("of another value than 0".to_owned()),
                }
            }
            _ => Err(unsupported("Where")),
        }
    }

    /// z times 1 where z > 0, and 0 elsewhere.
    pub(super) fn masked(&mut self, z: &Signal, sign: &Sign) -> Result<Value<'a>, String> {
        if sign.is_above && sign.is_of(z) {
            return self.activate(z, Activation::Relu);
        }
        Err(unsupported("Mul"))
    }

    /// gelu(z) = z/2 (1 + erf(z / √2)), with its factors in any place: `signal` is z or z / 2, and
    /// what remains is a multiple of Gelu.
    pub(super) fn gelu(&mut self, signal: &Signal, erf: &Erf) -> Result<Value<'a>, String> {
        let expected = erf.argument.map.times(&[SQRT_2]);
        for multiple in [1.0, 2.0] {
            let z = signal.with(signal.map.times(&[multiple]));
            if signal.base == erf.argument.base
                && is_about(erf.factor, erf.offset)
                && z.map.is_about(&expected)
            {
                let hidden = self.layers.activate(&z, Activation::Gelu)?;
                return Ok(hidden.with(hidden.map.times(&[2.0 * erf.offset / multiple])).into());
            }
        }
        Err(unsupported("Mul"))
    }
}
