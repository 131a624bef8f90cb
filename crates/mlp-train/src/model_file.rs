//! Model files: a frame of our own around serde and bincode. This is the only file that touches bincode.
//!
//! ```text
//! offset  bytes
//!      0      8  magic: 0x89 'M' 'L' 'P' CR LF 0x1A LF (as in PNG: a transfer that mends line ends is caught)
//!      8      4  format version, little-endian
//!     12      8  length of the content, little-endian
//!     20     32  SHA-256 of the content
//!     52      …  content: bincode, fixed-width little-endian integers
//! ```
//!
//! Whatever the file holds, reading it takes memory in proportion to its length: lengths inside are checked against the bytes
//! that are there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use mlp_core::{Layer, Mlp};
use mlp_data::ImageShape;
use mlp_data::atomic::write_atomically;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::TrainConfig;
use crate::error::Error;
use crate::model::{Metadata, Model, Network};
use crate::number::Number;

const MAGIC: [u8; 8] = *b"\x89MLP\r\n\x1a\n";
const VERSION: u32 = 1;
const HEADER: usize = 52;

/// The largest content: the largest network in double precision, and 16 MiB for the rest.
const LIMIT: usize = 8 * mlp_core::Architecture::MOST_PARAMETERS + (1 << 24);

const BINCODE: Configuration<LittleEndian, Fixint, Limit<LIMIT>> =
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<LIMIT>();

/// The content, as serde sees it.
#[derive(Serialize, Deserialize)]
struct Content {
    program: String,
    dataset: String,
    class_names: Vec<String>,
    height: u64,
    width: u64,
    config: String, // JSON, which can be read without this program
    activation: String,
    parameters: Parameters,
}

#[derive(Serialize, Deserialize)]
enum Parameters {
    F32(Vec<LayerContent<f32>>),
    F64(Vec<LayerContent<f64>>),
}

#[derive(Serialize, Deserialize)]
struct LayerContent<A> {
    inputs: u64,
    outputs: u64,
    weights: Vec<A>, // (inputs, outputs), row by row
    biases: Vec<A>,
}

impl Model {
    /// Writes the model, atomically: beside its final name first, synced, then renamed.
    ///
    /// # Errors
    /// [`Error::ModelInvalid`] if [`Model::load`] would refuse it; [`Error::Io`]. What was at `path` before is then still there.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.check().map_err(|reason| Error::ModelInvalid { path: path.to_owned(), reason })?;
        let bytes = self.to_bytes();
        write_atomically(path, |file| file.write_all(&bytes)).map_err(|reason| Error::Io {
            path: path.to_owned(),
            action: "cannot write the model",
            reason,
        })
    }

    /// Reads a model.
    ///
    /// # Errors
    /// One of the `Model…` variants of [`Error`], [`Error::NotAModel`] or [`Error::Io`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let io = |reason| Error::Io { path: path.to_owned(), action: "cannot read the model", reason };
        let mut file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(io(io::Error::other("a directory; expected a model file")));
        }
        let mut header = [0; HEADER];
        let got = read_up_to(&mut file, &mut header).map_err(io)?;
        if got < MAGIC.len() || header[..MAGIC.len()] != MAGIC {
            let found = match &header[..got.min(MAGIC.len())] {
                [] => "nothing: it is empty".to_owned(),
                bytes => format!("\"{}\"", bytes.escape_ascii()),
            };
            return Err(Error::NotAModel { path: path.to_owned(), found });
        }
        let length_error = |found, expected| Error::ModelLength { path: path.to_owned(), found, expected };
        if got < HEADER {
            return Err(length_error(got as u64, HEADER as u64));
        }
        let version = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
        if version != VERSION {
            return Err(Error::ModelVersion { path: path.to_owned(), found: version, expected: VERSION });
        }
        let length = u64::from_le_bytes(header[12..20].try_into().expect("eight bytes"));
        let expected = length.saturating_add(HEADER as u64);
        if metadata.len() != expected {
            return Err(length_error(metadata.len(), expected));
        }
        if length > LIMIT as u64 {
            let reason = format!("{length} bytes; expected at most {LIMIT}");
            return Err(Error::ModelInvalid { path: path.to_owned(), reason });
        }
        let mut content = Vec::with_capacity(length as usize);
        file.take(length).read_to_end(&mut content).map_err(io)?;
        if content.len() as u64 != length {
            return Err(length_error(content.len() as u64 + HEADER as u64, expected));
        }
        let digest = Sha256::digest(&content);
        if digest[..] != header[20..HEADER] {
            let (found, expected) = (hexadecimal(&digest), hexadecimal(&header[20..HEADER]));
            return Err(Error::ModelChecksum { path: path.to_owned(), found, expected });
        }
        decode(&content).map_err(|reason| Error::ModelInvalid { path: path.to_owned(), reason })
    }

    /// SHA-256 of the model file's content, in hexadecimal: the same for the same network, metadata and program.
    pub fn sha256(&self) -> String {
        hexadecimal(&self.to_bytes()[20..HEADER])
    }

    fn to_bytes(&self) -> Vec<u8> {
        let metadata = &self.metadata;
        let content = Content {
            program: metadata.program.clone(),
            dataset: metadata.dataset.clone(),
            class_names: metadata.class_names.clone(),
            height: metadata.image_shape.height as u64,
            width: metadata.image_shape.width as u64,
            config: serde_json::to_string(&metadata.config).expect("plain data"),
            activation: self.network.architecture().activation.name().to_owned(),
            parameters: match &self.network {
                Network::F32(network) => Parameters::F32(layer_contents(network)),
                Network::F64(network) => Parameters::F64(layer_contents(network)),
            },
        };
        let mut bytes = vec![0; HEADER];
        bincode::serde::encode_into_std_write(&content, &mut bytes, BINCODE).expect("plain data into memory");
        let (header, content) = bytes.split_at_mut(HEADER);
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..20].copy_from_slice(&(content.len() as u64).to_le_bytes());
        header[20..].copy_from_slice(&Sha256::digest(content));
        bytes
    }
}

fn layer_contents<A: Number>(network: &Mlp<A>) -> Vec<LayerContent<A>> {
    let content = |layer: &Layer<A>| LayerContent {
        inputs: layer.inputs() as u64,
        outputs: layer.outputs() as u64,
        weights: layer.weights().iter().copied().collect(),
        biases: layer.biases().to_vec(),
    };
    network.layers().iter().map(content).collect()
}

/// The model in a content whose checksum was right; it may still have been written by a hostile hand.
fn decode(content: &[u8]) -> Result<Model, String> {
    let content: Content = match bincode::serde::decode_from_slice(content, BINCODE) {
        Ok((decoded, used)) if used == content.len() => decoded,
        Ok((_, used)) => return Err(format!("{} bytes after its end", content.len() - used)),
        Err(error) => return Err(error.to_string()),
    };
    let config: TrainConfig =
        serde_json::from_str(&content.config).map_err(|error| format!("its configuration: {error}"))?;
    let activation = content.activation.parse().map_err(|error: mlp_core::UnknownName| error.to_string())?;
    let network = match content.parameters {
        Parameters::F32(layers) => Network::F32(network(layers, activation)?),
        Parameters::F64(layers) => Network::F64(network(layers, activation)?),
    };
    let size = |value: u64| usize::try_from(value).map_err(|_| format!("an image side of {value}"));
    let image_shape = ImageShape { height: size(content.height)?, width: size(content.width)? };
    let metadata = Metadata {
        dataset: content.dataset,
        class_names: content.class_names,
        image_shape,
        config,
        program: content.program,
    };
    let model = Model { network, metadata };
    model.check()?;
    Ok(model)
}

fn network<A: Number>(
    layers: Vec<LayerContent<A>>,
    activation: mlp_core::Activation,
) -> Result<Mlp<A>, String> {
    let layer = |(index, layer): (usize, LayerContent<A>)| {
        let (found, inputs, outputs) = (layer.weights.len(), layer.inputs, layer.outputs);
        let wrong = || format!("layer {} of {inputs} by {outputs} has {found} weights", index + 1);
        let shape =
            (usize::try_from(inputs).map_err(|_| wrong())?, usize::try_from(outputs).map_err(|_| wrong())?);
        let weights = Array2::from_shape_vec(shape, layer.weights).map_err(|_| wrong())?;
        Ok::<_, String>(Layer::new(weights, Array1::from_vec(layer.biases)))
    };
    let layers = layers.into_iter().enumerate().map(layer).collect::<Result<Vec<_>, _>>()?;
    Mlp::from_layers(layers, activation).map_err(|error| error.to_string())
}

/// Reads until `buffer` is full or the file ends.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
