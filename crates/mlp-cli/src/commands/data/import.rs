//! `mlp data import`: a dataset from directories of pictures. mlp-data finds the classes; here the
//! pictures are preprocessed, on all threads, and oddities are reported.

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

/// The longest side of pictures that keep their size.
const SMALL: usize = 64;

/// The default size of images.
const USUAL: ImageShape = ImageShape { height: 28, width: 28 };

/// The upper bound of the bytes of all images.
const MAX_BYTES: usize = 4_000_000_000;

/// Create a dataset from your own pictures: a directory for each class, with PNG, JPEG or PGM
/// files.
///
/// DIR contains `class-name/*.png`, or `train/class-name/*.png` and `test/class-name/*.png`. The
/// result is a directory for `--dataset`: four IDX files like those of MNIST, and `dataset.toml`
/// with the class names and the preprocessing, which models keep for `mlp predict`. The background
/// becomes dark and the ink light, as in MNIST; `--polarity light-on-dark` keeps both.
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
    /// Polarity of ink and background
    #[arg(long, value_parser = parse::polarity(), default_value_t)]
    polarity: Polarity,
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

/// Pictures that have become images.
struct Images {
    paths: Vec<PathBuf>,
    labels: Vec<u8>,
    pixels: Vec<u8>,
    blank: Vec<usize>, // their numbers
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.to.symlink_metadata().is_ok() {
        return Err(mlp_data::Error::Exists { path: args.to.clone() }.into());
    }
    let files = LabeledFiles::find(&args.dir)?;
    if files.strays > 0 {
        note(&format!("{} beside the classes' directories, left out", pictures(files.strays)));
    }
    let share = match (&files.test, args.test_share) {
        (Some(_), Some(_)) => {
            bail!("--test-share, but {} has a test directory; give one of them", args.dir.display())
        }
        (Some(_), None) => None,
        (None, share) => Some(share.unwrap_or(0.2)),
    };
    let shape = args.size.unwrap_or_else(|| common_size(&files).unwrap_or(USUAL));
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
            bail!("no picture of the class {name} is left to train with; expected at least one");
        }
        if test.class_counts()[class] == 0 {
            note(&format!("no picture of the class {name} is in the test set"));
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
        "{}: images of {shape} in {} classes, {} to train with and {} to test with",
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

/// The size that all pictures have, if it is small. What cannot be read is left to be complained
/// about later.
fn common_size(files: &LabeledFiles) -> Option<ImageShape> {
    let all: Vec<&PathBuf> =
        files.train.iter().chain(files.test.iter().flatten()).map(|(path, _)| path).collect();
    let sizes: Vec<_> = all.par_iter().filter_map(|path| GrayPicture::size_of(path).ok()).collect();
    let &(width, height) = sizes.first()?;
    let is_common = sizes.iter().all(|&size| size == (width, height));
    (is_common && (1..=SMALL).contains(&width) && (1..=SMALL).contains(&height))
        .then_some(ImageShape { height, width })
}

/// Reads pictures and makes images of them, in order.
fn preprocess(args: &Args, shape: ImageShape, files: &[(PathBuf, u8)]) -> anyhow::Result<Images> {
    let bytes = files.len().checked_mul(shape.pixels()).filter(|&bytes| bytes <= MAX_BYTES);
    if bytes.is_none() {
        bail!("{} as images of {shape} are more than 4 GB; choose a smaller --size", pictures(files.len()));
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
        bail!(
            "{failed} of {} cannot be read; remove them, or leave them out with --skip-bad",
            pictures(files.len())
        );
    }
    Ok(images)
}

/// Says which images are blank, and which are the same.
fn report_oddities(dir: &Path, train: &Images, test: Option<&Images>) {
    let shown = |path: &Path| path.strip_prefix(dir).unwrap_or(path).display().to_string();
    let sets = || [Some(train), test].into_iter().flatten();
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
fn origin(args: &Args, shape: ImageShape, share: Option<f64>, read: usize) -> String {
    let from = args.dir.canonicalize().unwrap_or_else(|_| args.dir.clone());
    let split = share.map_or("as in its train and test".to_owned(), |share| {
        format!("test share {share} by seed {}", args.seed)
    });
    format!(
        "{PROGRAM} data import: {} of {}, as images of {shape}, preprocessing {}, polarity {}, {split}",
        pictures(read),
        from.display(),
        args.preprocessing,
        args.polarity
    )
}

/// So many pictures, in words.
fn pictures(count: usize) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{} pictures", thousands(count)) }
}
