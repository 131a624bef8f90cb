//! `mlp explain`: the chapter on one example, in the terminal or as a page.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use mlp_core::Mlp;
use mlp_data::Dataset;
use mlp_data::atomic::write_atomically;
use mlp_train::{Metadata, Model, Network};

use super::eval::Split;
use crate::console::{canvas, note};
use crate::data_sets::{DataDir, load_named};
use crate::explanation::{Explanation, Subject, Terminal, page};

/// Explain what a model makes of one example, and what it would learn from it.
///
/// Every quantity of the forward and of the backward pass in the order in which it comes about, with its formula, shape and values; the largest
/// entries of each gradient against central differences; what one step of gradient descent would do to the loss, predicted and actual.
/// Everything is computed in f64, of the network in use: without dropout and label smoothing. Exit code 1 means that a gradient disagrees.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp explain runs/mnist/model.mlp --sample 18              a test image, quantity by quantity
  mlp explain runs/mnist/model.mlp --sample 18 --step       the same, one at a time
  mlp explain runs/mnist/model.mlp --sample 18 --html 18.html")]
pub(crate) struct Args {
    /// The model file that `mlp train` wrote
    model: PathBuf,
    /// Which example, counted from 0
    #[arg(long, value_name = "I", default_value_t = 0)]
    sample: usize,
    /// The data set, a name or a directory [default: the one that the model was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Which part of it
    #[arg(long, value_enum, default_value_t)]
    split: Split,
    /// Of the step of descent [default: the one that the model was trained with]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Stop after each quantity until Enter is pressed; `q` ends. Where there is no terminal, nothing stops
    #[arg(long)]
    step: bool,
    /// Write a page to FILE instead: one file, with images, that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "step")]
    html: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let model = Model::load(&args.model)?;
    let learning_rate = args.learning_rate.unwrap_or(model.metadata.config.learning_rate);
    ensure!(
        learning_rate.is_finite() && learning_rate > 0.0,
        "learning rate is {learning_rate}; expected a finite number above 0"
    );
    let dataset = args.dataset.as_deref().unwrap_or(&model.metadata.dataset);
    let sets = load_named(dataset, &args.data_dir.data_dir, false)?;
    let (set, split) = (args.split.of(&sets), args.split.name());
    check_fit(&model, set).with_context(|| format!("{} on {}", args.model.display(), sets.name))?;
    if args.sample >= set.len() {
        bail!("sample {} of the {split} set of {}; expected 0 to {}", args.sample, sets.name, set.len() - 1);
    }
    let label = set.labels()[args.sample];
    let network: Mlp<f64> = match &model.network {
        Network::F32(network) => network.cast(),
        Network::F64(network) => network.clone(),
    };
    let levels = mlp_data::levels::<f64>();
    let pixels = set.image(args.sample);
    let x: Vec<f64> = pixels.iter().map(|&pixel| levels[usize::from(pixel)]).collect();
    let explanation = Explanation::of(&network, &x, label, learning_rate);
    let Metadata { class_names, image_shape, .. } = model.metadata;
    let subject = Subject {
        model: args.model.display().to_string(),
        network: describe(&network),
        place: format!("{} ({split}), sample {}", sets.name, args.sample),
        pixels: pixels.to_vec(),
        shape: image_shape,
        class_names,
        label: usize::from(label),
    };
    match &args.html {
        Some(file) => {
            let page = page(&explanation, &subject);
            write_atomically(file, |out| out.write_all(page.as_bytes()))
                .with_context(|| format!("{}: cannot write the page", file.display()))?;
            note(&format!("{} explains {}", file.display(), subject.place));
        }
        None => {
            let (colours, width) = canvas();
            show(&Terminal { colours, width }.sections(&explanation, &subject), args.step)?;
        }
    }
    Ok(match explanation.disagreements() {
        0 => ExitCode::SUCCESS,
        count => {
            note(&format!("{count} entries of the gradients DISAGREE with their central differences"));
            ExitCode::from(1)
        }
    })
}

/// As [`Model::evaluate`] would refuse it.
fn check_fit(model: &Model, set: &Dataset) -> Result<(), mlp_train::Error> {
    let (expected, found) = (model.metadata.image_shape, set.shape());
    if found != expected {
        return Err(mlp_train::Error::OtherShape { found, expected });
    }
    let architecture = model.network.architecture();
    let (inputs, outputs) = (architecture.inputs, architecture.outputs);
    if set.classes() > outputs {
        let (pixels, classes) = (set.pixels(), set.classes());
        return Err(mlp_train::Error::DoesNotFit { inputs, outputs, pixels, classes });
    }
    if set.is_empty() { Err(mlp_train::Error::Empty) } else { Ok(()) }
}

/// `784-100-10, logistic`.
fn describe(network: &Mlp<f64>) -> String {
    let architecture = network.architecture();
    let sizes = [architecture.inputs].into_iter().chain(architecture.layer_sizes().into_iter().map(|(_, outputs)| outputs));
    let sizes = sizes.map(|size| size.to_string()).collect::<Vec<_>>().join("-");
    if architecture.hidden.is_empty() { sizes } else { format!("{sizes}, {}", architecture.activation) }
}

/// All sections, or one at a time where somebody sits at a terminal.
fn show(sections: &[String], one_at_a_time: bool) -> anyhow::Result<()> {
    let waits = one_at_a_time && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut out = anstream::stdout();
    for (index, section) in sections.iter().enumerate() {
        write!(out, "{section}")?;
        out.flush()?;
        if waits && index + 1 < sections.len() {
            // Not through `note`: the answer is typed behind it.
            write!(io::stderr(), "[{}/{}] Enter goes on, q ends: ", index + 1, sections.len())?;
            let mut answer = String::new();
            let is_over = io::stdin().lock().read_line(&mut answer).context("cannot read the terminal")? == 0;
            if is_over || answer.trim().eq_ignore_ascii_case("q") {
                break;
            }
        }
    }
    Ok(())
}
