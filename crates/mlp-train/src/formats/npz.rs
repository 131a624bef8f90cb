//! NumPy's .npz, a zip archive of arrays: the parameters under the chapter's names, and the
//! metadata.

use std::fmt::Display;
use std::io::{Cursor, Write};

use mlp_core::{Activation, Layer, Mlp, Precision, parameter_names};
use mlp_data::ImageShape;
use mlp_data::npy::{Array, Npz, Values};
use ndarray::{Array1, Array2};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::config::train_config::MAX_HIDDEN_LAYERS;
use crate::formats::FormatError;
use crate::formats::content::Content;
use crate::formats::error::check_memory;
use crate::formats::known::{
    ACTIVATION, CLASS_NAMES, DATASET, Known, POLARITY, PREPROCESSING, PROGRAM, parse,
};
use crate::{Model, Network, Number};

const IMAGE_SHAPE: &str = "image_shape";

/// Maximum size of all arrays read relative to the file: weights do not compress a hundredfold.
const MAX_EXPANSION: usize = 100;

/// Arrays up to this total size are always read, so that a network of zeros can be.
const ALWAYS_READ: usize = 1 << 26;

/// Maximum number of names in an error or a note.
const MAX_NAMES: usize = 20;

/// Writes a .npz file with `w_h` (inputs, units), `b_h` (1, units), `w_o`, `b_o` (`w_h1`, `b_h1`,
/// `w_h2`, … for several hidden layers) in the network's precision; and `activation`,
/// `class_names`, `image_shape`, `preprocessing`, `polarity`, `dataset`, `program`.
pub fn to_npz(model: &Model) -> Vec<u8> {
    let metadata = &model.metadata;
    let mut arrays = match &model.network {
        Network::F32(network) => parameters(network, Values::F32),
        Network::F64(network) => parameters(network, Values::F64),
    };
    let (names, shape) = (metadata.class_names.clone(), metadata.image_shape);
    let shape = vec![shape.height as i64, shape.width as i64];
    arrays.extend([
        (ACTIVATION.to_owned(), Array::text(model.network.architecture().activation.name())),
        (CLASS_NAMES.to_owned(), Array { shape: vec![names.len()], values: Values::Texts(names) }),
        (IMAGE_SHAPE.to_owned(), Array { shape: vec![2], values: Values::I64(shape) }),
        (PREPROCESSING.to_owned(), Array::text(metadata.preprocessing.name())),
        (POLARITY.to_owned(), Array::text(metadata.polarity.name())),
        (DATASET.to_owned(), Array::text(&metadata.dataset)),
        (PROGRAM.to_owned(), Array::text(&metadata.program)),
    ]);
    // Stored as by `numpy.savez`, without a time, so that the same model gives the same bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let options = options.last_modified_time(DateTime::default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        let written = archive.start_file(format!("{name}.npy"), options);
        written.expect("names are distinct");
        archive.write_all(&array.to_bytes()).expect("at most 2 GiB into memory");
    }
    archive.finish().expect("into memory").into_inner()
}

fn parameters<A: Number>(network: &Mlp<A>, values: impl Fn(Vec<A>) -> Values) -> Vec<(String, Array)> {
    let layers = network.layers();
    let mut arrays = Vec::new();
    for (layer, [weights, biases]) in layers.iter().zip(parameter_names(layers.len())) {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let rows = layer.weights().iter().copied().collect();
        arrays.push((weights, Array { shape: vec![inputs, outputs], values: values(rows) }));
        arrays.push((biases, Array { shape: vec![1, outputs], values: values(layer.biases().to_vec()) }));
    }
    arrays
}

pub(super) fn read(bytes: &[u8]) -> Result<Content, FormatError> {
    let mut arrays = Arrays::open(bytes)?;
    let count = arrays.layers();
    let mut layers = Vec::new();
    let mut precision = Precision::F32;
    for [weights_name, biases_name] in parameter_names(count) {
        let (shape, weights, double) = arrays.numbers(&weights_name)?;
        let wrong = |name: &str, shape: &[usize], expected: &str| {
            array_error(name, &format!("shape {shape:?}; expected {expected}"))
        };
        let &[inputs, outputs] = &shape[..] else {
            return Err(wrong(&weights_name, &shape, "(inputs, units), two dimensions"));
        };
        let (shape, biases, also_double) = arrays.numbers(&biases_name)?;
        if biases.len() != outputs || !matches!(shape[..], [_] | [1, _]) {
            let expected =
                format!("(1, {outputs}) or ({outputs},), as `{weights_name}` has {outputs} columns");
            return Err(wrong(&biases_name, &shape, &expected));
        }
        if double || also_double {
            precision = Precision::F64;
        }
        let weights = Array2::from_shape_vec((inputs, outputs), weights);
        let weights = weights.map_err(|error| array_error(&weights_name, &error))?;
        layers.push(Layer::checked(layers.len() + 1, weights, Array1::from_vec(biases))?);
    }
    let known = arrays.known()?;
    let unused: Vec<_> = arrays.names.into_iter().filter(|name| !arrays.read.contains(name)).collect();
    let note = || format!("ignored arrays: {}", listed(&unused));
    Ok(Content {
        precision,
        layers,
        is_scale_known: known.program.is_some(),
        known,
        default_activation: Some(Activation::Logistic),
        notes: if unused.is_empty() { Vec::new() } else { vec![note()] },
    })
}

/// The first names of many.
fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(MAX_NAMES)].join(", ").escape_debug().to_string();
    match names.len().saturating_sub(MAX_NAMES) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn array_error(name: &str, reason: &impl Display) -> FormatError {
    FormatError::Array { name: name.to_owned(), reason: reason.to_string() }
}

/// The arrays of an archive, read on demand.
struct Arrays<'a> {
    archive: Npz<Cursor<&'a [u8]>>,
    names: Vec<String>,
    read: Vec<String>,
}

impl<'a> Arrays<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let limit = bytes.len().saturating_mul(MAX_EXPANSION).max(ALWAYS_READ);
        let archive = Npz::open(Cursor::new(bytes), limit);
        let archive = archive.map_err(|error| FormatError::Npz { reason: error.to_string() })?;
        Ok(Self { names: archive.names(), archive, read: Vec::new() })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }

    /// The number of layers according to the names.
    fn layers(&self) -> usize {
        if self.has("w_h") {
            return 2;
        }
        let hidden = (1..=MAX_HIDDEN_LAYERS).take_while(|l| self.has(&format!("w_h{l}"))).count();
        // If this is too many, the error names a missing array.
        hidden + 1
    }

    fn array(&mut self, name: &str) -> Result<Array, FormatError> {
        if !self.has(name) {
            return Err(FormatError::NoArray { name: name.to_owned(), found: listed(&self.names) });
        }
        let array = self.archive.read(name).map_err(|error| array_error(name, &error))?;
        check_memory(array.shape.iter().product::<usize>().saturating_mul(size_of::<f64>()))?;
        self.read.push(name.to_owned());
        Ok(array)
    }

    /// Returns the shape, the numbers, and whether they are in double precision.
    fn numbers(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f64>, bool), FormatError> {
        let array = self.array(name)?;
        match array.values {
            Values::F32(values) => Ok((array.shape, values.into_iter().map(f64::from).collect(), false)),
            Values::F64(values) => Ok((array.shape, values, true)),
            _ => Err(array_error(name, &"strings or integers; expected float32 or float64")),
        }
    }

    /// Returns the strings of an array, if there is one of this name.
    fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, FormatError> {
        if !self.has(name) {
            return Ok(None);
        }
        match self.array(name)?.values {
            Values::Texts(texts) => Ok(Some(texts)),
            _ => Err(array_error(name, &"numbers; expected strings")),
        }
    }

    fn known(&mut self) -> Result<Known, FormatError> {
        let mut text =
            |name| Ok::<_, FormatError>(self.texts(name)?.and_then(|texts| texts.into_iter().next()));
        let activation = text(ACTIVATION)?.map(|name| parse(ACTIVATION, &name)).transpose()?;
        let preprocessing = text(PREPROCESSING)?.map(|name| parse(PREPROCESSING, &name)).transpose()?;
        let polarity = text(POLARITY)?.map(|name| parse(POLARITY, &name)).transpose()?;
        let (dataset, program) = (text(DATASET)?, text(PROGRAM)?);
        let class_names = self.texts(CLASS_NAMES)?;
        let image_shape = if self.has(IMAGE_SHAPE) { Some(self.image_shape()?) } else { None };
        Ok(Known {
            activation,
            class_names,
            image_shape,
            preprocessing,
            polarity,
            dataset,
            program,
            ..Known::default()
        })
    }

    fn image_shape(&mut self) -> Result<ImageShape, FormatError> {
        let array = self.array(IMAGE_SHAPE)?;
        let sizes: Option<Vec<usize>> = match &array.values {
            Values::I64(sizes) => sizes.iter().map(|&size| usize::try_from(size).ok()).collect(),
            _ => None,
        };
        match sizes.as_deref() {
            Some(&[height, width]) => Ok(ImageShape { height, width }),
            _ => Err(array_error(IMAGE_SHAPE, &"expected height and width as int64")),
        }
    }
}
