//! The affine layers among the tensors of a state dict, and their order.

use std::collections::BTreeMap;

use ::safetensors::{Dtype, tensor::TensorView};

use crate::safetensors::error::{MAX_LAYERS, SafetensorsError};
use crate::safetensors::order::{Module, Order};

/// Tensors by their name.
pub(super) type Named<'a> = BTreeMap<String, TensorView<'a>>;

#[derive(Clone, Debug)]
pub(super) struct Affine<'a> {
    pub(super) weights: TensorView<'a>, // (outputs, inputs)
    pub(super) biases: Option<TensorView<'a>>,
}

/// The layers by their module, and the names of tensors that are not part of the network.
type Found<'n, 'a> = (Vec<(&'n str, Affine<'a>)>, Vec<&'n str>);

/// Finds the layers.
pub(super) fn find<'n, 'a>(all: &'n Named<'a>) -> Result<Found<'n, 'a>, SafetensorsError> {
    let (mut layers, mut ignored, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (name, view) in all {
        let rank = view.shape().len();
        let module = |kind: &str| name.strip_suffix(kind)?.strip_suffix('.').or((name == kind).then_some(""));
        let is_layer = |module: &str| {
            all.get(&parameter(module, "weight")).is_some_and(|weights| weights.shape().len() == 2)
        };
        match (module("weight"), module("bias")) {
            _ if name.contains("lora_") => {
                others.push(name);
                continue;
            }
            (Some(module), _) if rank == 2 => {
                let biases = all.get(&parameter(module, "bias")).cloned();
                layers.push((module, Affine { weights: view.clone(), biases }));
            }
            (_, Some(module)) if rank == 1 && is_layer(module) => {}
            _ if is_beside_the_network(name, view) => {
                ignored.push(name.as_str());
                continue;
            }
            _ => {
                others.push(name);
                continue;
            }
        }
        if !matches!(view.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            return Err(SafetensorsError::Type { name: name.clone(), found: view.dtype().to_string() });
        }
    }
    let owners = others.into_iter().map(|name| (name, owner(name, all[name].shape().len())));
    if let Some((name, (_, belongs))) = owners.max_by_key(|(_, (telling, _))| *telling) {
        let shape = all[name].shape().to_vec();
        return Err(SafetensorsError::OtherTensor { name: name.clone(), shape, belongs });
    }
    Ok((layers, ignored))
}

/// The name of a parameter of a module; the outermost has no name.
fn parameter(module: &str, kind: &str) -> String {
    if module.is_empty() { kind.to_owned() } else { format!("{module}.{kind}") }
}

/// Returns whether a tensor is a counter, or a constant with which inputs are normalized.
fn is_beside_the_network(name: &str, view: &TensorView<'_>) -> bool {
    let is_counter = matches!(view.dtype(), Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::BOOL);
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_alone = !matches!(last, "weight" | "bias" | "num_batches_tracked");
    view.shape().iter().all(|&size| size == 1) && (is_counter && is_alone || matches!(last, "mean" | "std"))
}

/// What a tensor that is not of an affine layer belongs to, after how much that tells.
fn owner(name: &str, rank: usize) -> (usize, &'static str) {
    let last = name.rsplit(['.', '/']).next().and_then(|last| last.split(':').next());
    match last {
        _ if name.contains("lora_") => {
            (4, "an adapter (merge it into the model first, as with PEFT's `merge_and_unload()`); expected")
        }
        Some("weight_g" | "weight_v" | "weight_orig" | "original0" | "original1" | "original") => {
            (4, "a parametrized layer (first torch.nn.utils.parametrize.remove_parametrizations); expected")
        }
        Some("kernel") => (3, "a layer of Flax or Keras; expected its transpose as `….weight`, and"),
        Some("weight") if rank > 2 => (2, "a convolution or another layer that is not affine; expected"),
        Some("weight" | "bias" | "running_mean" | "running_var" | "num_batches_tracked") if rank < 2 => {
            (1, "a normalization or another layer that is not affine (ONNX export folds it); expected")
        }
        _ => (0, "no affine layer; expected"),
    }
}

/// Returns the order of the layers, and whether it is certain.
pub(super) fn order(layers: &[(&str, Affine<'_>)]) -> Result<(Vec<usize>, bool), SafetensorsError> {
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
    let name = |index: usize| parameter(layers[index].0, "weight");
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
    let is_known = |(_, layer): &(&str, Affine<'_>)| {
        layer.biases.is_some() && layer.weights.shape()[0] != layer.weights.shape()[1]
    };
    let found = Order::of(&modules(1));
    if let Order::Certain(order) | Order::Probable(order) = &found
        && !layers.iter().any(is_known)
        && layers[order[0]].1.weights.shape()[1] < layers[order[order.len() - 1]].1.weights.shape()[0]
        && !matches!(Order::of(&modules(0)), Order::Disagree(_))
    {
        // A classifier with more classes than inputs: probably read the wrong way.
        return Err(transposed(order[0]));
    }
    match found {
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
