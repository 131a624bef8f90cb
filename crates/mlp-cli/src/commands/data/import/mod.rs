//! `mlp data import`: create a dataset from pictures, tables or arrays.

mod images;
mod polarity;
mod source;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_data::arrays::ArrayOptions;
use mlp_data::text::printable;
use mlp_data::{Dataset, Datasets, ImageShape, Preprocessing};
use mlp_train::TrainConfig;

use self::images::{Images, Preprocessor, report_oddities};
use self::polarity::{PolarityChoice, common_size, report_polarity};
use self::source::{Source, pictures};
use super::workshop::Workshop;
use crate::output::messages::note;
use crate::output::table::{counted, thousands};
use crate::output::version::PROGRAM;
use crate::parse;

/// Default size of images made from other pictures.
const DEFAULT_SHAPE: ImageShape = ImageShape { height: 28, width: 28 };

/// Create a dataset from pictures, tables or arrays.
///
/// SOURCE is a directory with one subdirectory of PNG, JPEG, WebP, BMP, TIFF, GIF or PNM pictures
/// per class: `CLASS/*.png`, or the same in `train/`, `val/` and `test/`. It may also be a CSV
/// table with the file name and label of each picture, or with one row of pixels per image, an .npz
/// file, a directory of CSV, .npz, .npy or IDX files, a zip or tar archive of any of these, or
/// Parquet files with columns of pictures and labels, as on the Hugging Face hub.
///
/// The result is a directory for `--dataset`: IDX files like MNIST's, and a `dataset.toml` with
/// class names, preprocessing and polarity, which `mlp predict` applies to new pictures. Ink
/// becomes light on a dark background, as in MNIST; `--polarity light-on-dark` keeps pictures as
/// they are.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp data import drawings/ --to data/drawings
  mlp data import drawings.zip --to data/drawings
  mlp data import digits/ --to data/my-digits --preprocessing digit
  mlp data import leaves/ --to data/leaves --size 32x32 --test-share 0.1
  mlp data import labels.csv --to data/leaves
  mlp data import train.csv --to data/kaggle
  mlp data import mnist.npz --to data/keras
  mlp train --dataset data/drawings")]
pub(crate) struct Args {
    /// Directory with a subdirectory for each class, an archive of one, or CSV, .npz, .npy, IDX or
    /// Parquet files
    #[arg(value_name = "SOURCE")]
    dir: PathBuf,
    /// Output directory, which must not exist
    #[arg(long, value_name = "DATASET_DIR")]
    to: PathBuf,
    /// Image height and width [default: that of the pictures if all are the same and at most 64x64,
    /// otherwise 28x28]; in tables, also the shape of a row that is not square
    #[arg(long, value_name = "HxW", value_parser = parse::image_shape)]
    size: Option<ImageShape>,
    /// Preprocessing: `digit` crops and centers like MNIST, `whole` scales the whole picture
    #[arg(long, value_parser = parse::preprocessing(), default_value_t = Preprocessing::Whole)]
    preprocessing: Preprocessing,
    /// Polarity of ink and background; `auto` decides once for all pictures
    #[arg(long, value_enum, default_value_t)]
    polarity: PolarityChoice,
    /// Fraction of each class to use for testing if there is no test part [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    test_share: Option<f64>,
    /// Random seed of the split
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write uncompressed IDX files, which load faster
    #[arg(long)]
    raw: bool,
    /// Skip pictures that cannot be read instead of failing
    #[arg(long)]
    skip_bad: bool,
    /// Label column of a table: a name, or an index from 0; -1 is the last [default: detected]
    #[arg(long, value_name = "NAME|INDEX", allow_hyphen_values = true)]
    label_column: Option<String>,
    /// Value of white in tables and arrays, such as 1, 16 or 255 [default: detected]
    #[arg(long, value_name = "VALUE")]
    max_value: Option<f64>,
    /// Transpose the images of tables and arrays [default: only if file names say EMNIST]
    #[arg(long, overrides_with = "no_transpose")]
    transpose: bool,
    /// Do not transpose the images
    #[arg(long, overrides_with = "transpose")]
    no_transpose: bool,
}

impl Args {
    fn array_options(&self) -> ArrayOptions {
        ArrayOptions {
            shape: self.size,
            label_column: self.label_column.clone(),
            max_value: self.max_value,
            transpose: (self.transpose || self.no_transpose).then_some(self.transpose),
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let workshop = Workshop::beside(&args.to, &args.dir)?;
    let source = Source::open(&args.dir, workshop.path(), &args.array_options())?;
    if let [only] = &source.class_names[..] {
        bail!("{} has only one class, {only}; expected {}", args.dir.display(), source.expected_classes);
    }
    source.notes.iter().for_each(|text| note(&printable(text)));
    report_similar(&source.class_names);
    let share = match (&source.test, args.test_share) {
        (Some(_), Some(_)) => {
            bail!("{} has a test part; remove it or --test-share", args.dir.display())
        }
        (Some(_), None) => None,
        (None, share) => Some(share.unwrap_or(0.2)),
    };
    let shape = args.size.unwrap_or_else(|| common_size(&source).unwrap_or(DEFAULT_SHAPE));
    let polarity = args.polarity.of(&source);
    let preprocessor =
        Preprocessor { preprocessing: args.preprocessing, polarity, shape, skip_bad: args.skip_bad };
    let train = preprocessor.preprocess(&source.train)?;
    let validation = source.validation.as_ref().map(|part| preprocessor.preprocess(part)).transpose()?;
    let test = source.test.as_ref().map(|part| preprocessor.preprocess(part)).transpose()?;
    let parts: Vec<&Images<'_>> =
        [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten().collect();
    report_oddities(&parts);
    let read = parts.iter().map(|images| images.len()).sum();
    report_polarity(args.polarity, polarity, parts.iter().map(|images| images.looks_light).sum(), read);

    let class_names = source.class_names.clone();
    let set = |images: Images<'_>| Dataset::new(images.pixels, shape, images.labels, class_names.len());
    let validation = validation.map(set).transpose()?;
    let (train, test) = match test {
        Some(test) => (set(train)?, set(test)?),
        None => split(set(train)?, share.unwrap_or_default(), args.seed, &class_names)?,
    };
    for (class, name) in class_names.iter().enumerate() {
        if train.class_counts()[class] == 0 {
            bail!("class {name} has no training picture; expected at least one");
        }
        if test.class_counts()[class] == 0 {
            note(&printable(&format!("no picture of class {name} is in the test set")));
        }
    }
    let origin = origin(args, &preprocessor, share, read);
    let sets = Datasets {
        name: args.to.display().to_string(),
        train,
        validation,
        test,
        class_names,
        preprocessing: args.preprocessing,
        polarity,
    };
    sets.write_dir(&args.to, &origin, !args.raw)?;
    let validation = sets
        .validation
        .as_ref()
        .map_or(String::new(), |set| format!(", {} validation", thousands(set.len())));
    writeln!(
        io::stdout(),
        "{}: images of {shape} in {}, {} training{validation} and {}",
        args.to.display(),
        counted(sets.class_names.len(), "class"),
        thousands(sets.train.len()),
        counted(sets.test.len(), "test image")
    )?;
    let batch_size = batch_size_for(sets.train.len());
    let flag = batch_size.map_or_else(String::new, |size| format!(" --batch-size {size}"));
    note(&format!("train with `mlp train --dataset {}{flag}`", args.to.display()));
    Ok(ExitCode::SUCCESS)
}

/// Reports classes that may be meant to be one.
fn report_similar(names: &[String]) {
    let mut seen: HashMap<String, &String> = HashMap::new();
    let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    for name in names {
        if let Some(other) = seen.insert(plain(name), name) {
            note(&printable(&format!("the classes {other} and {name} differ only in case or spaces")));
        }
    }
}

/// A batch size with ten steps per epoch, if there are fewer examples than the default batch size.
fn batch_size_for(examples: usize) -> Option<usize> {
    (examples < TrainConfig::default().batch_size).then_some((examples / 10).max(1))
}

fn split(all: Dataset, share: f64, seed: u64, names: &[String]) -> anyhow::Result<(Dataset, Dataset)> {
    if let Some((class, &count)) = all.class_counts().iter().enumerate().find(|&(_, &count)| count < 2) {
        bail!(
            "class {} has {}; expected at least 2, one for training and one for testing",
            names[class],
            pictures(count)
        );
    }
    all.split_stratified(share, seed).with_context(|| format!("--test-share {share}"))
}

/// Describes where the images came from.
fn origin(args: &Args, preprocessor: &Preprocessor, share: Option<f64>, read: usize) -> String {
    let from = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let split =
        share.map_or("split as found".to_owned(), |share| format!("test share {share}, seed {}", args.seed));
    format!(
        "{PROGRAM} data import: {} of {}, as images of {}, preprocessing {}, polarity {}, {split}",
        pictures(read),
        from.display(),
        preprocessor.shape,
        preprocessor.preprocessing,
        preprocessor.polarity
    )
}
