//! `mlp import`: a model out of the file of another tool. What the file does not say is taken from the flags or assumed, and what was assumed is
//! said.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_core::{Activation, Architecture};
use mlp_data::{ImageShape, Preprocessing};
use mlp_train::exchange::{self, Format, Known};

use crate::data::full_name;
use crate::output::messages::note;
use crate::output::version::PROGRAM;
use crate::parse;

/// The largest file that is read: the largest network in double precision, and 64 MiB for the rest.
const MAX_BYTES: u64 = (Architecture::MAX_PARAMETERS as u64) * 8 + (1 << 26);

/// Bring a model from another tool: PyTorch's state dict (.safetensors), NumPy's arrays (.npz), a sequential ONNX graph (.onnx).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp import chapter.npz --dataset mnist
  mlp import torch.safetensors --activation relu --dataset mnist --to torch.mlp
  mlp import mine.onnx --class-names cat,dog --image-shape 32x32 --preprocessing whole
  mlp eval torch.mlp

The names in a .npz file are w_h, b_h, w_o, b_o; with several hidden layers w_h1, b_h1, w_h2, b_h2, … and w_o, b_o.")]
pub(crate) struct Args {
    /// The file; its ending says what it is: .safetensors, .npz or .onnx
    file: PathBuf,
    /// The model file to write [default: beside the file, with the ending .mlp]
    #[arg(long, value_name = "MODEL")]
    to: Option<PathBuf>,
    /// The activation of the hidden layers, where the file does not say it
    #[arg(long, value_name = "NAME", value_parser = parse::activation())]
    activation: Option<Activation>,
    /// A name for each class, with commas between
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    class_names: Option<Vec<String>>,
    /// Height and width of an image, as in 28x28
    #[arg(long, value_name = "HxW", value_parser = parse::image_shape)]
    image_shape: Option<ImageShape>,
    /// How a picture becomes an image of the dataset
    #[arg(long, value_name = "NAME", value_parser = parse::preprocessing())]
    preprocessing: Option<Preprocessing>,
    /// The dataset that it was trained on, a name or a directory; one of `mlp data info` says the three before, too
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
        dataset: args.dataset.as_deref().map(full_name),
        program: Some(format!("{PROGRAM}, imported from {name}")),
    };
    let imported = exchange::import(format, &bytes, &given).with_context(|| from.to_string())?;
    imported.model.save(&to)?;
    imported.notes.iter().for_each(|line| note(line));
    let architecture = imported.model.network.architecture();
    note(&format!("{}: {architecture}, {}", to.display(), imported.model.network.precision()));
    Ok(ExitCode::SUCCESS)
}

/// The model file beside the file. One that is there is not replaced: it may be the one that the file was made from.
fn beside(file: &Path) -> anyhow::Result<PathBuf> {
    let to = file.with_extension("mlp");
    if to.exists() {
        bail!("{}: there is a file already; name another with --to, or this one to replace it", to.display());
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
