//! `mlp data`: manage datasets.

mod augment;
mod export;
mod import;
mod workshop;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use mlp_data::{Augmenter, Dataset, Datasets, Polarity, catalog, synthetic};

use crate::data::{DataDir, Split, fetch, load_named};
use crate::output::table::{Table, counted, percent, thousands};
use crate::output::tiles::{Tile, draw_for_stdout};
use crate::recipe::choices::{AUGMENTATION, AugmentationArgs};

/// List, show, download, create, export and augment datasets.
#[derive(clap::Subcommand)]
#[command(after_help = "\
Examples:
  mlp data info                                   List known datasets
  mlp data fetch fashion-mnist                    Download a dataset
  mlp data show fashion-mnist                     Show its images
  mlp data import drawings/ --to data/drawings    Create a dataset from pictures
  mlp data export mnist --to mnist.npz            Write it in another format
  mlp data augment mnist --copies 10 --to data/mnist10
                                                  Write it with distorted copies")]
pub(crate) enum Command {
    Info(Info),
    Show(Show),
    Fetch(Fetch),
    Import(import::Args),
    Export(export::Args),
    Augment(augment::Args),
}

/// Describe a dataset, or list known datasets.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  mlp data info\n  mlp data info mnist")]
pub(crate) struct Info {
    /// Dataset, a name or a directory [default: list known datasets]
    #[arg(value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
}

/// Show images and labels in the terminal.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  mlp data show mnist\n  mlp data show mnist --class 7 --count 12 --index 100\n  mlp data show mnist --augment"
)]
pub(crate) struct Show {
    /// Dataset, a name or a directory
    #[arg(value_name = "NAME|DIR")]
    dataset: String,
    #[command(flatten)]
    data_dir: DataDir,
    /// Part of the dataset
    #[arg(long, value_enum, default_value_t = Split::Train)]
    split: Split,
    /// Index of the first image
    #[arg(long, value_name = "I", default_value_t = 0)]
    index: usize,
    /// Number of images
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: usize,
    /// Show only images of this class
    #[arg(long, value_name = "CLASS")]
    class: Option<u8>,
    /// Show images as `mlp train --augment` distorts them
    #[arg(long)]
    augment: bool,
    #[command(flatten)]
    limits: AugmentationArgs,
    /// Random seed of the distortions
    #[arg(long, value_name = "N", default_value_t = 0, requires = "augment", hide_short_help = true)]
    #[arg(help_heading = AUGMENTATION)]
    seed: u64,
    /// Epoch whose distortions are shown, from 1
    #[arg(long, value_name = "N", default_value_t = 1, requires = "augment", hide_short_help = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..), help_heading = AUGMENTATION)]
    epoch: u64,
}

/// Download and verify datasets.
///
/// Existing files are only verified.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  mlp data fetch mnist\n  mlp data fetch mnist fashion-mnist --data-dir /var/data"
)]
pub(crate) struct Fetch {
    /// Dataset names from `mlp data info`, or `all`
    #[arg(value_name = "NAME", required = true)]
    datasets: Vec<String>,
    #[command(flatten)]
    data_dir: DataDir,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout();
    match command {
        Command::Info(Info { dataset: None, data_dir }) => write!(out, "{}", list(&data_dir.data_dir))?,
        Command::Info(Info { dataset: Some(name), data_dir }) => {
            write!(out, "{}", describe(&load_named(name, &data_dir.data_dir, false)?))?;
        }
        Command::Import(args) => return import::run(args),
        Command::Export(args) => return export::run(args),
        Command::Augment(args) => return augment::run(args),
        Command::Show(args) => write!(out, "{}", show(args)?)?,
        Command::Fetch(args) => {
            let mut entries = Vec::new();
            for name in &args.datasets {
                match name.as_str() {
                    "all" => entries.extend(catalog::all()),
                    name => entries.push(catalog::find(name)?),
                }
            }
            for entry in entries {
                fetch(entry, &args.data_dir.data_dir, false)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(data_dir: &Path) -> String {
    let mut table = Table::new(["name", "training", "test", "image", "classes", "downloaded"]);
    for entry in catalog::all() {
        table.row([
            entry.name.to_owned(),
            thousands(entry.train.len),
            thousands(entry.test.len),
            entry.shape.to_string(),
            entry.classes().to_string(),
            if Datasets::is_present(entry.name, data_dir) { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table.row([
        synthetic::NAME.to_owned(),
        thousands(synthetic::TRAIN),
        thousands(synthetic::TEST),
        synthetic::SHAPE.to_string(),
        synthetic::CLASSES.to_string(),
        "generated".to_owned(),
    ]);
    format!("{table}\n`mlp data fetch NAME` downloads a dataset to {}\n", data_dir.display())
}

fn describe(sets: &Datasets) -> String {
    let mut parts = vec![("training", &sets.train)];
    parts.extend(sets.validation.as_ref().map(|set| ("validation", set)));
    parts.push(("test", &sets.test));
    let row = |label: &str, value: &dyn Fn(&Dataset) -> String| {
        let values = parts.iter().map(|(_, set)| value(set));
        [label.to_owned()].into_iter().chain(values).collect::<Vec<String>>()
    };
    let mut table = Table::of([""].into_iter().chain(parts.iter().map(|(name, _)| *name)));
    table.row(row("images", &|set| thousands(set.len())));
    table.row(row("nonzero pixels", &|set| percent(set.density())));
    for (class, name) in sets.class_names.iter().enumerate() {
        table.row(row(&format!("class {class}: {name}"), &|set| thousands(set.class_counts()[class])));
    }
    let polarity = match sets.polarity {
        Polarity::Auto => String::new(),
        polarity => format!(", polarity {polarity}"),
    };
    let oddities: String = sets.oddities().iter().map(|line| format!("{line}\n")).collect();
    format!(
        "{}: images of {}, {}, preprocessing {}{polarity}\n{oddities}\n\
         {table}\nhash of the training set {}\nhash of the test set     {}\n",
        sets.name,
        sets.train.shape(),
        counted(sets.train.classes(), "class"),
        sets.preprocessing,
        sets.train.sha256(),
        sets.test.sha256(),
    )
}

fn show(args: &Show) -> anyhow::Result<String> {
    let sets = load_named(&args.dataset, &args.data_dir.data_dir, false)?;
    let (set, split) = (args.split.of(&sets)?, args.split.name());
    if let Some(class) = args.class.filter(|&class| usize::from(class) >= set.classes()) {
        anyhow::bail!("{} has no class {class}; expected 0 to {}", sets.name, set.classes() - 1);
    }
    if args.index >= set.len() {
        anyhow::bail!(
            "the {split} set of {} has no index {}; expected 0 to {}",
            sets.name,
            args.index,
            set.len() - 1
        );
    }
    let mut augmenter =
        args.limits.with(args.augment, set)?.map(|limits| Augmenter::new(&limits, set.shape(), args.seed));
    let wanted = |&index: &usize| args.class.is_none_or(|class| set.labels()[index] == class);
    let indices: Vec<usize> = (args.index..set.len()).filter(wanted).take(args.count).collect();
    let shown = |&index: &usize| {
        let mut image = set.image(index).to_vec();
        if let Some(augmenter) = &mut augmenter {
            augmenter.image(set, args.epoch - 1, index, &mut image);
        }
        image
    };
    let images: Vec<Vec<u8>> = indices.iter().map(shown).collect();
    let tile = |(pixels, &index): (_, &usize)| Tile {
        pixels,
        width: set.shape().width,
        caption: format!("{index}: {}", sets.class_names[usize::from(set.labels()[index])]),
    };
    let tiles: Vec<Tile<'_>> = images.iter().map(Vec::as_slice).zip(&indices).map(tile).collect();
    if let (true, Some(class)) = (tiles.is_empty(), args.class) {
        anyhow::bail!(
            "the {split} set of {} has no image of class {class} at index {} or later",
            sets.name,
            args.index
        );
    }
    Ok(draw_for_stdout(&tiles))
}
