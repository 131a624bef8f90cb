//! `mlp import`: a model from a file of another tool. What the file lacks comes from flags or is
//! assumed, with a note.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_core::{Activation, Architecture};
use mlp_data::{ImageShape, Preprocessing};
use mlp_train::formats::{self, Format, Known};

use crate::data::full_name;
use crate::output::messages::note;
use crate::output::version::PROGRAM;
use crate::parse;

/// The maximum size of the file: the largest network in double precision, and 64 MiB for the rest.
const MAX_BYTES: u64 = (Architecture::MAX_PARAMETERS as u64) * 8 + (1 << 26);

/// Import a model from PyTorch (.safetensors), NumPy (.npz) or a sequential ONNX graph (.onnx).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp import chapter.npz --dataset mnist
  mlp import torch.safetensors --activation relu --dataset mnist --to torch.mlp
  mlp import mine.onnx --class-names cat,dog --image-shape 32x32 --preprocessing whole
  mlp eval torch.mlp

The names in a .npz file are w_h, b_h, w_o, b_o; with several hidden layers w_h1, b_h1, w_h2, b_h2, … and w_o, b_o.")]
pub(crate) struct Args {
    /// File to read: .safetensors, .npz or .onnx
    file: PathBuf,
    /// Model file to write [default: beside the file, with the extension .mlp]
    #[arg(long, value_name = "MODEL")]
    to: Option<PathBuf>,
    /// Activation of the hidden layers, if the file does not have it
    #[arg(long, value_name = "NAME", value_parser = parse::activation())]
    activation: Option<Activation>,
    /// Names of the classes, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    class_names: Option<Vec<String>>,
    /// Height and width of the images, as in 28x28
    #[arg(long, value_name = "HxW", value_parser = parse::image_shape)]
    image_shape: Option<ImageShape>,
    /// Preprocessing of pictures
    #[arg(long, value_name = "NAME", value_parser = parse::preprocessing())]
    preprocessing: Option<Preprocessing>,
    /// Dataset that the model was trained on, a name or a directory; a known one implies the three
    /// flags before
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let from = args.file.display();
    let format = Format::of(&args.file).with_context(|| from.to_string())?;
    let to = match &args.to {
        Some(to) => to.clone(),
        None => beside(&args.file)?,
    };
    let bytes = read(&args.file).with_context(|| format!("{from}: cannot read it"))?;
    let name = args.file.file_name().unwrap_or(args.file.as_os_str()).display();
    let given = Known {
        activation: args.activation,
        class_names: args.class_names.clone(),
        image_shape: args.image_shape,
        preprocessing: args.preprocessing,
        polarity: None,
        dataset: args.dataset.as_deref().map(full_name),
        program: Some(format!("{PROGRAM}, imported from {name}")),
    };
    let imported = formats::import(format, &bytes, &given).with_context(|| from.to_string())?;
    imported.model.save(&to)?;
    imported.notes.iter().for_each(|line| note(line));
    let architecture = imported.model.network.architecture();
    note(&format!("{}: {architecture}, {}", to.display(), imported.model.network.precision()));
    Ok(ExitCode::SUCCESS)
}

/// The default model file. An existing one is not replaced: the file may be an export of it.
fn beside(file: &Path) -> anyhow::Result<PathBuf> {
    let to = file.with_extension("mlp");
    if to.exists() {
        bail!("{}: exists already; name another file with --to, or this one to replace it", to.display());
    }
    Ok(to)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("more than {MAX_BYTES} bytes, which no network needs");
    }
    Ok(bytes)
}
