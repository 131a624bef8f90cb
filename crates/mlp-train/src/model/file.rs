//! The content of model files; `frame.rs` has the header around it.

use std::path::Path;

use mlp_data::ImageShape;
use mlp_data::fs::Disk;
use serde::{Deserialize, Serialize};

use crate::error::{check_memory, io_error};
use crate::model::frame::Frame;
use crate::model::layer_content::{LayerContent, contents, network};
use crate::{Error, Metadata, Model, Network, TrainConfig};

const FRAME: Frame = Frame { what: "model", reading: "cannot read the model", letters: *b"MLP", version: 2 };

const WRITING: &str = "cannot write the model";

/// The content as serialized.
#[derive(Serialize, Deserialize)]
struct Content {
    program: String,
    dataset: String,
    class_names: Vec<String>,
    height: u64,
    width: u64,
    preprocessing: String,
    config: String, // JSON, readable without this program; null for a model trained elsewhere
    activation: String,
    parameters: Parameters,
}

#[derive(Serialize, Deserialize)]
enum Parameters {
    F32(Vec<LayerContent<f32>>),
    F64(Vec<LayerContent<f64>>),
}

impl Model {
    /// Writes the model atomically: to a temporary file that is synced, then renamed to `path`.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if [`Model::load`] would refuse it, [`Error::Io`]. An existing file
    /// is then unchanged.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.save_on(&Disk::default(), path)
    }

    pub(crate) fn save_on(&self, disk: &Disk, path: &Path) -> Result<(), Error> {
        self.check().map_err(|reason| FRAME.invalid(path, reason))?;
        // A copy of the parameters, and the bytes of the file, whose buffer grows.
        let parameters = self.network.architecture().parameters() as u64 * 8;
        check_memory(path, WRITING, parameters * 4)?;
        let bytes = self.to_bytes();
        let written = disk.write_atomically(path, |file| file.write_all(&bytes));
        written.map_err(io_error(path, WRITING))
    }

    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::NoModel`], [`Error::OtherFile`], one of the `File…` variants of [`Error`], or
    /// [`Error::Io`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Err(Error::NoModel { path: path.to_owned(), found: "a directory" });
        }
        if matches!(path.try_exists(), Ok(false)) {
            return Err(Error::NoModel { path: path.to_owned(), found: "no such file" });
        }
        model(FRAME.read(path)?).map_err(|reason| FRAME.invalid(path, reason))
    }

    /// Returns the SHA-256 of the model file's content in hexadecimal: the same for the same
    /// network, metadata and program.
    pub fn sha256(&self) -> String {
        Frame::sha256(&self.to_bytes())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let metadata = &self.metadata;
        let content = Content {
            program: metadata.program.clone(),
            dataset: metadata.dataset.clone(),
            class_names: metadata.class_names.clone(),
            height: metadata.image_shape.height as u64,
            width: metadata.image_shape.width as u64,
            preprocessing: metadata.preprocessing_text(),
            config: serde_json::to_string(&metadata.config).expect("plain data"),
            activation: self.network.architecture().activation.name().to_owned(),
            parameters: match &self.network {
                Network::F32(network) => Parameters::F32(contents(network.layers())),
                Network::F64(network) => Parameters::F64(contents(network.layers())),
            },
        };
        FRAME.wrap(&content)
    }
}

/// Converts untrusted content into a model.
fn model(content: Content) -> Result<Model, String> {
    let config: Option<TrainConfig> =
        serde_json::from_str(&content.config).map_err(|error| format!("configuration: {error}"))?;
    let activation = content.activation.parse().map_err(|error: mlp_core::UnknownName| error.to_string())?;
    let network = match content.parameters {
        Parameters::F32(layers) => Network::F32(network(layers, activation)?),
        Parameters::F64(layers) => Network::F64(network(layers, activation)?),
    };
    let size = |value: u64| usize::try_from(value).map_err(|_| format!("an image side of {value}"));
    let image_shape = ImageShape { height: size(content.height)?, width: size(content.width)? };
    let (preprocessing, polarity) =
        Metadata::parse_preprocessing(&content.preprocessing).map_err(|error| error.to_string())?;
    let metadata = Metadata {
        dataset: content.dataset,
        class_names: content.class_names,
        image_shape,
        preprocessing,
        polarity,
        config,
        program: content.program,
    };
    let model = Model { network, metadata };
    model.check()?;
    Ok(model)
}
