//! Writes a network as safetensors bytes. The `safetensors` crate writes metadata in random order,
//! and these bytes must depend only on the network.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::network::Mlp;
use crate::scalar::{Precision, Scalar};

/// Metadata key of the activation.
pub(super) const ACTIVATION: &str = "activation";

impl<A: Scalar> Mlp<A> {
    /// Returns the network as safetensors bytes: `0.weight` (outputs, inputs), `0.bias` (outputs),
    /// `2.weight`, … in little-endian `F32` or `F64`. The odd numbers are the activations. PyTorch
    /// loads them into `nn.Sequential(nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 10))`.
    ///
    /// `metadata` is written to the header, together with `activation`. The same network and
    /// metadata give the same bytes.
    ///
    /// Requires the feature `safetensors`.
    ///
    /// ```
    /// use mlp_core::prelude::*;
    ///
    /// let architecture = Architecture::new(4, &[3], 2).with_activation(Activation::Relu);
    /// let network = Mlp::<f32>::new(&architecture, Init::He, &mut NativeStream::new(0))?;
    /// let bytes = network.to_safetensors(&[("classes", "no yes")]);
    ///
    /// let tensors = Tensors::parse(&bytes)?;
    /// assert_eq!(tensors.metadata()["classes"], "no yes");
    /// assert_eq!(tensors.network::<f32>(None)?, network);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_safetensors(&self, metadata: &[(&str, &str)]) -> Vec<u8> {
        let dtype = A::PRECISION.name().to_uppercase();
        let mut texts: BTreeMap<&str, &str> = metadata.iter().copied().collect();
        texts.insert(ACTIVATION, self.activation().name());
        let mut header = Map::from_iter([("__metadata__".to_owned(), json!(texts))]);
        let mut data = Vec::new();
        let mut tensor = |name: String, shape: &[usize], values: &mut dyn Iterator<Item = A>| {
            let start = data.len();
            match A::PRECISION {
                Precision::F32 => {
                    values.for_each(|value| data.extend((value.into_f64() as f32).to_le_bytes()))
                }
                Precision::F64 => values.for_each(|value| data.extend(value.into_f64().to_le_bytes())),
            }
            let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, data.len()] });
            header.insert(name, entry);
        };
        for (l, layer) in self.layers().iter().enumerate() {
            // PyTorch's weights are the transpose of ours.
            let (weights, biases, module) = (layer.weights(), layer.biases(), 2 * l);
            let shape = [layer.outputs(), layer.inputs()];
            tensor(format!("{module}.weight"), &shape, &mut weights.t().iter().copied());
            tensor(format!("{module}.bias"), &shape[..1], &mut biases.iter().copied());
        }
        let mut text = Value::Object(header).to_string();
        // The data starts at a multiple of eight bytes, so readers can use it in place.
        let length = text.len().next_multiple_of(8);
        text.extend(std::iter::repeat_n(' ', length - text.len()));
        [&(length as u64).to_le_bytes(), text.as_bytes(), &data].concat()
    }
}
