//! Layers as stored in model and checkpoint files.

use mlp_core::{Activation, Layer, Mlp};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::Number;

#[derive(Serialize, Deserialize)]
pub(crate) struct LayerContent<A> {
    inputs: u64,
    outputs: u64,
    weights: Vec<A>, // (inputs, outputs), row-major
    biases: Vec<A>,
}

pub(crate) fn contents<A: Number>(layers: &[Layer<A>]) -> Vec<LayerContent<A>> {
    let content = |layer: &Layer<A>| LayerContent {
        inputs: layer.inputs() as u64,
        outputs: layer.outputs() as u64,
        weights: layer.weights().into_raw_vec_and_offset().0, // a row-major copy
        biases: layer.biases().to_vec(),
    };
    layers.iter().map(content).collect()
}

/// Converts untrusted content into layers.
pub(crate) fn layers<A: Number>(contents: Vec<LayerContent<A>>) -> Result<Vec<Layer<A>>, String> {
    let layer = |(index, layer): (usize, LayerContent<A>)| {
        let (found, inputs, outputs) = (layer.weights.len(), layer.inputs, layer.outputs);
        let wrong = || format!("layer {} of {inputs} by {outputs} has {found} weights", index + 1);
        let shape =
            (usize::try_from(inputs).map_err(|_| wrong())?, usize::try_from(outputs).map_err(|_| wrong())?);
        let weights = Array2::from_shape_vec(shape, layer.weights).map_err(|_| wrong())?;
        Layer::checked(index + 1, weights, Array1::from_vec(layer.biases)).map_err(|error| error.to_string())
    };
    contents.into_iter().enumerate().map(layer).collect()
}

/// Converts untrusted content into a network.
pub(crate) fn network<A: Number>(
    contents: Vec<LayerContent<A>>,
    activation: Activation,
) -> Result<Mlp<A>, String> {
    Mlp::from_layers(layers(contents)?, activation).map_err(|error| error.to_string())
}
