//! Networks as safetensors bytes, with the tensor names and shapes of PyTorch's `nn.Sequential`.
//! The crate `safetensors` parses, because files may be malicious. It does not write: the order of
//! its metadata is random, and the bytes should depend only on the network.

use std::collections::BTreeMap;

use ::safetensors::{Dtype, SafeTensors, tensor::TensorView};
use ndarray::{Array1, Array2};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::activation::Activation;
use crate::architecture::{Architecture, NetworkError};
use crate::layer::Layer;
use crate::names::UnknownName;
use crate::network::Mlp;
use crate::scalar::{Precision, Scalar};

/// Metadata key of the activation.
const ACTIVATION: &str = "activation";

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

    /// Reads a network written by [`Mlp::to_safetensors`], converting the precision if necessary.
    ///
    /// For the state dict of a PyTorch model, which does not name the activation, and for the
    /// metadata, use [`Tensors`].
    ///
    /// Requires the feature `safetensors`.
    ///
    /// # Errors
    /// [`SafetensorsError`] describes the first problem found.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, SafetensorsError> {
        Tensors::parse(bytes)?.network(None)
    }
}

/// The affine layers of a safetensors file, in order, and its metadata.
///
/// Layers are sorted by the last number in their names (`net.0.weight`, `fc1.weight`). A layer
/// without `bias` gets biases of zero.
///
/// Requires the feature `safetensors`.
///
/// ```
/// use mlp_core::{Activation, Mlp, SafetensorsError, Tensors};
/// # use mlp_core::{Architecture, Init, NativeStream};
/// # let architecture = Architecture::new(4, &[3], 2).with_activation(Activation::Tanh);
/// # let network = Mlp::<f32>::new(&architecture, Init::He, &mut NativeStream::new(0)).unwrap();
/// # let state_dict = network.to_safetensors(&[]);
///
/// // Written by `safetensors.torch.save_file(model.state_dict(), …)`.
/// let tensors = Tensors::parse(&state_dict)?;
/// let network: Mlp<f32> = tensors.network(Some(Activation::Tanh))?;
/// assert_eq!(network.architecture().inputs, 4);
/// # Ok::<(), SafetensorsError>(())
/// ```
#[derive(Debug)]
pub struct Tensors<'a> {
    layers: Vec<Affine<'a>>, // at least one
    metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Affine<'a> {
    weights: TensorView<'a>, // (outputs, inputs)
    biases: Option<TensorView<'a>>,
}

impl<'a> Tensors<'a> {
    /// Parses the header and finds the layers.
    ///
    /// # Errors
    /// [`SafetensorsError`], except for problems with the activation or the network.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SafetensorsError> {
        // The message may contain names from the file.
        let format = |error: ::safetensors::SafeTensorError| SafetensorsError::Format {
            reason: error.to_string().escape_debug().to_string(),
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let metadata = header.metadata().iter().flatten();
        let metadata = metadata.map(|(name, text)| (name.clone(), text.clone())).collect();
        let all: BTreeMap<String, TensorView<'a>> = tensors.tensors().into_iter().collect();
        let mut layers: Vec<(Option<u64>, &str, Affine<'a>)> = Vec::new();
        for (name, view) in &all {
            if !matches!(view.dtype(), Dtype::F32 | Dtype::F64) {
                return Err(SafetensorsError::Type { name: name.clone(), found: view.dtype().to_string() });
            }
            let belongs = match (name.strip_suffix(".weight"), name.strip_suffix(".bias")) {
                (Some(module), _) if view.shape().len() == 2 => {
                    let biases = all.get(&format!("{module}.bias")).cloned();
                    layers.push((last_number(module), name, Affine { weights: view.clone(), biases }));
                    true
                }
                (_, Some(module)) => view.shape().len() == 1 && all.contains_key(&format!("{module}.weight")),
                _ => false,
            };
            if !belongs {
                let (name, shape) = (name.clone(), view.shape().to_vec());
                return Err(SafetensorsError::OtherTensor { name, shape });
            }
        }
        layers.sort_by_key(|&(number, ..)| number);
        let unclear = |pair: &&[(Option<u64>, _, _)]| pair[0].0.is_none() || pair[0].0 == pair[1].0;
        if let Some([first, second]) = layers.windows(2).find(unclear) {
            let (first, second) = (first.1.to_owned(), second.1.to_owned());
            return Err(SafetensorsError::Order { first, second });
        }
        if layers.is_empty() {
            return Err(SafetensorsError::NoWeights);
        }
        Ok(Self { layers: layers.into_iter().map(|(.., layer)| layer).collect(), metadata })
    }

    /// Returns the metadata in the header.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Returns the precision that loses nothing: `F64` if any tensor has it.
    pub fn precision(&self) -> Precision {
        let double = |view: &TensorView<'_>| view.dtype() == Dtype::F64;
        let any = |layer: &Affine<'_>| double(&layer.weights) || layer.biases.as_ref().is_some_and(double);
        if self.layers.iter().any(any) { Precision::F64 } else { Precision::F32 }
    }

    /// Returns the network, with the given activation or else the one in the metadata. A network
    /// without hidden layers needs neither.
    ///
    /// # Errors
    /// [`SafetensorsError::NoActivation`], [`SafetensorsError::UnknownActivation`], or
    /// [`SafetensorsError::Network`] if layers do not fit together or are too large.
    pub fn network<A: Scalar>(&self, activation: Option<Activation>) -> Result<Mlp<A>, SafetensorsError> {
        let (last, below) = self.layers.split_last().ok_or(SafetensorsError::NoWeights)?;
        let activation = match (activation, self.metadata.get(ACTIVATION)) {
            (Some(activation), _) => activation,
            (None, Some(name)) => name.parse()?,
            (None, None) if below.is_empty() => Activation::default(),
            (None, None) => return Err(SafetensorsError::NoActivation),
        };
        // Check before copying: padded rows may need much more memory than the file.
        let outputs = |layer: &Affine<'_>| layer.weights.shape()[0];
        let inputs = self.layers[0].weights.shape()[1];
        let hidden: Vec<usize> = below.iter().map(outputs).collect();
        Architecture::new(inputs, &hidden, outputs(last)).validate()?;
        let layers = self.layers.iter().map(Affine::layer).collect();
        Ok(Mlp::from_layers(layers, activation)?)
    }
}

impl Affine<'_> {
    fn layer<A: Scalar>(&self) -> Layer<A> {
        let (outputs, inputs) = (self.weights.shape()[0], self.weights.shape()[1]);
        let weights = Array2::from_shape_vec((outputs, inputs), numbers(&self.weights));
        let weights = weights.expect("a tensor has as many numbers as its shape says");
        let biases = self.biases.as_ref().map_or_else(|| vec![A::zero(); outputs], numbers);
        Layer::new(weights.reversed_axes(), Array1::from_vec(biases))
    }
}

/// The values of an `F32` or `F64` tensor.
fn numbers<A: Scalar>(view: &TensorView<'_>) -> Vec<A> {
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => {
            data.as_chunks().0.iter().map(|&bytes| A::from_f64(f64::from_le_bytes(bytes))).collect()
        }
        _ => data.as_chunks().0.iter().map(|&bytes| A::from_f64(f32::from_le_bytes(bytes).into())).collect(),
    }
}

/// The last number in a name: 2 in `net.2`, 1 in `fc1`.
fn last_number(name: &str) -> Option<u64> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = name[..end].trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name[start..end].parse().ok()
}

/// The reason why bytes are not a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Not a safetensors file, or truncated.
    #[error("not safetensors: {reason}")]
    Format {
        /// The error of the crate `safetensors`.
        reason: String,
    },
    /// No weights.
    #[error(
        "no tensor named `….weight`; expected layers named as in PyTorch: `0.weight`, `0.bias`, `2.weight`, …"
    )]
    NoWeights,
    /// A tensor that is neither weights nor biases of an affine layer.
    #[error(
        "tensor `{}` of shape {shape:?} does not belong to an affine layer; expected `….weight` (outputs, inputs) \
         and `….bias` (outputs)",
        name.escape_debug()
    )]
    OtherTensor {
        /// Name of the tensor.
        name: String,
        /// Shape of the tensor.
        shape: Vec<usize>,
    },
    /// Names without an unambiguous order.
    #[error(
        "cannot tell which of the layers `{}` and `{}` comes first; expected different numbers, as in `0.weight`, `2.weight`",
        first.escape_debug(),
        second.escape_debug()
    )]
    Order {
        /// Name of a weight tensor.
        first: String,
        /// Name of another.
        second: String,
    },
    /// An unsupported number type.
    #[error("tensor `{}` holds {found}; expected F32 or F64 (`model.float()` in PyTorch)", name.escape_debug())]
    Type {
        /// Name of the tensor.
        name: String,
        /// Type in the file.
        found: String,
    },
    /// The activation of the hidden layers is unknown.
    #[error("no `activation` in the metadata; give one of {}", Activation::ALL.map(Activation::name).join(", "))]
    NoActivation,
    /// The metadata has an unknown activation.
    #[error("metadata: {0}")]
    UnknownActivation(#[from] UnknownName),
    /// Invalid layers.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
