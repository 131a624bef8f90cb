//! The JSON of the answers about a picture and about the model. The names of the fields are part of
//! the API.

use serde::Serialize;

/// The answer to `POST /predict`.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    /// The most likely class, counted from 0.
    pub(super) class: usize,
    pub(super) name: &'a str,
    pub(super) probability: f64,
    /// The picture is empty, so the prediction means nothing.
    pub(super) blank: bool,
    /// Light and dark were swapped.
    pub(super) inverted: bool,
    /// For every class, in order.
    pub(super) probabilities: Vec<ClassProbability<'a>>,
    /// The input of the network.
    pub(super) image: Image,
    /// All hidden layers, starting with the first.
    pub(super) hidden: Vec<HiddenLayer>,
}

#[derive(Debug, Serialize)]
pub(super) struct ClassProbability<'a> {
    pub(super) class: usize,
    pub(super) name: &'a str,
    pub(super) probability: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>, // (height, width), 0 is background, 255 is ink
}

#[derive(Debug, Serialize)]
pub(super) struct HiddenLayer {
    /// Counted from 1.
    pub(super) layer: usize,
    pub(super) units: usize,
    /// The most active units, in descending order.
    pub(super) strongest: Vec<ActiveUnit>,
    /// For every unit, in order; left out for very large layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activations: Option<Vec<f64>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ActiveUnit {
    /// Counted from 0.
    pub(super) unit: usize,
    pub(super) activation: f64,
}

/// The answer to `GET /model`.
#[derive(Debug, Serialize)]
pub(super) struct ModelInfo<'a> {
    pub(super) dataset: &'a str,
    pub(super) program: &'a str,
    pub(super) classes: &'a [String],
    /// The size of the images that the network takes.
    pub(super) image: Size,
    pub(super) preprocessing: &'static str,
    pub(super) inputs: usize,
    pub(super) hidden: Vec<usize>,
    pub(super) outputs: usize,
    pub(super) activation: &'static str,
    pub(super) precision: &'static str,
    pub(super) parameters: usize,
    pub(super) units: UnitImages,
    /// Maximum size of a picture in bytes.
    pub(super) max_bytes: usize,
    pub(super) version: &'static str,
    /// Changes whenever the server restarts, so that clients can discard cached images.
    pub(super) revision: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The images `units/0.png`, `units/1.png`, …
#[derive(Debug, Serialize)]
pub(super) struct UnitImages {
    pub(super) count: usize,
    /// They show hidden units; otherwise the classes of a network without hidden layers.
    pub(super) hidden: bool,
    /// The weight with the strongest color.
    pub(super) scale: f64,
}
