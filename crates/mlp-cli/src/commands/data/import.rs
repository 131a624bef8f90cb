//! `mlp data import`: create a dataset from directories of pictures.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use mlp_data::picture::{GrayPicture, LabeledFiles, Polarity, Preprocessed};
use mlp_data::{Dataset, Datasets, ImageShape, Preprocessing};
use mlp_train::TrainConfig;
use rayon::prelude::*;

use crate::output::messages::{self, note};
use crate::output::table::thousands;
use crate::output::version::PROGRAM;
use crate::parse;

/// Longest side of pictures that keep their size by default.
const MAX_KEPT_SIDE: usize = 64;

/// Default size of images made from other pictures.
const DEFAULT_SHAPE: ImageShape = ImageShape { height: 28, width: 28 };

/// Maximum total size of the images in bytes.
const MAX_BYTES: usize = 4_000_000_000;

/// Create a dataset from your own pictures.
///
/// DIR contains a directory of PNG, JPEG or PGM pictures for each class: `CLASS/*.png`, or
/// `train/CLASS/*.png` and `test/CLASS/*.png`. The result is a directory for `--dataset`, with four
/// IDX files like those of MNIST and a `dataset.toml` with the class names and the preprocessing,
/// which `mlp predict` uses again. Ink becomes light on a dark background, as in MNIST; `--polarity
/// light-on-dark` keeps pictures as they are.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp data import drawings/ --to data/drawings
  mlp data import digits/ --to data/my-digits --preprocessing digit
  mlp data import leaves/ --to data/leaves --size 32x32 --test-share 0.1
  mlp train --dataset data/drawings")]
pub(crate) struct Args {
    /// Directory with a subdirectory for each class
    dir: PathBuf,
    /// Output directory, which must not exist
    #[arg(long, value_name = "DATASET_DIR")]
    to: PathBuf,
    /// Image height and width [default: the size of the pictures if they all have the same size of
    /// at most 64x64, otherwise 28x28]
    #[arg(long, value_name = "HxW", value_parser = parse::image_shape)]
    size: Option<ImageShape>,
    /// Preprocessing: `digit` crops and centers like MNIST, `whole` scales the whole picture
    #[arg(long, value_parser = parse::preprocessing(), default_value_t = Preprocessing::Whole)]
    preprocessing: Preprocessing,
    /// Polarity of ink and background
    #[arg(long, value_parser = parse::polarity(), default_value_t)]
    polarity: Polarity,
    /// Fraction of each class to use for testing if there is no `test/` directory [default: 0.2]
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
}

/// Preprocessed pictures.
struct Images {
    paths: Vec<PathBuf>,
    labels: Vec<u8>,
    pixels: Vec<u8>,
    blank: Vec<usize>, // indices
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let files = LabeledFiles::find(&args.dir)?;
    if files.strays > 0 {
        note(&format!("skipped {} outside of class directories", pictures(files.strays)));
    }
    let share = match (&files.test, args.test_share) {
        (Some(_), Some(_)) => {
            bail!("{} has a test directory; remove it or --test-share", args.dir.display())
        }
        (Some(_), None) => None,
        (None, share) => Some(share.unwrap_or(0.2)),
    };
    let shape = args.size.unwrap_or_else(|| common_size(&files).unwrap_or(DEFAULT_SHAPE));
    let train = preprocess(args, shape, &files.train)?;
    let test = files.test.as_ref().map(|files| preprocess(args, shape, files)).transpose()?;
    report_oddities(&args.dir, &train, test.as_ref());

    let classes = files.class_names.len();
    let set = |images: Images| Dataset::new(images.pixels, shape, images.labels, classes);
    let read = train.paths.len() + test.as_ref().map_or(0, |test| test.paths.len());
    let (train, test) = match test {
        Some(test) => (set(train)?, set(test)?),
        None => split(set(train)?, share.unwrap_or_default(), args.seed, &files.class_names)?,
    };
    for (class, name) in files.class_names.iter().enumerate() {
        if train.class_counts()[class] == 0 {
            bail!("class {name} has no training picture; expected at least one");
        }
        if test.class_counts()[class] == 0 {
            note(&format!("class {name} has no test picture"));
        }
    }
    let origin = origin(args, shape, share, read);
    let sets = Datasets {
        name: args.to.display().to_string(),
        train,
        test,
        class_names: files.class_names,
        preprocessing: args.preprocessing,
    };
    sets.write_dir(&args.to, &origin, !args.raw)?;
    writeln!(
        io::stdout(),
        "{}: images of {shape} in {} classes, {} training and {} test images",
        args.to.display(),
        sets.class_names.len(),
        thousands(sets.train.len()),
        thousands(sets.test.len())
    )?;
    let batch_size = batch_size_for(sets.train.len());
    let flag = batch_size.map_or_else(String::new, |size| format!(" --batch-size {size}"));
    note(&format!("train with `mlp train --dataset {}{flag}`", args.to.display()));
    Ok(ExitCode::SUCCESS)
}

/// A batch size with ten steps per epoch, if there are fewer examples than the default batch size.
fn batch_size_for(examples: usize) -> Option<usize> {
    (examples < TrainConfig::default().batch_size).then_some((examples / 10).max(1))
}

/// The size of all pictures, if it is the same and small. Ignores unreadable pictures, which are
/// reported later.
fn common_size(files: &LabeledFiles) -> Option<ImageShape> {
    let all: Vec<&PathBuf> =
        files.train.iter().chain(files.test.iter().flatten()).map(|(path, _)| path).collect();
    let sizes: Vec<_> = all.par_iter().filter_map(|path| GrayPicture::size_of(path).ok()).collect();
    let &(width, height) = sizes.first()?;
    let is_common = sizes.iter().all(|&size| size == (width, height));
    let is_small = |side| (1..=MAX_KEPT_SIDE).contains(&side);
    (is_common && is_small(width) && is_small(height)).then_some(ImageShape { height, width })
}

/// Reads and preprocesses pictures in parallel, keeping their order.
fn preprocess(args: &Args, shape: ImageShape, files: &[(PathBuf, u8)]) -> anyhow::Result<Images> {
    let bytes = files.len().checked_mul(shape.pixels()).filter(|&bytes| bytes <= MAX_BYTES);
    if bytes.is_none() {
        bail!("{} of {shape} take more than 4 GB; choose a smaller --size", pictures(files.len()));
    }
    let preprocessed: Vec<Result<Preprocessed, mlp_data::Error>> = files
        .par_iter()
        .map(|(path, _)| Ok(args.preprocessing.preprocess(&GrayPicture::read(path)?, shape, args.polarity)))
        .collect();
    let mut images = Images { paths: Vec::new(), labels: Vec::new(), pixels: Vec::new(), blank: Vec::new() };
    let mut failed = 0;
    for ((path, label), preprocessed) in files.iter().zip(preprocessed) {
        match preprocessed {
            Ok(preprocessed) => {
                if preprocessed.is_blank {
                    images.blank.push(images.paths.len());
                }
                images.paths.push(path.clone());
                images.labels.push(*label);
                images.pixels.extend(preprocessed.pixels);
            }
            Err(error) => {
                failed += 1;
                messages::error(&error.into());
            }
        }
    }
    if failed > 0 && !args.skip_bad {
        bail!("cannot read {failed} of {}; remove them, or skip them with --skip-bad", pictures(files.len()));
    }
    Ok(images)
}

/// Reports blank and duplicate images.
fn report_oddities(dir: &Path, train: &Images, test: Option<&Images>) {
    let shown = |path: &Path| path.strip_prefix(dir).unwrap_or(path).display().to_string();
    let sets = || [Some(train), test].into_iter().flatten();
    let blank: Vec<&PathBuf> =
        sets().flat_map(|images| images.blank.iter().map(|&i| &images.paths[i])).collect();
    if let Some(first) = blank.first() {
        note(&format!("blank: {}, the first is {}", pictures(blank.len()), shown(first)));
    }
    let mut seen: HashMap<&[u8], (&Path, u8)> = HashMap::new();
    let (mut duplicates, mut conflicts) = (Vec::new(), Vec::new());
    for images in sets() {
        let size = images.pixels.len() / images.paths.len().max(1);
        let examples = images.paths.iter().zip(&images.labels).zip(images.pixels.chunks_exact(size.max(1)));
        for ((path, &label), pixels) in examples {
            match seen.get(pixels) {
                Some(&(first, class)) if class == label => duplicates.push((first, path)),
                Some(&(first, _)) => conflicts.push((first, path)),
                None => drop(seen.insert(pixels, (path, label))),
            }
        }
    }
    for (pairs, what) in [(duplicates, "in the same class"), (conflicts, "in another class")] {
        if let Some((first, path)) = pairs.first() {
            let (path, first) = (shown(path), shown(first));
            let count = pictures(pairs.len());
            note(&format!("duplicate of an image {what}: {count}, the first is {path}, same as {first}"));
        }
    }
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
fn origin(args: &Args, shape: ImageShape, share: Option<f64>, read: usize) -> String {
    let from = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let split = share
        .map_or("split by directory".to_owned(), |share| format!("test share {share}, seed {}", args.seed));
    format!(
        "{PROGRAM} data import: {} of {}, as images of {shape}, preprocessing {}, polarity {}, {split}",
        pictures(read),
        from.display(),
        args.preprocessing,
        args.polarity
    )
}

/// `1 picture`, `2 pictures`.
fn pictures(count: usize) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{} pictures", thousands(count)) }
}
