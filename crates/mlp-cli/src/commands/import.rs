//! `mlp import`: read a model from another framework. Missing metadata comes from flags or is
//! assumed, with a note.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_core::{Activation, Architecture};
use mlp_data::{Datasets, ImageShape, Polarity, Preprocessing, catalog};
use mlp_train::formats::{self, Format, Known};

use crate::dataset_name::stored_name;
use crate::output::messages::note;
use crate::output::version::PROGRAM;
use crate::parse;

/// Maximum file size: the largest network in double precision, and 64 MiB for the rest.
const MAX_BYTES: u64 = (Architecture::MAX_PARAMETERS as u64) * 8 + (1 << 26);

/// Import a model from PyTorch, NumPy or ONNX.
///
/// Reads .safetensors, .npz, and .onnx files as exported from PyTorch, scikit-learn, Keras and
/// others.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp import chapter.npz --dataset mnist
  mlp import torch.safetensors --activation relu --dataset mnist --mean 0.1307 --std 0.3081
  mlp import mine.onnx --class-names cat,dog --image-shape 32x32 --preprocessing whole
  mlp eval torch.mlp

The arrays in an .npz file are named w_h, b_h, w_o, b_o, or with several hidden layers
w_h1, b_h1, w_h2, b_h2, …, w_o, b_o.")]
pub(crate) struct Args {
    /// Input file: .safetensors, .npz or .onnx
    file: PathBuf,
    /// Output file [default: FILE with the extension .mlp]
    #[arg(long, value_name = "MODEL")]
    to: Option<PathBuf>,
    /// Activation of the hidden layers, if the file does not name it
    #[arg(long, value_name = "NAME", value_parser = parse::activation())]
    activation: Option<Activation>,
    /// Class names, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    class_names: Option<Vec<String>>,
    /// Height and width of the images, as in 28x28
    #[arg(long, value_name = "HxW", value_parser = parse::image_shape)]
    image_shape: Option<ImageShape>,
    /// Preprocessing of pictures to classify
    #[arg(long, value_name = "NAME", value_parser = parse::preprocessing())]
    preprocessing: Option<Preprocessing>,
    /// Polarity of the pictures it was trained on [default: auto, detected for each picture]
    #[arg(long, value_name = "NAME", value_parser = parse::polarity())]
    polarity: Option<Polarity>,
    /// Mean that inputs from 0 to 1 were normalized with, unless the ONNX graph normalizes them
    #[arg(long, value_name = "NUMBER", requires = "std", allow_negative_numbers = true)]
    mean: Option<f64>,
    /// Standard deviation that inputs were normalized with
    #[arg(long, value_name = "NUMBER", requires = "mean")]
    std: Option<f64>,
    /// Dataset the model was trained on, a name or a directory; it determines classes, image size,
    /// preprocessing and polarity
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let from = args.file.display();
    let to = match &args.to {
        Some(to) => to.clone(),
        None => beside(&args.file)?,
    };
    if args.file.is_dir() {
        bail!(
            "{from}: a directory; expected a .safetensors, .npz or .onnx file (of a TensorFlow SavedModel: `python -m tf2onnx.convert --saved-model DIR --output model.onnx`)"
        );
    }
    let bytes = read(&args.file).with_context(|| format!("{from}: cannot read the file"))?;
    let format = Format::of_model(&args.file, &bytes).with_context(|| from.to_string())?;
    let name = args.file.file_name().unwrap_or(args.file.as_os_str()).display();
    let given = Known {
        activation: args.activation,
        class_names: args
            .class_names
            .as_ref()
            .map(|names| names.iter().map(|name| name.trim().to_owned()).collect()),
        image_shape: args.image_shape,
        preprocessing: args.preprocessing,
        polarity: args.polarity,
        dataset: args.dataset.as_deref().map(|name| stored_name(name, &to)),
        implied: args.dataset.as_deref().map(implied).transpose()?.flatten().map(Box::new),
        normalization: args.mean.zip(args.std),
        program: Some(format!("{PROGRAM}, imported from {name}")),
    };
    let directory = args.file.parent().unwrap_or(Path::new(""));
    let neighbor = |name: &str| read(&directory.join(name));
    let imported =
        formats::import_with_files(format, &bytes, &neighbor, &given).with_context(|| from.to_string())?;
    imported.model.save(&to)?;
    imported.notes.iter().for_each(|line| note(line));
    let architecture = imported.model.network.architecture();
    note(&format!("{}: {architecture}, {}", to.display(), imported.model.network.precision()));
    Ok(ExitCode::SUCCESS)
}

/// What a dataset in a directory says about models that are trained on it; `None` for a dataset of
/// the catalog.
fn implied(name: &str) -> anyhow::Result<Option<Known>> {
    if catalog::find(name).is_ok() {
        return Ok(None);
    }
    let sets = Datasets::load(name, Path::new(""))?;
    Ok(Some(Known {
        image_shape: Some(sets.train.shape()),
        class_names: Some(sets.class_names),
        preprocessing: Some(sets.preprocessing),
        polarity: Some(sets.polarity),
        ..Known::default()
    }))
}

/// The default output file. Never an existing one, which FILE may have been exported from.
fn beside(file: &Path) -> anyhow::Result<PathBuf> {
    let to = file.with_extension("mlp");
    if to.exists() {
        bail!("{}: already exists; choose a file with --to, or pass this one to replace it", to.display());
    }
    Ok(to)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("the file is too large; expected at most {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}
