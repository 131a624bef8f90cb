//! Classifies pictures and describes the model, without knowing about HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use mlp_core::argmax;
use mlp_data::Error;
use mlp_data::picture::{GrayPicture, Polarity};
use mlp_train::{Kernel, Model};

use super::answers::{ActiveUnit, Answer, ClassProbability, HiddenLayer, Image, ModelInfo, Size, UnitImages};
use crate::plot::{Raster, first_layer_weights, unit_images};

/// Maximum size of a layer whose activations are all listed.
const MAX_LISTED: usize = 4096;

/// Maximum memory for decoding a picture.
const MAX_PICTURE_BYTES: u64 = 256 << 20;

const RUNS: &str = "every build has a kernel for `auto`";

/// A model with images of its first-layer weights.
pub(super) struct Classifier {
    model: Model,
    /// The weights of each first-layer unit.
    pub(super) unit_images: Vec<Raster>,
    /// The weight that has the full color.
    scale: f64,
    /// Changes at every start of the server.
    revision: String,
}

/// The parameters of a prediction request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The model's if `None`.
    pub(super) polarity: Option<Polarity>,
    /// Number of most active units to list per layer.
    pub(super) strongest: usize,
}

impl Classifier {
    pub(super) fn new(model: Model) -> Self {
        let first_layer = first_layer_weights(&model.network);
        let (unit_images, scale) = unit_images(&first_layer, model.metadata.image_shape);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { model, unit_images, scale, revision: format!("{:x}", now.as_millis()) }
    }

    /// Classifies the picture in `file`.
    pub(super) fn answer(&self, file: &[u8], question: Question) -> Result<Answer<'_>, Error> {
        let (network, metadata) = (&self.model.network, &self.model.metadata);
        let shape = metadata.image_shape;
        let polarity = question.polarity.unwrap_or(metadata.polarity);
        let picture = GrayPicture::decode_within(file, MAX_PICTURE_BYTES)?;
        let preprocessed = metadata.preprocessing.preprocess(&picture, shape, polarity);
        let probabilities = network.probabilities(&preprocessed.pixels, Kernel::Auto).expect(RUNS);
        let probabilities = probabilities.into_raw_vec_and_offset().0;
        let class = argmax(probabilities.iter().copied());
        let layer = |(l, units): (usize, usize)| {
            let activations = network.activations(&preprocessed.pixels, l, Kernel::Auto).expect(RUNS);
            let activations = activations.into_raw_vec_and_offset().0;
            HiddenLayer {
                layer: l + 1,
                units,
                strongest: strongest(&activations, question.strongest),
                activations: (units <= MAX_LISTED).then(|| activations.into_iter().map(rounded).collect()),
            }
        };
        let names = metadata.class_names.iter().zip(&probabilities).enumerate();
        Ok(Answer {
            class,
            name: &metadata.class_names[class],
            probability: probabilities[class],
            blank: preprocessed.is_blank,
            inverted: preprocessed.was_inverted,
            probabilities: names
                .map(|(class, (name, &probability))| ClassProbability { class, name, probability })
                .collect(),
            hidden: network.architecture().hidden.into_iter().enumerate().map(layer).collect(),
            image: Image { width: shape.width, height: shape.height, pixels: preprocessed.pixels },
        })
    }

    /// Describes the model. `max_bytes` is the maximum size of a picture.
    pub(super) fn info(&self, max_bytes: usize) -> ModelInfo<'_> {
        let (metadata, network) = (&self.model.metadata, &self.model.network);
        let architecture = network.architecture();
        ModelInfo {
            dataset: &metadata.dataset,
            program: &metadata.program,
            classes: &metadata.class_names,
            image: Size { width: metadata.image_shape.width, height: metadata.image_shape.height },
            preprocessing: metadata.preprocessing.name(),
            inputs: architecture.inputs,
            outputs: architecture.outputs,
            activation: architecture.activation.name(),
            precision: network.precision().name(),
            parameters: architecture.parameters(),
            units: UnitImages {
                count: self.unit_images.len(),
                hidden: !architecture.hidden.is_empty(),
                scale: self.scale,
            },
            hidden: architecture.hidden,
            max_bytes,
            version: env!("CARGO_PKG_VERSION"),
            revision: &self.revision,
        }
    }
}

/// The units with the largest |activation|, in descending order.
fn strongest(activations: &[f64], count: usize) -> Vec<ActiveUnit> {
    let mut order: Vec<usize> = (0..activations.len()).collect();
    order.sort_by(|&a, &b| activations[b].abs().total_cmp(&activations[a].abs()));
    let active = |unit: usize| ActiveUnit { unit, activation: rounded(activations[unit]) };
    order.into_iter().take(count).map(active).collect()
}

/// Rounds to four decimals, which is enough to draw.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_units_have_the_largest_magnitude() {
        let found: Vec<usize> = strongest(&[0.1, -3.0, 0.0, 2.0, 3.0], 4).iter().map(|s| s.unit).collect();
        assert_eq!(found, [1, 4, 3, 0]);
        assert!(strongest(&[1.0], 0).is_empty() && strongest(&[], 3).is_empty());
        assert_eq!(strongest(&[0.123_456], 1)[0].activation, 0.1235);
    }
}
