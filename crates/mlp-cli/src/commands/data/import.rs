//! `mlp data import`: create a dataset from directories of pictures.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use mlp_data::picture::{GrayPicture, LabeledFiles, Polarity, Preprocessed};
use mlp_data::text::printable;
use mlp_data::{Dataset, Datasets, ImageShape, Preprocessing};
use mlp_train::TrainConfig;
use rayon::prelude::*;

use crate::output::messages::{self, note};
use crate::output::table::{counted, thousands};
use crate::output::version::PROGRAM;
use crate::parse;

/// Longest side of pictures that keep their size by default.
const MAX_KEPT_SIDE: usize = 64;

/// Default size of images made from other pictures.
const DEFAULT_SHAPE: ImageShape = ImageShape { height: 28, width: 28 };

/// Maximum number of pictures that decide the polarity.
const MAX_SAMPLES: usize = 300;

/// Maximum total size of the images in bytes.
const MAX_BYTES: usize = 4_000_000_000;

/// Create a dataset from your own pictures.
///
/// DIR contains a directory of PNG, JPEG, WebP, BMP, TIFF, GIF or PNM pictures for each class:
/// `CLASS/*.png`, or the same in `train/`, `val/` and `test/`. The result is a directory for
/// `--dataset`, with IDX files like those of MNIST and a `dataset.toml` with the class names, the
/// preprocessing and the polarity, which `mlp predict` uses again. Ink becomes light on a dark
/// background, as in MNIST; `--polarity light-on-dark` keeps pictures as they are.
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
    /// Polarity of ink and background; `auto` decides once for all pictures
    #[arg(long, value_enum, default_value_t)]
    polarity: PolarityChoice,
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

/// Values of `--polarity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PolarityChoice {
    #[default]
    Auto,
    PerPicture,
    LightOnDark,
    DarkOnLight,
}

/// Reads and preprocesses pictures.
struct Preprocessor {
    preprocessing: Preprocessing,
    polarity: Polarity,
    shape: ImageShape,
    skip_bad: bool,
}

/// Preprocessed pictures.
#[derive(Default)]
struct Images {
    paths: Vec<PathBuf>,
    labels: Vec<u8>,
    pixels: Vec<u8>,
    blank: Vec<usize>, // indices
    looks_light: usize,
    first_of_several: Vec<PathBuf>,
    several_figures: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let files = LabeledFiles::find(&args.dir)?;
    files.notes.iter().for_each(|text| note(&printable(text)));
    if files.strays > 0 {
        note(&format!("skipped {} outside of class directories", pictures(files.strays)));
    }
    if !files.left_out.is_empty() {
        note(&printable(&format!("left out: {}", files.left_out)));
    }
    if let [only] = &files.class_names[..] {
        bail!(
            "{} has only one class, {only}; expected a directory for each of at least two classes",
            args.dir.display()
        );
    }
    let share = match (&files.test, args.test_share) {
        (Some(_), Some(_)) => {
            bail!("{} has a test directory; remove it or --test-share", args.dir.display())
        }
        (Some(_), None) => None,
        (None, share) => Some(share.unwrap_or(0.2)),
    };
    let shape = args.size.unwrap_or_else(|| common_size(&files).unwrap_or(DEFAULT_SHAPE));
    let polarity = match args.polarity {
        PolarityChoice::Auto => common_polarity(&files),
        PolarityChoice::PerPicture => Polarity::Auto,
        PolarityChoice::LightOnDark => Polarity::LightOnDark,
        PolarityChoice::DarkOnLight => Polarity::DarkOnLight,
    };
    let preprocessor =
        Preprocessor { preprocessing: args.preprocessing, polarity, shape, skip_bad: args.skip_bad };
    let train = preprocessor.preprocess(&files.train)?;
    let validation = files.validation.as_ref().map(|files| preprocessor.preprocess(files)).transpose()?;
    let test = files.test.as_ref().map(|files| preprocessor.preprocess(files)).transpose()?;
    let parts: Vec<&Images> =
        [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten().collect();
    report_oddities(&args.dir, &parts);
    let read = parts.iter().map(|images| images.paths.len()).sum();
    report_polarity(args.polarity, polarity, parts.iter().map(|images| images.looks_light).sum(), read);

    let classes = files.class_names.len();
    let set = |images: Images| Dataset::new(images.pixels, shape, images.labels, classes);
    let validation = validation.map(set).transpose()?;
    let (train, test) = match test {
        Some(test) => (set(train)?, set(test)?),
        None => split(set(train)?, share.unwrap_or_default(), args.seed, &files.class_names)?,
    };
    for (class, name) in files.class_names.iter().enumerate() {
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
        class_names: files.class_names,
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

/// A batch size with ten steps per epoch, if there are fewer examples than the default batch size.
fn batch_size_for(examples: usize) -> Option<usize> {
    (examples < TrainConfig::default().batch_size).then_some((examples / 10).max(1))
}

/// All files of a dataset.
fn all_files(files: &LabeledFiles) -> Vec<&Path> {
    let parts = [Some(&files.train), files.validation.as_ref(), files.test.as_ref()];
    parts.into_iter().flatten().flatten().map(|(path, _)| path.as_path()).collect()
}

/// The polarity of most pictures, from an evenly spaced sample. Ignores unreadable pictures.
fn common_polarity(files: &LabeledFiles) -> Polarity {
    let all = all_files(files);
    let step = all.len().div_ceil(MAX_SAMPLES).max(1);
    let sample: Vec<&Path> = all.into_iter().step_by(step).collect();
    let evidence: Vec<f64> =
        sample.par_iter().filter_map(|path| GrayPicture::read(path).ok()?.light_ground()).collect();
    if 2.0 * evidence.iter().sum::<f64>() > evidence.len() as f64 {
        Polarity::DarkOnLight
    } else {
        Polarity::LightOnDark
    }
}

/// Reports the polarity and how many pictures have a light background.
fn report_polarity(choice: PolarityChoice, polarity: Polarity, looks_light: usize, read: usize) {
    let looks = format!("{} of {} have a light background", thousands(looks_light), pictures(read));
    match (choice, polarity) {
        (PolarityChoice::PerPicture, _) => note(&format!("polarity per picture: {looks} and were inverted")),
        (PolarityChoice::Auto, Polarity::DarkOnLight) => note(&format!(
            "polarity dark-on-light: {looks}; all were inverted (--polarity light-on-dark keeps them)"
        )),
        (PolarityChoice::Auto, _) => note(&format!(
            "polarity light-on-dark: {looks}; none was inverted (--polarity dark-on-light inverts all)"
        )),
        _ => {}
    }
}

/// The size of all pictures, if it is the same and small. Ignores unreadable pictures, which are
/// reported later.
fn common_size(files: &LabeledFiles) -> Option<ImageShape> {
    let all = all_files(files);
    let sizes: Vec<_> = all.par_iter().filter_map(|path| GrayPicture::size_of(path).ok()).collect();
    let &(width, height) = sizes.first()?;
    let is_common = sizes.iter().all(|&size| size == (width, height));
    let is_small = |side| (1..=MAX_KEPT_SIDE).contains(&side);
    (is_common && is_small(width) && is_small(height)).then_some(ImageShape { height, width })
}

impl Preprocessor {
    /// Reads and preprocesses pictures in parallel, keeping their order.
    fn preprocess(&self, files: &[(PathBuf, u8)]) -> anyhow::Result<Images> {
        let shape = self.shape;
        let bytes = files.len().checked_mul(shape.pixels()).filter(|&bytes| bytes <= MAX_BYTES);
        if bytes.is_none() {
            bail!("{} of {shape} take more than 4 GB; choose a smaller --size", pictures(files.len()));
        }
        let one = |path: &Path| -> Result<(Preprocessed, bool), mlp_data::Error> {
            let picture = GrayPicture::read(path)?;
            let preprocessed = self.preprocessing.preprocess(&picture, shape, self.polarity);
            Ok((preprocessed, picture.is_first_of_several()))
        };
        let preprocessed: Vec<_> = files.par_iter().map(|(path, _)| one(path)).collect();
        let mut images = Images::default();
        let mut failed = 0;
        for ((path, label), preprocessed) in files.iter().zip(preprocessed) {
            match preprocessed {
                Ok((preprocessed, is_first)) => {
                    if preprocessed.is_blank {
                        images.blank.push(images.paths.len());
                    }
                    if is_first {
                        images.first_of_several.push(path.clone());
                    }
                    if preprocessed.figures > 1 {
                        images.several_figures.push(path.clone());
                    }
                    images.paths.push(path.clone());
                    images.labels.push(*label);
                    images.looks_light += usize::from(preprocessed.looks_light);
                    images.pixels.extend(preprocessed.pixels);
                }
                Err(error) => {
                    failed += 1;
                    messages::error(&error.into());
                }
            }
        }
        if failed > 0 {
            let of = format!("{failed} of {}", pictures(files.len()));
            if !self.skip_bad {
                bail!("cannot read {of}; remove them, or skip them with --skip-bad");
            }
            note(&format!("skipped {of}, which cannot be read"));
        }
        Ok(images)
    }
}

/// Reports blank and duplicate images, and files with several pictures or digits.
fn report_oddities(dir: &Path, sets: &[&Images]) {
    let shown =
        |path: &Path| printable(&path.strip_prefix(dir).unwrap_or(path).display().to_string()).into_owned();
    let sets = || sets.iter().copied();
    let frames: Vec<&PathBuf> = sets().flat_map(|images| &images.first_of_several).collect();
    let figures: Vec<&PathBuf> = sets().flat_map(|images| &images.several_figures).collect();
    for (files, what) in
        [(frames, "used only the first of several frames or pages"), (figures, "may show several digits")]
    {
        if let Some(first) = files.first() {
            note(&format!("{what}: {}, the first is {}", pictures(files.len()), shown(first)));
        }
    }
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
fn origin(args: &Args, preprocessor: &Preprocessor, share: Option<f64>, read: usize) -> String {
    let from = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let split = share
        .map_or("split by directory".to_owned(), |share| format!("test share {share}, seed {}", args.seed));
    format!(
        "{PROGRAM} data import: {} of {}, as images of {}, preprocessing {}, polarity {}, {split}",
        pictures(read),
        from.display(),
        preprocessor.shape,
        preprocessor.preprocessing,
        preprocessor.polarity
    )
}

/// `1 picture`, `2 pictures`.
fn pictures(count: usize) -> String {
    counted(count, "picture")
}
