//! Classifies pictures and describes the model, without knowing about HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use mlp_core::argmax;
use mlp_data::ImageShape;
use mlp_data::picture::{GrayPicture, Polarity, Preprocessed};
use mlp_train::{Kernel, Model};

use super::answers::{ActiveUnit, Answer, ClassProbability, HiddenLayer, Image, ModelInfo, Size, UnitImages};
use super::options::Options;
use crate::plot::{Raster, first_layer_weights, unit_images};

/// Maximum size of a layer whose activations are all listed.
const MAX_LISTED: usize = 4096;

/// Maximum number of digits of a segmented picture.
const MAX_SEGMENTS: usize = 64;

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

impl Classifier {
    pub(super) fn new(model: Model) -> Self {
        let first_layer = first_layer_weights(&model.network);
        let (unit_images, scale) = unit_images(&first_layer, model.metadata.image_shape);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { model, unit_images, scale, revision: format!("{:x}", now.as_millis()) }
    }

    /// The size of the network's input.
    pub(super) fn image_shape(&self) -> ImageShape {
        self.model.metadata.image_shape
    }

    /// Classifies a picture, or each digit of a row of digits if `options` asks for it.
    pub(super) fn answers(&self, picture: &GrayPicture, options: Options) -> Vec<Answer<'_>> {
        let polarity = options.polarity.unwrap_or(self.model.metadata.polarity);
        if !options.segment() {
            return vec![self.answer(picture, polarity, options)];
        }
        let (segments, polarity) = picture.segments(polarity);
        let mut answers: Vec<_> = segments
            .iter()
            .take(MAX_SEGMENTS)
            .map(|segment| self.answer(segment, polarity, options))
            .collect();
        if segments.len() > MAX_SEGMENTS {
            let note = format!("only the first {MAX_SEGMENTS} of {} digits are classified", segments.len());
            answers.iter_mut().for_each(|answer| answer.notes.push(note.clone()));
        }
        answers
    }

    fn answer(&self, picture: &GrayPicture, polarity: Polarity, options: Options) -> Answer<'_> {
        let (network, metadata) = (&self.model.network, &self.model.metadata);
        let shape = metadata.image_shape;
        let preprocessed = metadata.preprocessing.preprocess(picture, shape, polarity);
        let probabilities = network.probabilities(&preprocessed.pixels, Kernel::Auto).expect(RUNS);
        let probabilities = probabilities.into_raw_vec_and_offset().0;
        let class = argmax(probabilities.iter().copied());
        let layer = |(l, units): (usize, usize)| {
            let activations = network.activations(&preprocessed.pixels, l, Kernel::Auto).expect(RUNS);
            let activations = activations.into_raw_vec_and_offset().0;
            HiddenLayer {
                layer: l + 1,
                units,
                strongest: strongest(&activations, options.strongest()),
                activations: (units <= MAX_LISTED).then(|| activations.into_iter().map(rounded).collect()),
            }
        };
        let names = metadata.class_names.iter().zip(&probabilities).enumerate();
        Answer {
            notes: notes(picture, &preprocessed, polarity, options),
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
        }
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

/// What the client should know about a prediction.
fn notes(
    picture: &GrayPicture,
    preprocessed: &Preprocessed,
    polarity: Polarity,
    options: Options,
) -> Vec<String> {
    let mut notes = Vec::new();
    if preprocessed.is_blank {
        notes.push("the picture is blank, so the prediction is meaningless".to_owned());
    }
    if picture.is_first_of_several() {
        notes.push("used only the first frame or page".to_owned());
    }
    if preprocessed.figures > 1 && !options.segment() {
        let count = preprocessed.figures;
        notes.push(format!("the picture may show {count} digits; segment=true classifies each"));
    }
    notes.extend(preprocessed.doubts.iter().map(|doubt| doubt.text().to_owned()));
    let looks_opposite = preprocessed.was_inverted != preprocessed.looks_light;
    if options.polarity.is_none() && polarity != Polarity::Auto && looks_opposite && !options.segment() {
        notes.push(format!(
            "the picture does not look {polarity} like the training pictures; polarity=auto detects it"
        ));
    }
    notes
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
