//! The JSON that programs get to read, and the page with them: of a picture, and of the model. The fields' names are a promise; what they hold is
//! worked out in `app.rs`.

use serde::Serialize;

use super::app::App;

/// The answer to `POST /predict`.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    /// The likeliest class, counted from 0.
    pub(super) class: usize,
    pub(super) name: &'a str,
    pub(super) probability: f64,
    /// Whether there was nothing on the picture: then the rest says nothing, either.
    pub(super) blank: bool,
    /// Whether light and dark were exchanged.
    pub(super) inverted: bool,
    /// Of every class, in order.
    pub(super) probabilities: Vec<Share<'a>>,
    /// What the network saw.
    pub(super) image: Image,
    /// Every hidden layer, the first one first.
    pub(super) hidden: Vec<Layer>,
}

#[derive(Debug, Serialize)]
pub(super) struct Share<'a> {
    class: usize,
    name: &'a str,
    probability: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>, // (height, width), 0 is ground, 255 ink
}

#[derive(Debug, Serialize)]
pub(super) struct Layer {
    /// Counted from 1, as people do.
    pub(super) layer: usize,
    pub(super) units: usize,
    /// Units by the size of their activation.
    pub(super) strongest: Vec<Strong>,
    /// Of every unit, in order; left out for layers of very many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activations: Option<Vec<f64>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Strong {
    /// Counted from 0.
    pub(super) unit: usize,
    pub(super) activation: f64,
}

/// The probabilities with the names of their classes.
pub(super) fn named<'a>(names: &'a [String], probabilities: &[f64]) -> Vec<Share<'a>> {
    let pairs = names.iter().zip(probabilities).enumerate();
    pairs.map(|(class, (name, &probability))| Share { class, name, probability }).collect()
}

/// The answer to `GET /model`.
#[derive(Debug, Serialize)]
pub(super) struct About<'a> {
    dataset: &'a str,
    program: &'a str,
    classes: &'a [String],
    /// The form of the images that the network takes.
    image: Size,
    preprocessing: &'static str,
    inputs: usize,
    hidden: Vec<usize>,
    outputs: usize,
    activation: &'static str,
    precision: &'static str,
    parameters: usize,
    /// What `units/N.png` shows, N being counted from 0.
    units: Units,
    /// The most bytes of a picture.
    most_bytes: usize,
    version: &'static str,
    /// Another one means another server: what was kept of the last one is void.
    revision: &'a str,
}

#[derive(Debug, Serialize)]
struct Size {
    width: usize,
    height: usize,
}

#[derive(Debug, Serialize)]
struct Units {
    count: usize,
    /// Whether these are hidden units, or the classes of a network without any.
    hidden: bool,
    /// The weight that has the full color.
    scale: f64,
}

impl<'a> About<'a> {
    pub(super) fn of(app: &'a App) -> Self {
        let (metadata, network) = (&app.model.metadata, &app.model.network);
        let architecture = network.architecture();
        Self {
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
            units: Units {
                count: app.units.len(),
                hidden: !architecture.hidden.is_empty(),
                scale: app.scale,
            },
            hidden: architecture.hidden,
            most_bytes: app.limits.body,
            version: env!("CARGO_PKG_VERSION"),
            revision: &app.revision,
        }
    }
}
