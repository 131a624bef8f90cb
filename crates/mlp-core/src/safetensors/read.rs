//! Reads a network from safetensors bytes. The `safetensors` crate does the parsing, because files
//! may be malicious.

use std::collections::BTreeMap;

use ::safetensors::{Dtype, SafeTensors, tensor::TensorView};
use ndarray::{Array1, Array2};

use crate::activation::Activation;
use crate::architecture::Architecture;
use crate::layer::Layer;
use crate::network::Mlp;
use crate::safetensors::SafetensorsError;
use crate::safetensors::layers::{Affine, find, order};
use crate::safetensors::write::ACTIVATION;
use crate::scalar::{Precision, Scalar};

impl<A: Scalar> Mlp<A> {
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
        let metadata: BTreeMap<String, String> =
            metadata.map(|(name, text)| (name.clone(), text.clone())).collect();
        let mut all: BTreeMap<String, TensorView<'a>> = tensors.tensors().into_iter().collect();
        // `safetensors.torch.save_model` keeps one of several names of a tensor, and notes the
        // others.
        let mut left = bytes.len();
        for (other, kept) in &metadata {
            if let (None, Some(view)) = (all.get(other), all.get(kept).cloned()) {
                left = left.checked_sub(view.data().len()).ok_or_else(|| SafetensorsError::Format {
                    reason: "shared tensors of more bytes than the file".to_owned(),
                })?;
                all.insert(other.clone(), view);
            }
        }
        let (layers, ignored) = find(&all)?;
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
