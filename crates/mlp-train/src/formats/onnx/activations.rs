//! Activations of an ONNX graph that consist of several operators, or have parameters.

use std::f64::consts::SQRT_2;
use std::rc::Rc;

use mlp_core::Activation;

use crate::formats::onnx::layers::Signal;
use crate::formats::onnx::map::is_about;
use crate::formats::onnx::proto::{NodeProto, attribute};
use crate::formats::onnx::rules::{Erf, Found, Value, unsupported};
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
            if z.base == sloping.base && z.map.times(&[leaky_slope()]).is_about(&sloping.map) {
                return self.activate(z, Activation::LeakyRelu);
            }
        }
        Err(unsupported("Max"))
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
