//! `mlp data import`: a dataset from directories of pictures. mlp-data finds the classes; here the
//! pictures are preprocessed, on all threads, and oddities are reported.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use mlp_data::picture::{GrayPicture, LabeledFiles, Polarity, Preprocessed};
use mlp_data::{Dataset, Datasets, ImageShape, Preprocessing};
use mlp_train::TrainConfig;
use rayon::prelude::*;

use crate::output::messages::{self, note};
use crate::output::table::thousands;
use crate::output::version::PROGRAM;
use crate::parse;

/// The longest side of pictures that keep their size.
const SMALL: usize = 64;

/// The default size of images.
const USUAL: ImageShape = ImageShape { height: 28, width: 28 };

/// The maximum number of pictures that decide on the polarity.
const SAMPLES: usize = 300;

/// The upper bound of the bytes of all images.
const MAX_BYTES: usize = 4_000_000_000;

/// Create a dataset from your own pictures: a directory for each class, with PNG, JPEG, WebP, BMP,
/// TIFF, GIF or PGM files.
///
/// DIR contains `class-name/*.png`, or the same below `train/`, `test/` and `val/` (or other usual
/// names of these). The result is a directory for `--dataset`: IDX files like those of MNIST, and
/// `dataset.toml` with the class names, the preprocessing and the polarity, which models keep for
/// `mlp predict`. If the backgrounds are light, all pictures are inverted, as in MNIST;
/// `--polarity light-on-dark` keeps them.
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
    /// Directory to write, which must not exist
    #[arg(long, value_name = "DATASET_DIR")]
    to: PathBuf,
    /// Height and width of the images [default: those of the pictures if all agree and are at most
    /// 64x64, else 28x28]
    #[arg(long, value_name = "HxW", value_parser = parse::image_shape)]
    size: Option<ImageShape>,
    /// Preprocessing: as MNIST was made, or the whole picture scaled to fit
    #[arg(long, value_parser = parse::preprocessing(), default_value_t = Preprocessing::Whole)]
    preprocessing: Preprocessing,
    /// Polarity of ink and background; auto decides once for all pictures
    #[arg(long, value_enum, default_value_t)]
    polarity: Choice,
    /// Fraction of each class for the test set, if there is no `test/` [default: 0.2]
    #[arg(long, value_name = "SHARE")]
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

/// Which polarity pictures have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Choice {
    #[default]
    Auto,
    PerPicture,
    LightOnDark,
    DarkOnLight,
}

/// How all pictures become images.
struct Way {
    preprocessing: Preprocessing,
    polarity: Polarity,
    shape: ImageShape,
    skip_bad: bool,
}

/// Pictures that have become images.
#[derive(Default)]
struct Images {
    paths: Vec<PathBuf>,
    labels: Vec<u8>,
    pixels: Vec<u8>,
    blank: Vec<usize>, // their numbers
    looks_light: usize,
    first_of_several: Vec<PathBuf>,
    several_figures: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let files = LabeledFiles::find(&args.dir)?;
    files.notes.iter().for_each(|text| note(text));
    if files.strays > 0 {
        note(&format!("{} beside the classes' directories, left out", pictures(files.strays)));
    }
    if !files.left_out.is_empty() {
        note(&format!("left out: {}", files.left_out));
    }
    if let [only] = &files.class_names[..] {
        bail!(
            "{}: one class only, {only}: there is nothing to learn; expected a directory for each of two or more",
            args.dir.display()
        );
    }
    let share = match (&files.test, args.test_share) {
        (Some(_), Some(_)) => {
            bail!("--test-share, but {} has a test directory; give one of them", args.dir.display())
        }
        (Some(_), None) => None,
        (None, share) => Some(share.unwrap_or(0.2)),
    };
    let shape = args.size.unwrap_or_else(|| common_size(&files).unwrap_or(USUAL));
    let polarity = match args.polarity {
        Choice::Auto => common_polarity(&files),
        Choice::PerPicture => Polarity::Auto,
        Choice::LightOnDark => Polarity::LightOnDark,
        Choice::DarkOnLight => Polarity::DarkOnLight,
    };
    let way = Way { preprocessing: args.preprocessing, polarity, shape, skip_bad: args.skip_bad };
    let train = way.preprocess(&files.train)?;
    let validation = files.validation.as_ref().map(|files| way.preprocess(files)).transpose()?;
    let test = files.test.as_ref().map(|files| way.preprocess(files)).transpose()?;
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
            bail!("no picture of the class {name} is left to train with; expected at least one");
        }
        if test.class_counts()[class] == 0 {
            note(&format!("no picture of the class {name} is in the test set"));
        }
    }
    let origin = origin(args, &way, share, read);
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
        .map_or(String::new(), |set| format!(", {} to validate with", thousands(set.len())));
    writeln!(
        io::stdout(),
        "{}: images of {shape} in {} classes, {} to train with{validation} and {} to test with",
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

/// A batch size for so few examples that they do not make one of the usual size; ten steps in an
/// epoch.
fn batch_size_for(examples: usize) -> Option<usize> {
    (examples < TrainConfig::default().batch_size).then_some((examples / 10).max(1))
}

/// All files of a dataset.
fn all_files(files: &LabeledFiles) -> Vec<&Path> {
    let parts = [Some(&files.train), files.validation.as_ref(), files.test.as_ref()];
    parts.into_iter().flatten().flatten().map(|(path, _)| path.as_path()).collect()
}

/// The polarity that the pictures have together, from an even sample of those that can be read.
fn common_polarity(files: &LabeledFiles) -> Polarity {
    let all = all_files(files);
    let step = all.len().div_ceil(SAMPLES).max(1);
    let sample: Vec<&Path> = all.into_iter().step_by(step).collect();
    let evidence: Vec<f64> =
        sample.par_iter().filter_map(|path| GrayPicture::read(path).ok()?.light_ground()).collect();
    if 2.0 * evidence.iter().sum::<f64>() > evidence.len() as f64 {
        Polarity::DarkOnLight
    } else {
        Polarity::LightOnDark
    }
}

/// Says which polarity was decided on, and how many pictures look otherwise.
fn report_polarity(choice: Choice, polarity: Polarity, looks_light: usize, read: usize) {
    let looks = format!("{} of {} have a light background", thousands(looks_light), pictures(read));
    match (choice, polarity) {
        (Choice::PerPicture, _) => note(&format!("polarity per picture: {looks} and are inverted")),
        (Choice::Auto, Polarity::DarkOnLight) => note(&format!(
            "polarity dark-on-light: {looks}; all are inverted (--polarity light-on-dark keeps them)"
        )),
        (Choice::Auto, _) => note(&format!(
            "polarity light-on-dark: {looks}; none is inverted (--polarity dark-on-light inverts all)"
        )),
        _ => {}
    }
}

/// The size that all pictures have, if it is small. What cannot be read is left to be complained
/// about later.
fn common_size(files: &LabeledFiles) -> Option<ImageShape> {
    let all = all_files(files);
    let sizes: Vec<_> = all.par_iter().filter_map(|path| GrayPicture::size_of(path).ok()).collect();
    let &(width, height) = sizes.first()?;
    let is_common = sizes.iter().all(|&size| size == (width, height));
    (is_common && (1..=SMALL).contains(&width) && (1..=SMALL).contains(&height))
        .then_some(ImageShape { height, width })
}

impl Way {
    /// Reads pictures and makes images of them, in order.
    fn preprocess(&self, files: &[(PathBuf, u8)]) -> anyhow::Result<Images> {
        let shape = self.shape;
        let bytes = files.len().checked_mul(shape.pixels()).filter(|&bytes| bytes <= MAX_BYTES);
        if bytes.is_none() {
            bail!(
                "{} as images of {shape} are more than 4 GB; choose a smaller --size",
                pictures(files.len())
            );
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
                bail!("{of} cannot be read; remove them, or leave them out with --skip-bad");
            }
            note(&format!("left out: {of} that cannot be read"));
        }
        Ok(images)
    }
}

/// Says which images are blank, which are the same, and which files hold more pictures.
fn report_oddities(dir: &Path, sets: &[&Images]) {
    let shown = |path: &Path| path.strip_prefix(dir).unwrap_or(path).display().to_string();
    let sets = || sets.iter().copied();
    let frames: Vec<&PathBuf> = sets().flat_map(|images| &images.first_of_several).collect();
    let figures: Vec<&PathBuf> = sets().flat_map(|images| &images.several_figures).collect();
    for (files, what) in [
        (frames, "the first of several frames or pages is used"),
        (figures, "several digits may be on one picture"),
    ] {
        if let Some(first) = files.first() {
            note(&format!("{what}: {}, the first is {}", pictures(files.len()), shown(first)));
        }
    }
    let blank: Vec<&PathBuf> =
        sets().flat_map(|images| images.blank.iter().map(|&i| &images.paths[i])).collect();
    if let Some(first) = blank.first() {
        note(&format!("nothing on it: {}, the first is {}", pictures(blank.len()), shown(first)));
    }
    let mut seen: HashMap<&[u8], (&Path, u8)> = HashMap::new();
    let (mut same, mut contrary) = (Vec::new(), Vec::new());
    for images in sets() {
        let size = images.pixels.len() / images.paths.len().max(1);
        let examples = images.paths.iter().zip(&images.labels).zip(images.pixels.chunks_exact(size.max(1)));
        for ((path, &label), pixels) in examples {
            match seen.get(pixels) {
                Some(&(first, class)) if class == label => same.push((first, path)),
                Some(&(first, _)) => contrary.push((first, path)),
                None => drop(seen.insert(pixels, (path, label))),
            }
        }
    }
    for (pairs, what) in [(same, "another of its class"), (contrary, "one of another class")] {
        if let Some((first, path)) = pairs.first() {
            let (path, first) = (shown(path), shown(first));
            note(&format!(
                "the same image as {what}: {}, the first is {path}, as {first}",
                pictures(pairs.len())
            ));
        }
    }
}

fn split(all: Dataset, share: f64, seed: u64, names: &[String]) -> anyhow::Result<(Dataset, Dataset)> {
    if let Some((class, &count)) = all.class_counts().iter().enumerate().find(|&(_, &count)| count < 2) {
        bail!(
            "{} of the class {}; expected at least 2, one to train with and one to test with",
            pictures(count),
            names[class]
        );
    }
    all.split_stratified(share, seed).with_context(|| format!("--test-share {share}"))
}

/// Where the images came from, for people to read.
fn origin(args: &Args, way: &Way, share: Option<f64>, read: usize) -> String {
    let from = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let split = share.map_or("as in its train and test".to_owned(), |share| {
        format!("test share {share} by seed {}", args.seed)
    });
    format!(
        "{PROGRAM} data import: {} of {}, as images of {}, preprocessing {}, polarity {}, {split}",
        pictures(read),
        from.display(),
        way.shape,
        way.preprocessing,
        way.polarity
    )
}

/// So many pictures, in words.
fn pictures(count: usize) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{} pictures", thousands(count)) }
}
