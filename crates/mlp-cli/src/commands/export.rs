//! `mlp export`: a model in the format of another tool, or its predictions as CSV.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_data::fs::write_atomically;
use mlp_train::formats::{self, Format, Pixels};

use crate::data::{DataDir, Split, load_named};
use crate::output::messages::note;
use crate::runs::load_model;

/// Export a model to PyTorch (.safetensors), NumPy (.npz) or ONNX (.onnx), or its predictions
/// (.csv).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp export runs/mnist/model.mlp --to mnist.onnx --raw-pixels
  mlp export runs/mnist/model.mlp --to mnist.safetensors
  mlp export runs/mnist/model.mlp --to mnist.npz
  mlp export runs/mnist/model.mlp --to predictions.csv --split test

In Python:
  onnxruntime.InferenceSession('mnist.onnx').run(None, {'images': pixels})[0]  # uint8 (batch, 784)
  torch_model.load_state_dict(safetensors.torch.load_file('mnist.safetensors'))  # nn.Sequential(Linear, ReLU, Linear)
  w_h, b_h, w_o, b_o = map(numpy.load('mnist.npz').get, ('w_h', 'b_h', 'w_o', 'b_o'))")]
pub(crate) struct Args {
    /// Model file, or the run directory of one
    model: PathBuf,
    /// File to write: .safetensors, .npz, .onnx or .csv
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// ONNX only: the input is uint8 from 0 to 255, which the graph divides by 255, instead of
    /// floats from 0 to 1
    #[arg(long)]
    raw_pixels: bool,
    /// Predictions only: dataset, a name or a directory [default: the one that the model was
    /// trained on]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Predictions only: part of the dataset [default: test]
    #[arg(long, value_enum)]
    split: Option<Split>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let to = args.to.display();
    let format = Format::of(&args.to).with_context(|| to.to_string())?;
    if args.raw_pixels && format != Format::Onnx {
        bail!("{to}: --raw-pixels is for ONNX; expected a name ending in .onnx, or leave the flag out");
    }
    if (args.dataset.is_some() || args.split.is_some()) && format != Format::Csv {
        bail!(
            "{to}: --dataset and --split are for predictions; expected a name ending in .csv, or leave them out"
        );
    }
    let (path, model) = load_model(&args.model)?;
    let architecture = model.network.architecture();
    let precision = model.network.precision();
    let (bytes, what) = match format {
        Format::Safetensors => (
            formats::to_safetensors(&model),
            format!("a state dict for PyTorch's nn.Sequential, {precision}"),
        ),
        Format::Npz => (formats::to_npz(&model), format!("arrays under the chapter's names, {precision}")),
        Format::Onnx => {
            let pixels = if args.raw_pixels { Pixels::Raw } else { Pixels::Scaled };
            let input = if args.raw_pixels { "uint8 from 0 to 255" } else { "float from 0 to 1" };
            let bytes = formats::to_onnx(&model, pixels).with_context(|| to.to_string())?;
            let (inputs, classes) = (architecture.inputs, architecture.outputs);
            let opset = formats::OPSET;
            (
                bytes,
                format!(
                    "images (batch, {inputs}), {input}, to probabilities (batch, {classes}), {precision}; opset {opset}"
                ),
            )
        }
        Format::Csv => {
            let dataset = args.dataset.as_deref().unwrap_or(&model.metadata.dataset);
            let sets = load_named(dataset, &args.data_dir.data_dir, false)?;
            let split = args.split.unwrap_or_default();
            let data = split.of(&sets);
            let text = formats::predictions(&model, data)
                .with_context(|| format!("{} on {}", path.display(), sets.name))?;
            (text.into_bytes(), format!("{} predictions, {} ({})", data.len(), sets.name, split.name()))
        }
    };
    write_atomically(&args.to, |out| out.write_all(&bytes))
        .with_context(|| format!("{to}: cannot write it"))?;
    note(&format!("{to}: {what}"));
    if format == Format::Onnx && formats::erf_in_single(&model.network) {
        note("onnxruntime has no Erf in f64: inside gelu the graph computes it in f32, all else in f64");
    }
    Ok(ExitCode::SUCCESS)
}
