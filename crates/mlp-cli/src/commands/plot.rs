//! `mlp plot`: one figure of runs or of a model, as SVG or PNG.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::eval::SetArgs;
use crate::console::note;
use crate::figures;
use crate::judgement::Judgement;
use crate::picture::{Format, draw};
use crate::plot::Drawing;
use crate::run_list::{RunSummary, load_model};

/// Draw the curves of runs, or what there is to see of a model.
///
/// A model is a file, or a run whose last model is taken. The picture is an SVG, for light and dark viewers, or a PNG, by the ending of its name.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp plot runs/mnist                                   loss and accuracy by epoch
  mlp plot runs/mnist runs/mnist-2 --to both.png        two runs over each other
  mlp plot --confusion runs/mnist                       who is taken for whom
  mlp plot --weights runs/mnist/model.mlp               every hidden unit's weights as an image
  mlp plot --mistakes runs/mnist --count 60             the mistakes that it was surest of
  mlp plot --calibration runs/mnist                     whether its probabilities can be believed
  mlp plot --embedding runs/mnist --split train         hidden activations in two dimensions")]
pub(crate) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// The picture, an .svg or a .png [default: the figure's name and .svg, in the run or beside the model]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    set: SetArgs,
    /// How many mistakes are shown
    #[arg(long, value_name = "N", default_value_t = 30)]
    count: usize,
}

/// What is drawn.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// Runs, whose curves are drawn over each other
    #[arg(value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Who is taken for whom
    #[arg(long, value_name = "MODEL")]
    confusion: Option<PathBuf>,
    /// Every hidden unit's weights as an image
    #[arg(long, value_name = "MODEL")]
    weights: Option<PathBuf>,
    /// The mistakes that it was surest of: image, true class, prediction and probability
    #[arg(long, value_name = "MODEL")]
    mistakes: Option<PathBuf>,
    /// A reliability diagram, with the expected calibration error
    #[arg(long, value_name = "MODEL")]
    calibration: Option<PathBuf>,
    /// The last hidden layer's activations in two dimensions, by principal components
    #[arg(long, value_name = "MODEL")]
    embedding: Option<PathBuf>,
}

/// More than anybody looks at, and few enough to draw.
const MAX_MISTAKES: usize = 3_000;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Before the work: a name with another ending is said at once.
    args.to.as_deref().map(Format::of).transpose()?;
    if args.count > MAX_MISTAKES {
        anyhow::bail!("count is {}; expected at most {MAX_MISTAKES}", args.count);
    }
    let subject = &args.subject;
    let of_model = [
        ("confusion", &subject.confusion),
        ("weights", &subject.weights),
        ("mistakes", &subject.mistakes),
        ("calibration", &subject.calibration),
        ("embedding", &subject.embedding),
    ];
    let chosen = of_model.into_iter().find_map(|(figure, path)| Some((figure, path.as_deref()?)));
    let (figure, place, drawing) = match chosen {
        Some((figure, path)) => (figure, path, of_a_model(args, figure, path)?),
        None => ("curves", subject.runs[0].as_path(), of_runs(&subject.runs)?),
    };
    let file = args.to.clone().unwrap_or_else(|| beside(place, figure));
    draw(&file, drawing)?;
    note(&format!("plot {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn of_runs(paths: &[PathBuf]) -> anyhow::Result<Drawing> {
    let runs = paths.iter().map(|path| RunSummary::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(figures::curves(&runs))
}

fn of_a_model(args: &Args, figure: &str, path: &Path) -> anyhow::Result<Drawing> {
    let (path, model) = load_model(path)?;
    let name = || path.display().to_string();
    if figure == "weights" {
        return figures::weights(&model, usize::MAX).with_context(name);
    }
    let sets = args.set.load(&model)?;
    let data = args.set.split.of(&sets);
    let set = format!("{} ({})", sets.name, args.set.split.name());
    if figure == "embedding" {
        model.check_fits(data).with_context(name)?;
        return figures::embedding(&model, data, &set).with_context(name);
    }
    let judgement = Judgement::of(&model, data).with_context(|| format!("{} on {}", name(), sets.name))?;
    Ok(match figure {
        "confusion" => figures::confusion(&model, &judgement, &set),
        "calibration" => figures::calibration(&judgement, &set),
        _ => figures::mistakes(&model, &judgement, data, args.count, &set),
    })
}

/// Where a figure goes that nobody gave a name.
fn beside(place: &Path, figure: &str) -> PathBuf {
    let directory = if place.is_dir() { place } else { place.parent().unwrap_or(Path::new("")) };
    directory.join(format!("{figure}.svg"))
}
