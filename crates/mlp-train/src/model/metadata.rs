//! A network with what is needed to use it: class names, image shape, origin. `file.rs` reads and
//! writes it.

use mlp_core::Mlp;
use mlp_data::text::counted;
use mlp_data::{Dataset, ImageShape, Polarity, Preprocessing};

use crate::config::train_config::MAX_HIDDEN_LAYERS;
use crate::model::evaluate::check_fits;
use crate::model::network::each;
use crate::{Error, Evaluation, Kernel, Matched, Network, Number, TrainConfig, match_classes};

/// Maximum total length in bytes of the names in a model.
const MAX_TEXT: usize = 1 << 20;

/// The origin of a model and the meaning of its inputs and outputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// Dataset it was trained on.
    pub dataset: String,
    /// One name per class.
    pub class_names: Vec<String>,
    /// Shape of the input images, gray levels from 0 to 255 scaled to [0, 1].
    pub image_shape: ImageShape,
    /// How a picture is turned into such an image.
    pub preprocessing: Preprocessing,
    /// Polarity of the training pictures; [`Polarity::Auto`] to detect it for each picture.
    pub polarity: Polarity,
    /// Training configuration; `None` if another program trained it.
    pub config: Option<TrainConfig>,
    /// Program that trained or imported it.
    pub program: String,
}

impl Metadata {
    /// The preprocessing, and the polarity unless it is `auto`, as stored in files: `whole` or
    /// `whole dark-on-light`.
    pub(crate) fn preprocessing_text(&self) -> String {
        match self.polarity {
            Polarity::Auto => self.preprocessing.name().to_owned(),
            polarity => format!("{} {polarity}", self.preprocessing),
        }
    }

    /// Parses [`preprocessing_text`](Self::preprocessing_text).
    pub(crate) fn parse_preprocessing(text: &str) -> Result<(Preprocessing, Polarity), mlp_data::Error> {
        let (preprocessing, polarity) = text.split_once(' ').unwrap_or((text, "auto"));
        Ok((preprocessing.parse()?, polarity.parse()?))
    }

    /// Creates metadata with the default preprocessing and no configuration.
    pub fn new(
        dataset: impl Into<String>,
        class_names: Vec<String>,
        image_shape: ImageShape,
        program: impl Into<String>,
    ) -> Self {
        let (dataset, program) = (dataset.into(), program.into());
        let preprocessing = Preprocessing::default();
        let polarity = Polarity::Auto;
        Self { dataset, class_names, image_shape, preprocessing, polarity, config: None, program }
    }
}

/// A trained network with its metadata: the content of a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// Its metadata.
    pub metadata: Metadata,
}

impl Model {
    /// Returns the kernel to apply the model with: the portable one if it was trained with that, so
    /// that results are the same on every processor.
    pub fn kernel(&self) -> Kernel {
        match &self.metadata.config {
            Some(config) if config.kernel == Kernel::Portable => Kernel::Portable,
            _ => Kernel::Auto,
        }
    }

    /// Expresses a dataset with these class names in the model's classes; see [`match_classes`].
    ///
    /// # Errors
    /// [`Error::OtherClasses`], and those of [`Model::check_fits`].
    pub fn matched<'d>(&self, data: &'d Dataset, names: &[String]) -> Result<Matched<'d>, Error> {
        self.check_shape(data)?;
        let matched = match_classes(data, names, &self.metadata.class_names)?;
        self.check_fits(&matched.data)?;
        Ok(matched)
    }

    /// Evaluates the model on a dataset whose labels are its classes; see [`Model::matched`].
    ///
    /// # Errors
    /// [`Error::OtherShape`], and those of [`evaluate`](crate::evaluate).
    pub fn evaluate(&self, data: &Dataset, kernel: Kernel) -> Result<Evaluation, Error> {
        self.check_fits(data)?;
        self.network.evaluate(data, kernel)
    }

    /// Checks that a dataset is not empty and has the model's image shape and not too many classes.
    ///
    /// # Errors
    /// [`Error::OtherShape`], [`Error::DoesNotFit`], [`Error::Empty`].
    pub fn check_fits(&self, data: &Dataset) -> Result<(), Error> {
        self.check_shape(data)?;
        check_fits(&self.network.architecture(), data)
    }

    fn check_shape(&self, data: &Dataset) -> Result<(), Error> {
        let (expected, found) = (self.metadata.image_shape, data.shape());
        if found == expected { Ok(()) } else { Err(Error::OtherShape { found, expected }) }
    }

    /// Checks that network and metadata fit together and can be written to a model file.
    pub(crate) fn check(&self) -> Result<(), String> {
        let architecture = self.network.architecture();
        let (shape, names) = (self.metadata.image_shape, self.metadata.class_names.len());
        if shape.height.checked_mul(shape.width) != Some(architecture.inputs) {
            return Err(format!(
                "images of {shape} for a network of {}",
                counted(architecture.inputs, "input")
            ));
        }
        if names != architecture.outputs {
            let (names, outputs) = (counted(names, "class name"), counted(architecture.outputs, "output"));
            return Err(format!("{names} for a network of {outputs}"));
        }
        let layers = architecture.hidden.len();
        if layers > MAX_HIDDEN_LAYERS {
            return Err(format!("{layers} hidden layers; expected at most {MAX_HIDDEN_LAYERS}"));
        }
        let names: usize = self.metadata.class_names.iter().map(String::len).sum();
        let text = names + self.metadata.dataset.len() + self.metadata.program.len();
        if text > MAX_TEXT {
            return Err(format!("{text} bytes of names; expected at most {MAX_TEXT}"));
        }
        each!(&self.network, mlp => check_finite(mlp))
    }
}

fn check_finite<A: Number>(network: &Mlp<A>) -> Result<(), String> {
    for (layer, number) in network.layers().iter().zip(1..) {
        let is_finite = |value: &A| value.is_finite();
        let weights = layer.weights().iter().all(is_finite);
        if !weights || !layer.biases().iter().all(is_finite) {
            let what = if weights { "biases" } else { "weights" };
            return Err(format!(
                "the {what} of layer {number} are not all finite; expected a model whose training did not diverge"
            ));
        }
    }
    Ok(())
}
