//! The affine layers of an ONNX graph, each with what happens to its inputs and outputs.
//!
//! Every value between two activations is an elementwise affine function of the images, of an
//! activation's outputs, or of a product with weights. So one rule covers biases, normalizations
//! and scalings in any form, and folds them exactly into the layers.

use std::rc::Rc;

use mlp_core::{Activation, Architecture};
use ndarray::{Array1, Array2, Axis};

use crate::formats::onnx::map::{Map, is_about, zip};
use crate::formats::onnx::proto::data_type;
use crate::formats::onnx::tensor::{Budget, Tensor};

/// The multiplier below which a graph must take gray levels from 0 to 255: of images in [0, 1],
/// nothing would be left. For the same reason, images in [0, 1] are not shifted by its inverse.
const LEAST_SCALE: f64 = 0.05;

/// The most layers of a graph, in all its branches.
const MAX_LAYERS: usize = 1000;

/// The origin of a value. Layers count from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Base {
    Images,
    /// X W of a layer, with the biases that are part of its node.
    Product(usize),
    /// H = f(Z) of a layer.
    Hidden(usize),
}

/// A map of a base.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) base: Base,
    pub(super) map: Map,
    /// With the batch, which counts as one if the graph takes any; `None` if the graph does not say
    /// it.
    pub(super) shape: Option<Vec<usize>>,
}

impl Signal {
    /// Images of a shape that includes the batch.
    pub(super) fn images(shape: Option<Vec<usize>>) -> Self {
        Self { base: Base::Images, map: Map::identity(), shape }
    }

    pub(super) fn with(&self, map: Map) -> Self {
        Self { map, ..self.clone() }
    }

    pub(super) fn shaped(&self, shape: Option<Vec<usize>>) -> Self {
        Self { shape, ..self.clone() }
    }

    /// One row of numbers for each image.
    pub(super) fn is_matrix(&self) -> bool {
        self.shape.as_ref().is_some_and(|shape| shape.len() == 2)
    }
}

/// The constants of a product with weights.
pub(super) struct Product {
    pub(super) weights: Rc<Tensor>,
    pub(super) is_transposed: bool,
    pub(super) alpha: f64,
    pub(super) biases: Option<(Rc<Tensor>, f64)>, // with their factor
}

pub(super) struct Affine {
    pub(super) parent: Option<usize>,
    pub(super) weights: Array2<f64>, // (inputs, outputs)
    pub(super) biases: Array1<f64>,
    pub(super) end: Option<(Activation, Map)>,
}

/// The layers found so far, and the gray levels that the first ones take.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) list: Vec<Affine>,
    pub(super) is_byte: bool, // the images are uint8
    is_raw: Option<bool>,     // the graph takes gray levels from 0 to 255
    pub(super) is_scale_known: bool,
    pub(super) is_double: bool, // some weights are in double precision
    pub(super) notes: Vec<String>,
}

impl Layers {
    /// Adds a layer, and returns X W.
    pub(super) fn add(
        &mut self,
        x: &Signal,
        product: Product,
        budget: &mut Budget,
    ) -> Result<Signal, String> {
        let Product { weights, is_transposed, alpha, biases } = product;
        if self.list.len() == MAX_LAYERS {
            return Err(format!("more than {MAX_LAYERS} layers"));
        }
        let &[rows, columns] = &weights.shape[..] else {
            return Err(format!("weights of shape {:?}; expected two dimensions", weights.shape));
        };
        let (inputs, outputs) = if is_transposed { (columns, rows) } else { (rows, columns) };
        Architecture::new(inputs, &[], outputs).validate().map_err(|error| error.to_string())?;
        if let Some(shape) = x.shape.as_ref().filter(|shape| shape.len() != 2 || shape[1] != inputs) {
            return Err(format!("values of shape {:?} for a layer of {inputs} inputs", &shape[1..]));
        }
        if !matches!(x.map.width(), columns if columns == 1 || columns == inputs) {
            return Err(format!("normalization of columns other than the {inputs} inputs"));
        }
        budget.spend(Some(inputs * outputs))?;
        self.is_double |= weights.data_type == data_type::DOUBLE;
        let values = Rc::try_unwrap(weights).map_or_else(|shared| shared.values.clone(), |own| own.values);
        let matrix = Array2::from_shape_vec((rows, columns), values).map_err(|error| error.to_string())?;
        let mut matrix = if is_transposed { matrix.reversed_axes() } else { matrix };
        if alpha != 1.0 {
            matrix *= alpha;
        }
        let mut sums = Array1::zeros(outputs);
        if let Some((biases, beta)) = biases {
            self.is_double |= biases.data_type == data_type::DOUBLE;
            sums += &(Array1::from_vec(biases.broadcast(&[1, outputs], budget)?) * beta);
        }
        let (parent, map) = match x.base {
            Base::Images => (None, self.of_gray(&x.map)?),
            Base::Hidden(layer) => (Some(layer), x.map.clone()),
            Base::Product(layer) => {
                self.finish(layer, Activation::Identity, &x.map)?;
                (Some(layer), Map::identity())
            }
        };
        if !map.is_identity() {
            // (x scale + shift) W = x (scale W) + shift W
            let [scale, shift] = map.columns(inputs);
            sums += &shift.dot(&matrix);
            matrix *= &scale.insert_axis(Axis(1));
        }
        let batch = x.shape.as_ref().map_or(1, |shape| shape[0]);
        self.list.push(Affine { parent, weights: matrix, biases: sums, end: None });
        let base = Base::Product(self.list.len() - 1);
        Ok(Signal { base, map: Map::identity(), shape: Some(vec![batch, outputs]) })
    }

    /// Ends a layer with an activation, and returns H.
    pub(super) fn activate(&mut self, signal: &Signal, activation: Activation) -> Result<Signal, String> {
        let Base::Product(layer) = signal.base else {
            return Err(format!("the activation {activation} does not follow a layer"));
        };
        self.finish(layer, activation, &signal.map)?;
        Ok(Signal { base: Base::Hidden(layer), map: Map::identity(), shape: signal.shape.clone() })
    }

    fn finish(&mut self, layer: usize, activation: Activation, map: &Map) -> Result<(), String> {
        let end = (activation, map.clone());
        match &self.list[layer].end {
            Some(before) if *before != end => {
                Err(format!("the layer already has the activation {}", before.0))
            }
            _ => {
                self.list[layer].end = Some(end);
                Ok(())
            }
        }
    }

    /// The layers up to one, the last one first.
    pub(super) fn chain(&self, layer: usize) -> Vec<usize> {
        std::iter::successors(Some(layer), |&layer| self.list[layer].parent).collect()
    }

    /// Converts a map of the graph's input to one of gray levels in [0, 1].
    fn of_gray(&mut self, map: &Map) -> Result<Map, String> {
        let (scale, shift) = (typical_scale(map), typical_shift(map));
        let is_raw = self.is_byte || scale < LEAST_SCALE || shift > 1.0 / LEAST_SCALE;
        if self.is_raw.replace(is_raw).is_some_and(|before| before != is_raw) {
            return Err("takes images at a different scale than another layer".to_owned());
        }
        if !is_raw {
            return Ok(map.clone());
        }
        let mut scaled = Map { scale: zip(&map.scale, &[255.0], |a, b| a * b), shift: map.shift.clone() };
        let is_division = scaled.scale.iter().all(|&scale| is_about(scale, 1.0));
        if is_division {
            scaled.scale = vec![1.0];
        } else if !self.is_byte && !self.is_scale_known {
            let because = if scale < LEAST_SCALE {
                format!("multiplies them by {scale:.3}")
            } else {
                format!("shifts them by {shift:.1}")
            };
            self.notes.push(format!("assumed: the graph takes gray levels from 0 to 255, as it {because}"));
        }
        self.is_scale_known = true;
        Ok(scaled)
    }
}

/// The median factor of columns that are scaled at all: scikit-learn leaves constant ones as they
/// are.
fn typical_scale(map: &Map) -> f64 {
    let mut scales: Vec<f64> = map.scale.iter().map(|scale| scale.abs()).collect();
    scales.retain(|&scale| scale > 0.0 && scale != 1.0);
    scales.sort_by(f64::total_cmp);
    scales.get(scales.len() / 2).copied().unwrap_or(1.0)
}

/// The mean shift, before the scaling.
fn typical_shift(map: &Map) -> f64 {
    let total = |values: Vec<f64>| values.into_iter().map(f64::abs).sum::<f64>();
    total(zip(&map.shift, &map.scale, |shift, _| shift))
        / total(zip(&map.scale, &map.shift, |scale, _| scale))
}
