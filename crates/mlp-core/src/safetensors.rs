//! Networks from bytes and into bytes: safetensors, with names and shapes as PyTorch's `nn.Sequential` has them in its state dict. The one
//! place where tensors become bytes; where the bytes lie is the caller's business, and what else a model is (classes, images) goes
//! through the metadata.
//!
//! The crate `safetensors` reads, because what is read may come from a hostile hand. It does not write: its metadata come out in the order of
//! a hash table, and the bytes should be a function of the network.

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

/// The most layers in a file, since they are compared in pairs.
const MAX_LAYERS: usize = 256;

/// The key of the metadata that names the activation of the hidden layers.
const ACTIVATION: &str = "activation";

impl<A: Scalar> Mlp<A> {
    /// The network in bytes, as safetensors: `0.weight` (outputs, inputs), `0.bias` (outputs), `2.weight`, … in little-endian `F32` or `F64`,
    /// the numbers between belonging to the activations, which have no parameters. In PyTorch
    /// `nn.Sequential(nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 10))` loads it with `load_state_dict`.
    ///
    /// `metadata` is what else should be in the file's header, text by name; `activation` is added. The same network and metadata give the
    /// same bytes.
    ///
    /// Available with the feature `safetensors`.
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
        let dtype = match A::PRECISION {
            Precision::F32 => "F32",
            Precision::F64 => "F64",
        };
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
            // Column by column: PyTorch's weights are the transpose of ours.
            let (weights, biases, module) = (layer.weights(), layer.biases(), 2 * l);
            let shape = [layer.outputs(), layer.inputs()];
            tensor(format!("{module}.weight"), &shape, &mut weights.t().iter().copied());
            tensor(format!("{module}.bias"), &shape[..1], &mut biases.iter().copied());
        }
        let mut text = Value::Object(header).to_string();
        // The numbers begin at a multiple of eight bytes, so that they can be used where they lie.
        let length = text.len().next_multiple_of(8);
        text.extend(std::iter::repeat_n(' ', length - text.len()));
        [&(length as u64).to_le_bytes(), text.as_bytes(), &data].concat()
    }

    /// The network in the bytes that [`Mlp::to_safetensors`] gave. Numbers of the other precision are converted as by [`Mlp::cast`].
    ///
    /// A state dict that PyTorch has written names no activation; for such a file, and for the metadata, there is [`Tensors`].
    ///
    /// Available with the feature `safetensors`.
    ///
    /// # Errors
    /// [`SafetensorsError`] says what is not as it should be.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, SafetensorsError> {
        Tensors::parse(bytes)?.network(None)
    }
}

/// The affine layers in the bytes of a safetensors file, in their order, and its metadata. No number has been copied yet.
///
/// Names may be anything (`net.0.weight`, `fc1.weight`, `out.weight`): the numbers in which they differ and the shapes must leave one
/// order of the layers. A layer without `bias` has biases of zero.
///
/// Available with the feature `safetensors`.
///
/// ```
/// use mlp_core::{Activation, Mlp, SafetensorsError, Tensors};
/// # use mlp_core::{Architecture, Init, NativeStream};
/// # let architecture = Architecture::new(4, &[3], 2).with_activation(Activation::Tanh);
/// # let network = Mlp::<f32>::new(&architecture, Init::He, &mut NativeStream::new(0)).unwrap();
/// # let state_dict = network.to_safetensors(&[]);
///
/// // As `safetensors.torch.save_file(model.state_dict(), …)` writes it.
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
    /// Reads the header and finds the layers.
    ///
    /// # Errors
    /// [`SafetensorsError`], but for its variants about the activation and the network.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SafetensorsError> {
        // Names in it are as the file has them.
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

    /// The texts in the header, by name.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The precision that loses nothing: `F64` if any tensor is of it.
    pub fn precision(&self) -> Precision {
        let double = |view: &TensorView<'_>| view.dtype() == Dtype::F64;
        let any = |layer: &Affine<'_>| double(&layer.weights) || layer.biases.as_ref().is_some_and(double);
        if self.layers.iter().any(any) { Precision::F64 } else { Precision::F32 }
    }

    /// The network of these layers, with the activation given or, without one, that which the metadata name. A network without hidden
    /// layers needs none.
    ///
    /// # Errors
    /// [`SafetensorsError::NoActivation`], [`SafetensorsError::UnknownActivation`], or [`SafetensorsError::Network`] if the layers do
    /// not fit each other or are too large.
    pub fn network<A: Scalar>(&self, activation: Option<Activation>) -> Result<Mlp<A>, SafetensorsError> {
        let (last, below) = self.layers.split_last().ok_or(SafetensorsError::NoWeights)?;
        let activation = match (activation, self.metadata.get(ACTIVATION)) {
            (Some(activation), _) => activation,
            (None, Some(name)) => name.parse()?,
            (None, None) if below.is_empty() => Activation::default(),
            (None, None) => return Err(SafetensorsError::NoActivation),
        };
        // Before anything is copied: padded rows may take much more room than the file.
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

/// The numbers of a tensor of floating-point numbers.
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

/// Why bytes are not a network in safetensors.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Not the format at all, or cut short.
    #[error("not safetensors: {reason}")]
    Format {
        /// As the crate `safetensors` says it.
        reason: String,
    },
    /// No weights in it.
    #[error(
        "no tensor is called `….weight`; expected the layers of a PyTorch nn.Sequential: `0.weight`, `0.bias`, `2.weight`, …"
    )]
    NoWeights,
    /// A tensor that is neither weights nor biases of an affine layer.
    #[error(
        "tensor `{}` of shape {shape:?} belongs to {belongs} `….weight` (outputs, inputs) and `….bias` (outputs) only",
        name.escape_debug()
    )]
    OtherTensor {
        /// Its name.
        name: String,
        /// Its shape.
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
    /// Names that do not say in which order the layers follow each other.
    #[error(
        "`{}` and `{}`: names and shapes do not say which layer comes first; expected a number in each, as in `0.weight`, `2.weight`",
        first.escape_debug(),
        second.escape_debug()
    )]
    Order {
        /// The name of some weights.
        first: String,
        /// The name of others.
        second: String,
    },
    /// Numbers of a type that is not trained here.
    #[error("tensor `{}` holds {found}; expected F16, BF16, F32 or F64 (`model.float()` in PyTorch)", name.escape_debug())]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type as the file names it.
        found: String,
    },
    /// Nothing says which activation the hidden layers have.
    #[error("no `activation` in the metadata, and a state dict has none: it must be given; one of {}", Activation::ALL.map(Activation::name).join(", "))]
    NoActivation,
    /// An activation that is none of ours.
    #[error("in the metadata: {0}")]
    UnknownActivation(#[from] UnknownName),
    /// Layers that make no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
