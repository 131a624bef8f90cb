//! `mlp plot`: plot runs or a model, as SVG or PNG.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::data::{SetArgs, training_part};
use crate::output::messages::note;
use crate::plot::{self, Drawing, check_format, save};
use crate::predictions::Predictions;
use crate::runs::{RunSummary, load_model};

/// Plot training curves, a confusion matrix, weights and more.
///
/// MODEL is a model file or a run directory. The format depends on the extension of the output
/// file: SVG, which adapts to light and dark viewers, or PNG.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp plot runs/mnist                                Loss and accuracy by epoch
  mlp plot runs/mnist runs/mnist-2 --to both.png     Two runs in one figure
  mlp plot --confusion runs/mnist                    Confusion matrix
  mlp plot --weights runs/mnist/best.mlp             Weights of the best model
  mlp plot --mistakes runs/mnist --count 60          Most confident errors
  mlp plot --calibration runs/mnist                  Reliability diagram
  mlp plot --embedding runs/mnist --split train      Hidden activations in two dimensions
  mlp plot --augment runs/mnist                      Training images as the network saw them")]
pub(crate) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Output file, .svg or .png [default: FIGURE.svg in the directory of the run or model]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    set: SetArgs,
    /// Number of errors for --mistakes
    #[arg(long, value_name = "N", default_value_t = 30)]
    count: usize,
}

/// What is plotted.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// Runs to plot in one figure
    #[arg(value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Confusion matrix
    #[arg(long, value_name = "MODEL")]
    confusion: Option<PathBuf>,
    /// Weights of each hidden unit as an image
    #[arg(long, value_name = "MODEL")]
    weights: Option<PathBuf>,
    /// Most confident errors: image, label, prediction and its probability
    #[arg(long, value_name = "MODEL")]
    mistakes: Option<PathBuf>,
    /// Reliability diagram with the expected calibration error
    #[arg(long, value_name = "MODEL")]
    calibration: Option<PathBuf>,
    /// First two principal components of the last hidden layer's activations
    #[arg(long, value_name = "MODEL")]
    embedding: Option<PathBuf>,
    /// Training images beside the distorted ones of the first epochs
    #[arg(long, value_name = "MODEL")]
    augment: Option<PathBuf>,
}

/// Maximum of `--count`.
const MAX_ERRORS: usize = 3_000;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.to.as_deref().map(check_format).transpose()?;
    if args.count > MAX_ERRORS {
        bail!("count is {}; expected at most {MAX_ERRORS}", args.count);
    }
    let subject = &args.subject;
    let of_model = [
        ("confusion", &subject.confusion),
        ("weights", &subject.weights),
        ("mistakes", &subject.mistakes),
        ("calibration", &subject.calibration),
        ("embedding", &subject.embedding),
        ("augment", &subject.augment),
    ];
    let chosen = of_model.into_iter().find_map(|(figure, path)| Some((figure, path.as_deref()?)));
    let (figure, place, drawing) = match chosen {
        Some((figure, path)) => (figure, path, of_a_model(args, figure, path)?),
        None => {
            let runs =
                subject.runs.iter().map(|path| RunSummary::read(path)).collect::<Result<Vec<_>, _>>()?;
            ("curves", subject.runs[0].as_path(), plot::curves(&runs))
        }
    };
    let file = args.to.clone().unwrap_or_else(|| beside(place, figure));
    save(&file, drawing)?;
    note(&format!("plot {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn of_a_model(args: &Args, figure: &str, path: &Path) -> anyhow::Result<Drawing> {
    let (path, model) = load_model(path)?;
    let name = || path.display().to_string();
    if figure == "weights" {
        return plot::weights(&model, usize::MAX).with_context(name);
    }
    let sets = args.set.load(&model, &path)?;
    let on = || format!("{} on {}", name(), sets.name);
    if figure == "augment" {
        let config = model.metadata.config.as_ref();
        let Some((config, limits)) = config.and_then(|config| Some((config, config.augmentation()?))) else {
            bail!("{} was trained without augmentation; expected a model with augment = true", name());
        };
        let train = training_part(sets.train, config)?;
        return Ok(plot::augmented(&train, &limits, config.seed, &format!("{} (train)", sets.name)));
    }
    let matched = args.set.matched(&model, &sets).with_context(on)?;
    let set = format!("{} ({})", sets.name, args.set.split.name());
    if figure == "embedding" {
        return plot::embedding(&model, &matched.data, &set).with_context(name);
    }
    let predictions = Predictions::of(&model, &matched.data).with_context(on)?;
    let names = &model.metadata.class_names;
    Ok(match figure {
        "confusion" => plot::confusion(&predictions.confusion, names, &set),
        "calibration" => plot::calibration(&predictions.calibration(), &set),
        _ => plot::errors(&predictions.errors(), args.count, names, &matched, &set),
    })
}

/// The default output file of a figure.
fn beside(place: &Path, figure: &str) -> PathBuf {
    let directory = if place.is_dir() { place } else { place.parent().unwrap_or(Path::new("")) };
    directory.join(format!("{figure}.svg"))
}
