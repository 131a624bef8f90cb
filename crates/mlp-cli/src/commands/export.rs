//! `mlp export`: write a model in another framework's format, or its predictions as CSV.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_data::fs::write_atomically;
use mlp_train::formats::{self, Format, Pixels};

use crate::data::{DataDir, Split, load_for, matched};
use crate::output::messages::note;
use crate::output::table::counted;
use crate::runs::load_model;

/// Export a model to PyTorch, NumPy or ONNX.
///
/// The format depends on the extension of the output file: .safetensors for PyTorch, .npz for
/// NumPy, .onnx for ONNX, or .csv for the predictions of the model.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp export runs/mnist --to mnist.onnx --raw-pixels
  mlp export runs/mnist --to mnist.safetensors
  mlp export runs/mnist --to mnist.npz
  mlp export runs/mnist --to predictions.csv --split test

In Python:
  # pixels: uint8 (batch, 784)
  onnxruntime.InferenceSession('mnist.onnx').run(None, {'images': pixels})[0]
  # model: nn.Sequential(Linear, ReLU, Linear)
  model.load_state_dict(safetensors.torch.load_file('mnist.safetensors'))
  w_h, b_h, w_o, b_o = map(numpy.load('mnist.npz').get, ('w_h', 'b_h', 'w_o', 'b_o'))")]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// Output file: .safetensors, .npz, .onnx or .csv
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// ONNX only: take uint8 inputs from 0 to 255 instead of floats from 0 to 1
    #[arg(long)]
    raw_pixels: bool,
    /// CSV only: dataset, a name or a directory [default: the one the model was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
    /// CSV only: part of the dataset [default: test]
    #[arg(long, value_enum)]
    split: Option<Split>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let to = args.to.display();
    let format = Format::of(&args.to).with_context(|| to.to_string())?;
    if args.raw_pixels && format != Format::Onnx {
        bail!("{to}: --raw-pixels is only for ONNX; use a name ending in .onnx, or omit the flag");
    }
    if (args.dataset.is_some() || args.split.is_some()) && format != Format::Csv {
        bail!("{to}: --dataset and --split are only for CSV; use a name ending in .csv, or omit them");
    }
    let (path, model) = load_model(&args.model)?;
    let architecture = model.network.architecture();
    let precision = model.network.precision();
    let (bytes, what) = match format {
        Format::Safetensors => {
            (formats::to_safetensors(&model), format!("state dict for PyTorch's nn.Sequential, {precision}"))
        }
        Format::Npz => (formats::to_npz(&model), format!("arrays with the chapter's names, {precision}")),
        Format::Onnx => {
            let pixels = if args.raw_pixels { Pixels::Raw } else { Pixels::Scaled };
            let input = if args.raw_pixels { "uint8 0 to 255" } else { "float 0 to 1" };
            let bytes = formats::to_onnx(&model, pixels).with_context(|| to.to_string())?;
            let (inputs, classes) = (architecture.inputs, architecture.outputs);
            let opset = formats::OPSET;
            (
                bytes,
                format!(
                    "images (batch, {inputs}), {input} -> probabilities (batch, {classes}), {precision}; opset {opset}"
                ),
            )
        }
        Format::Csv => {
            let split = args.split.unwrap_or_default();
            let sets = load_for(&model, &path, args.dataset.as_deref(), &args.data_dir.data_dir, split)?;
            let on = || format!("{} on {}", path.display(), sets.name);
            let matched = matched(&model, &sets, split).with_context(on)?;
            let text = formats::predictions(&model, &matched).with_context(on)?;
            let count = matched.data.len();
            (text.into_bytes(), format!("{}, {} ({})", counted(count, "prediction"), sets.name, split.name()))
        }
    };
    write_atomically(&args.to, |out| out.write_all(&bytes))
        .with_context(|| format!("{to}: cannot write the file"))?;
    note(&format!("{to}: {what}"));
    if format == Format::Onnx && formats::erf_in_single(&model.network) {
        note("onnxruntime has no f64 Erf, so gelu computes it in f32; everything else is f64");
    }
    Ok(ExitCode::SUCCESS)
}
