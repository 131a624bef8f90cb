//! `mlp explain`: show both passes over one example, in the terminal or as a page.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use mlp_core::Mlp;
use mlp_data::fs::write_atomically;
use mlp_data::text::printable;
use mlp_train::{Network, TrainConfig};

use crate::data::SetArgs;
use crate::explain::{Explanation, Subject, Terminal, page};
use crate::output::messages::note;
use crate::output::table::counted;
use crate::output::tiles::canvas;
use crate::runs::load_model;

/// Walk through the forward and backward pass on one example.
///
/// Shows each quantity with its formula, shape and values, checks the largest entries of each
/// gradient against central differences, and compares the predicted and actual effect of one
/// gradient descent step on the loss. Everything is computed in f64. The loss is the cross-entropy,
/// without dropout, label smoothing or weight decay. The exit code is 1 if a gradient disagrees.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp explain runs/mnist --sample 18                Explain a test image
  mlp explain runs/mnist --sample 18 --step         One quantity at a time
  mlp explain runs/mnist --sample 18 --html 18.html
  mlp explain runs/mnist --learning-rate 0.5        The effect of a large step")]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// Index of the example, from 0
    #[arg(long, value_name = "I", default_value_t = 0)]
    sample: usize,
    #[command(flatten)]
    set: SetArgs,
    /// Learning rate of the step [default: the one used in training]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Wait for Enter (or `q` to quit) after each quantity; ignored without a terminal
    #[arg(long)]
    step: bool,
    /// Write a self-contained HTML page to FILE instead
    #[arg(long, value_name = "FILE", conflicts_with = "step")]
    html: Option<PathBuf>,
}

/// Width of the text without a terminal.
const COLUMNS: usize = 80;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(rate) = args.learning_rate {
        ensure!(rate.is_finite() && rate > 0.0, "learning rate is {rate}; expected a finite number above 0");
    }
    let (path, model) = load_model(&args.model)?;
    let sets = args.set.load(&model, &path)?;
    let (set, split) = (args.set.split.of(&sets)?, args.set.split.name());
    let on = || format!("{} on {}", path.display(), sets.name);
    let matched = args.set.matched(&model, &sets).with_context(on)?;
    if args.sample >= set.len() {
        let (name, count) = (&sets.name, set.len());
        bail!(
            "sample {} of the {split} set of {name}, which has {count}; expected 0 to {}",
            args.sample,
            count - 1
        );
    }
    let network: Mlp<f64> = match &model.network {
        Network::F32(network) => network.cast(),
        Network::F64(network) => network.clone(),
    };
    let levels = mlp_data::levels::<f64>();
    let example = (0..matched.data.len()).find(|&example| matched.index(example) == args.sample);
    let Some(example) = example else {
        let class = &sets.class_names[usize::from(set.labels()[args.sample])];
        bail!("sample {} is of class {}, which the model does not have", args.sample, printable(class));
    };
    let (pixels, label) = (matched.data.image(example), matched.data.labels()[example]);
    let x: Vec<f64> = pixels.iter().map(|&pixel| levels[usize::from(pixel)]).collect();
    let config = model.metadata.config.as_ref();
    let (learning_rate, remarks) = learning_rate(args.learning_rate, config);
    let explanation =
        Explanation::new(&network, &x, label, learning_rate).with_context(|| path.display().to_string())?;
    let subject = Subject {
        model: path.display().to_string(),
        network: network.architecture().to_string(),
        place: format!("{} ({split}), sample {}", sets.name, args.sample),
        pixels: pixels.to_vec(),
        shape: model.metadata.image_shape,
        class_names: model.metadata.class_names.iter().map(|name| printable(name).into_owned()).collect(),
        label: usize::from(label),
        remarks,
    };
    match &args.html {
        Some(file) => {
            let page = page(&explanation, &subject);
            write_atomically(file, |out| out.write_all(page.as_bytes()))
                .with_context(|| format!("{}: cannot write the page", file.display()))?;
            note(&format!("explanation {}", file.display()));
        }
        None => {
            let (colors, width) = canvas(COLUMNS);
            let width = width.max(COLUMNS);
            show(&Terminal { colors, width }.sections(&explanation, &subject), args.step)?;
        }
    }
    Ok(match explanation.disagreements() {
        0 => ExitCode::SUCCESS,
        count => {
            note(&format!("central differences DISAGREE with {}", counted(count, "gradient entry")));
            ExitCode::from(1)
        }
    })
}

/// The learning rate of the step, and remarks about how the model was trained.
fn learning_rate(asked: Option<f64>, config: Option<&TrainConfig>) -> (f64, Vec<String>) {
    let Some(config) = config else {
        let default = TrainConfig::default().learning_rate;
        let mut remark = "The model was imported, so its training is unknown.".to_owned();
        if asked.is_none() {
            remark += &format!(" The step at the end uses the chapter’s learning rate, {default}.");
        }
        return (asked.unwrap_or(default), vec![remark]);
    };
    let added = [
        ("dropout", config.dropout > 0.0 || config.input_dropout > 0.0),
        ("label smoothing", config.label_smoothing > 0.0),
        ("adversarial examples", config.adversarial.is_some()),
        ("weight decay", config.weight_decay.is_some_and(|decay| decay > 0.0)),
    ];
    let added: Vec<&str> = added.into_iter().filter(|(_, is_used)| *is_used).map(|(name, _)| name).collect();
    let remark = (!added.is_empty()).then(|| {
        format!(
            "Training added {}. Here J is the plain cross-entropy, and the step is plain gradient descent.",
            added.join(", ")
        )
    });
    (asked.unwrap_or(config.learning_rate), remark.into_iter().collect())
}

/// Prints all sections, or one at a time in a terminal.
fn show(sections: &[String], one_at_a_time: bool) -> anyhow::Result<()> {
    let waits = one_at_a_time && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut out = anstream::stdout();
    for (index, section) in sections.iter().enumerate() {
        write!(out, "{section}")?;
        out.flush()?;
        if waits && index + 1 < sections.len() {
            // `note` would end the line.
            write!(io::stderr(), "[{}/{}] Enter continues, q quits: ", index + 1, sections.len())?;
            let mut answer = String::new();
            let is_over = io::stdin().lock().read_line(&mut answer).context("cannot read the terminal")? == 0;
            if is_over {
                // Start the shell's prompt on a new line.
                note("");
            }
            if is_over || answer.trim().eq_ignore_ascii_case("q") {
                break;
            }
        }
    }
    Ok(())
}
