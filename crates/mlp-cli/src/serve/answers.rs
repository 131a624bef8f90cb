//! The JSON responses. Field names are part of the API.

use serde::Serialize;

/// The response to `POST /predict`.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    /// The most likely class, counted from 0.
    pub(super) class: usize,
    pub(super) name: &'a str,
    pub(super) probability: f64,
    /// The picture is empty, so the prediction is meaningless.
    pub(super) blank: bool,
    /// Light and dark were swapped.
    pub(super) inverted: bool,
    /// What the client should know: one line each.
    pub(super) notes: Vec<String>,
    /// One per class, in order.
    pub(super) probabilities: Vec<ClassProbability<'a>>,
    /// The network's input.
    pub(super) image: Image,
    /// Hidden layers, starting with the first.
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
    /// The most active units, in descending order of |activation|.
    pub(super) strongest: Vec<ActiveUnit>,
    /// One per unit, in order; omitted for very large layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activations: Option<Vec<f64>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ActiveUnit {
    /// Counted from 0.
    pub(super) unit: usize,
    pub(super) activation: f64,
}

/// The response to `GET /model`.
#[derive(Debug, Serialize)]
pub(super) struct ModelInfo<'a> {
    pub(super) dataset: &'a str,
    pub(super) program: &'a str,
    pub(super) classes: &'a [String],
    /// The size of the network's input.
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
    /// Changes at every restart, so that clients can discard cached images.
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
    /// True if they show hidden units, false if they show the classes of a network without any.
    pub(super) hidden: bool,
    /// The weight that has the full color.
    pub(super) scale: f64,
}
