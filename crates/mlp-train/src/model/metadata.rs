//! [`Model`], a network with what is needed to use it: its class names, the shape of its images,
//! where it came from. `file.rs` writes and reads it.

use mlp_core::Mlp;
use mlp_data::{Dataset, ImageShape, Preprocessing};

use crate::config::kernel::Kernel;
use crate::config::train_config::{MAX_HIDDEN_LAYERS, TrainConfig};
use crate::error::Error;
use crate::model::evaluate::{Evaluation, check_fits};
use crate::model::network::{Network, each};
use crate::number::Number;

/// The most bytes of names in a model.
const MAX_TEXT: usize = 1 << 20;

/// Where a model came from, and what its inputs and outputs mean.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// The dataset that it was trained on.
    pub dataset: String,
    /// A name for each class.
    pub class_names: Vec<String>,
    /// The shape of the images that it takes, gray levels from 0 to 255 scaled to [0, 1].
    pub image_shape: ImageShape,
    /// How a picture becomes such an image.
    pub preprocessing: Preprocessing,
    /// How it was trained; `None` if another program trained it, of which `program` then speaks.
    pub config: Option<TrainConfig>,
    /// The program that wrote it.
    pub program: String,
}

impl Metadata {
    /// The metadata of a model for images of this shape, of which another program knows nothing
    /// more: preprocessing
    /// [`Preprocessing::default`], no configuration.
    pub fn new(
        dataset: impl Into<String>,
        class_names: Vec<String>,
        image_shape: ImageShape,
        program: impl Into<String>,
    ) -> Self {
        let (dataset, program) = (dataset.into(), program.into());
        let preprocessing = Preprocessing::default();
        Self { dataset, class_names, image_shape, preprocessing, config: None, program }
    }
}

/// A network that can be used: what a model file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// What goes with it.
    pub metadata: Metadata,
}

impl Model {
    /// Evaluates the model on images of the shape that it was trained on.
    ///
    /// # Errors
    /// [`Error::OtherShape`], and as [`evaluate`](crate::evaluate).
    pub fn evaluate(&self, data: &Dataset, kernel: Kernel) -> Result<Evaluation, Error> {
        self.check_fits(data)?;
        self.network.evaluate(data, kernel)
    }

    /// Checks that a dataset has the model's image shape, and no classes that it does not know.
    ///
    /// # Errors
    /// [`Error::OtherShape`], [`Error::DoesNotFit`], [`Error::Empty`].
    pub fn check_fits(&self, data: &Dataset) -> Result<(), Error> {
        let (expected, found) = (self.metadata.image_shape, data.shape());
        if found != expected {
            return Err(Error::OtherShape { found, expected });
        }
        check_fits(&self.network.architecture(), data)
    }

    /// Checks that network and metadata belong together, and that a model file can hold them.
    pub(crate) fn check(&self) -> Result<(), String> {
        let architecture = self.network.architecture();
        let (shape, names) = (self.metadata.image_shape, self.metadata.class_names.len());
        if shape.height.checked_mul(shape.width) != Some(architecture.inputs) {
            return Err(format!(
                "images of {}x{} for a network of {} inputs",
                shape.height, shape.width, architecture.inputs
            ));
        }
        if names != architecture.outputs {
            return Err(format!("{names} class names for a network of {} outputs", architecture.outputs));
        }
        if architecture.hidden.len() > MAX_HIDDEN_LAYERS {
            return Err(format!(
                "{} hidden layers; expected at most {MAX_HIDDEN_LAYERS}",
                architecture.hidden.len()
            ));
        }
        let names: usize = self.metadata.class_names.iter().map(String::len).sum();
        let text = names + self.metadata.dataset.len() + self.metadata.program.len();
        if text > MAX_TEXT {
            return Err(format!("{text} bytes of names; expected at most {MAX_TEXT}"));
        }
        each!(&self.network, mlp => not_finite(mlp)).map_or(Ok(()), |what| {
            Err(format!("{what} are not all finite; expected those of a training that did not diverge"))
        })
    }
}

/// The first parameters that are infinite or NaN.
fn not_finite<A: Number>(network: &Mlp<A>) -> Option<String> {
    network.layers().iter().enumerate().find_map(|(l, layer)| {
        let is_finite = |value: &A| value.is_finite();
        let what = if !layer.weights().iter().all(is_finite) {
            "weights"
        } else if !layer.biases().iter().all(is_finite) {
            "biases"
        } else {
            return None;
        };
        Some(format!("the {what} of layer {}", l + 1))
    })
}
