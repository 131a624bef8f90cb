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
use crate::layer_order::{Module, Order};
use crate::names::UnknownName;
use crate::network::Mlp;
use crate::scalar::{Precision, Scalar};

/// Maximum number of layers; they are compared in pairs.
const MAX_LAYERS: usize = 256;

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
/// Names may be anything (`net.0.weight`, `fc1.weight`, `out.weight`): the numbers in which they
/// differ and the shapes must leave one order of the layers. A layer without `bias` gets biases of
/// zero.
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
    notes: Vec<String>,
}

#[derive(Clone, Debug)]
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
        let (mut layers, mut ignored): (Vec<(&str, Affine<'a>)>, Vec<&str>) = (Vec::new(), Vec::new());
        for (name, view) in &all {
            let rank = view.shape().len();
            let is_layer = |module: &str| {
                all.get(&format!("{module}.weight")).is_some_and(|weights| weights.shape().len() == 2)
            };
            match (name.strip_suffix(".weight"), name.strip_suffix(".bias")) {
                (Some(module), _) if rank == 2 => {
                    let biases = all.get(&format!("{module}.bias")).cloned();
                    layers.push((module, Affine { weights: view.clone(), biases }));
                }
                (_, Some(module)) if rank == 1 && is_layer(module) => {}
                _ if is_beside_the_network(name, view) => {
                    ignored.push(name);
                    continue;
                }
                _ => {
                    let (name, shape) = (name.clone(), view.shape().to_vec());
                    let belongs = owner(&name, rank);
                    return Err(SafetensorsError::OtherTensor { name, shape, belongs });
                }
            }
            if !matches!(view.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
                return Err(SafetensorsError::Type { name: name.clone(), found: view.dtype().to_string() });
            }
        }
        let (order, is_certain) = order(&layers)?;
        let mut notes = Vec::new();
        if !is_certain {
            let names: Vec<&str> = order.iter().map(|&index| layers[index].0).collect();
            notes.push(format!("assumed: layers in the order {}", names.join(", ").escape_debug()));
        }
        if !ignored.is_empty() {
            notes.push(format!("ignored tensors: {}", ignored.join(", ").escape_debug()));
        }
        let layers = order.into_iter().map(|index| layers[index].1.clone()).collect();
        Ok(Self { layers, metadata, notes })
    }

    /// One line for each assumption and for the tensors that were ignored.
    pub fn notes(&self) -> &[String] {
        &self.notes
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

/// The values of a floating-point tensor.
fn numbers<A: Scalar>(view: &TensorView<'_>) -> Vec<A> {
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => {
            data.as_chunks().0.iter().map(|&bytes| A::from_f64(f64::from_le_bytes(bytes))).collect()
        }
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| A::from_f64(f16_to_f64(bytes))).collect(),
        Dtype::BF16 => {
            let number = |&[low, high]: &[u8; 2]| f32::from_le_bytes([0, 0, low, high]);
            data.as_chunks().0.iter().map(|bytes| A::from_f64(number(bytes).into())).collect()
        }
        _ => data.as_chunks().0.iter().map(|&bytes| A::from_f64(f32::from_le_bytes(bytes).into())).collect(),
    }
}

/// Converts a half-precision number from its little-endian bytes, exactly.
///
/// ```
/// assert_eq!(mlp_core::f16_to_f64([0x00, 0x3C]), 1.0);
/// assert_eq!(mlp_core::f16_to_f64([0x01, 0x80]), -(2.0_f64.powi(-24)));
/// ```
pub fn f16_to_f64(bytes: [u8; 2]) -> f64 {
    let bits = u16::from_le_bytes(bytes);
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2.0_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

/// Returns whether a tensor is a counter, or a constant with which inputs are normalized.
fn is_beside_the_network(name: &str, view: &TensorView<'_>) -> bool {
    let is_counter = matches!(view.dtype(), Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::BOOL);
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_alone = !matches!(last, "weight" | "bias" | "num_batches_tracked");
    view.shape().iter().all(|&size| size == 1) && (is_counter && is_alone || matches!(last, "mean" | "std"))
}

/// What a tensor belongs to that is not of an affine layer.
fn owner(name: &str, rank: usize) -> &'static str {
    match name.rsplit(['.', '/']).next() {
        Some("kernel") => "a layer of Flax or Keras; expected its transpose as `….weight`, and",
        Some("weight") if rank > 2 => "a convolution or another layer that is not affine; expected",
        Some("weight" | "bias" | "running_mean" | "running_var" | "num_batches_tracked") if rank < 2 => {
            "a normalization or another layer that is not affine (ONNX export folds it); expected"
        }
        _ => "no affine layer; expected",
    }
}

/// Returns the order of the layers, and whether it is certain.
fn order(layers: &[(&str, Affine<'_>)]) -> Result<(Vec<usize>, bool), SafetensorsError> {
    if layers.is_empty() {
        return Err(SafetensorsError::NoWeights);
    }
    if layers.len() > MAX_LAYERS {
        return Err(SafetensorsError::TooManyLayers { found: layers.len() });
    }
    let modules = |inputs: usize| -> Vec<Module<'_>> {
        let shapes = layers.iter().map(|(name, layer)| (*name, layer.weights.shape()));
        shapes
            .map(|(name, shape)| Module { name, inputs: shape[inputs], outputs: shape[1 - inputs] })
            .collect()
    };
    let name = |index: usize| format!("{}.weight", layers[index].0);
    let transposed = |index: usize| {
        let (name, shape) = (name(index), layers[index].1.weights.shape().to_vec());
        SafetensorsError::Transposed { name, shape }
    };
    // Biases tell which side the outputs are on.
    let biased = |(_, layer): &(&str, Affine<'_>)| {
        let biases = layer.biases.as_ref().map(|biases| biases.shape()[0]);
        let shape = layer.weights.shape();
        biases.is_some_and(|biases| biases != shape[0] && biases == shape[1])
    };
    if let Some(index) = layers.iter().position(biased) {
        return Err(transposed(index));
    }
    match Order::of(&modules(1)) {
        Order::Certain(order) => Ok((order, true)),
        Order::Probable(order) => Ok((order, false)),
        Order::Disagree(by_name) => match (Order::of(&modules(0)), by_name) {
            (Order::Certain(_) | Order::Probable(_) | Order::Ambiguous(..), _) => Err(transposed(0)),
            (_, Some(order)) => Ok((order, true)), // the network's error says which layers disagree
            (_, None) => Err(SafetensorsError::Order { first: name(0), second: name(1) }),
        },
        Order::Ambiguous(first, second) => {
            Err(SafetensorsError::Order { first: name(first), second: name(second) })
        }
    }
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
        "tensor `{}` of shape {shape:?} belongs to {belongs} `….weight` (outputs, inputs) and `….bias` (outputs) only",
        name.escape_debug()
    )]
    OtherTensor {
        /// Name of the tensor.
        name: String,
        /// Shape of the tensor.
        shape: Vec<usize>,
        /// What it seems to belong to.
        belongs: &'static str,
    },
    /// Weights stored as (inputs, outputs).
    #[error(
        "tensor `{}` of shape {shape:?} is stored as (inputs, outputs); expected (outputs, inputs), as PyTorch has it: transpose the weights",
        name.escape_debug()
    )]
    Transposed {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// More layers than can be put in order.
    #[error("{found} layers; expected at most {MAX_LAYERS}")]
    TooManyLayers {
        /// Their number.
        found: usize,
    },
    /// Names without an unambiguous order.
    #[error(
        "cannot tell which of the layers `{}` and `{}` comes first from names and shapes; expected a number in each, as in `0.weight`, `2.weight`",
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
    #[error("tensor `{}` holds {found}; expected F16, BF16, F32 or F64 (`model.float()` in PyTorch)", name.escape_debug())]
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
