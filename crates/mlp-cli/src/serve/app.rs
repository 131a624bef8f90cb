//! What all requests share: the model, read once, and what is counted and limited. Here is also what the server is there for, a picture's bytes
//! becoming an answer; HTTP is left out.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mlp_core::argmax;
use mlp_data::Error;
use mlp_data::picture::{GrayPicture, Polarity};
use mlp_train::Model;
use tokio::sync::Semaphore;

use super::answers::{Answer, Image, Layer, Strong, named};
use super::limits::Limits;
use super::metrics::Metrics;
use super::rate::RateLimiter;
use crate::plot::{Raster, first_layer_weights, unit_images};

/// The most units of a layer whose activations are all listed.
const MAX_LISTED: usize = 4096;

/// The server's state.
pub(crate) struct App {
    pub(super) model: Model,
    /// The weights of each unit of the first layer.
    pub(super) units: Vec<Raster>,
    /// The weight that has the full color in them.
    pub(super) scale: f64,
    /// Tells the answers of this process from those of others at the same address.
    pub(super) revision: String,
    pub(super) limits: Limits,
    pub(super) rate: RateLimiter,
    pub(super) metrics: Metrics,
    /// Turns for decoding a picture.
    pub(super) turns: Arc<Semaphore>,
    /// Whether requests that name another host are refused.
    pub(super) is_local: bool,
}

/// What is asked about a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) polarity: Polarity,
    /// How many of a layer's most active units are named.
    pub(super) strongest: usize,
}

impl App {
    /// A server of `model`; `is_local` if it listens on loopback.
    pub(crate) fn new(model: Model, limits: Limits, is_local: bool) -> Self {
        let (units, scale) = unit_images(&first_layer_weights(&model.network), model.metadata.image_shape);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            units,
            scale,
            revision: format!("{:x}", since.as_millis()),
            rate: RateLimiter::new(limits.rate),
            metrics: Metrics::new(&model),
            turns: Arc::new(Semaphore::new(limits.pictures)),
            limits,
            is_local,
            model,
        }
    }

    /// What the network says of the picture in a file's bytes.
    pub(super) fn answer(&self, file: &[u8], question: Question) -> Result<Answer<'_>, Error> {
        let (network, metadata) = (&self.model.network, &self.model.metadata);
        let picture = GrayPicture::decode(file)?;
        let prepared = metadata.preprocessing.prepare(&picture, metadata.image_shape, question.polarity);
        let probabilities = network.probabilities(&prepared.pixels).into_raw_vec_and_offset().0;
        let class = argmax(probabilities.iter().copied());
        let hidden = network.architecture().hidden;
        let layer = |(l, units): (usize, usize)| {
            let activations = network.activations(&prepared.pixels, l).into_raw_vec_and_offset().0;
            Layer {
                layer: l + 1,
                units,
                strongest: strongest(&activations, question.strongest),
                activations: (units <= MAX_LISTED).then(|| activations.into_iter().map(short).collect()),
            }
        };
        let hidden = hidden.into_iter().enumerate().map(layer).collect();
        Ok(Answer {
            class,
            name: &metadata.class_names[class],
            probability: probabilities[class],
            blank: prepared.is_blank,
            inverted: prepared.was_inverted,
            probabilities: named(&metadata.class_names, &probabilities),
            image: Image {
                width: metadata.image_shape.width,
                height: metadata.image_shape.height,
                pixels: prepared.pixels,
            },
            hidden,
        })
    }
}

/// The units that are furthest from nought, the furthest first, of equal ones the first.
fn strongest(activations: &[f64], count: usize) -> Vec<Strong> {
    let mut order: Vec<usize> = (0..activations.len()).collect();
    order.sort_by(|&a, &b| activations[b].abs().total_cmp(&activations[a].abs()));
    let strong = |unit: usize| Strong { unit, activation: short(activations[unit]) };
    order.into_iter().take(count).map(strong).collect()
}

/// Four decimals: what is drawn needs no more.
fn short(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_units_are_those_furthest_from_nought() {
        let found: Vec<usize> = strongest(&[0.1, -3.0, 0.0, 2.0, 3.0], 4).iter().map(|s| s.unit).collect();
        assert_eq!(found, [1, 4, 3, 0]);
        assert!(strongest(&[1.0], 0).is_empty() && strongest(&[], 3).is_empty());
        assert_eq!(strongest(&[0.123_456], 1)[0].activation, 0.1235);
    }
}
