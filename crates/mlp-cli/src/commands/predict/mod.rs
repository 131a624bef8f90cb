//! `mlp predict`: classify pictures. They are read and preprocessed in parallel, a batch at a time.
//! `sources` lists the pictures, `writer` formats the predictions, and `summary` makes notes.

mod sources;
mod summary;
mod writer;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;
use mlp_core::argmax;
use mlp_data::picture::{GrayPicture, Polarity, Preprocessed};
use mlp_data::{ImageShape, Preprocessing};
use mlp_train::{Kernel, Model};
use rayon::prelude::*;

use self::sources::{Content, Source, Sources};
use self::summary::Summary;
use self::writer::{Format, Prediction, Writer};
use crate::output::messages::{self, note};
use crate::output::tiles::{Tile, draw_for_stdout};
use crate::parse;
use crate::recipe::choices::KernelArgs;
use crate::runs::load_model;
use mlp_data::text::printable;

/// Sizes of the first and the largest batch. Batches double, so that the first predictions appear
/// soon.
const BATCHES: (usize, usize) = (8, 512);

/// Classify images.
///
/// Pictures can be any size, light on dark or dark on light. They are preprocessed like the images
/// the model was trained on: cropped and centered like MNIST for models of handwriting, scaled as a
/// whole for others. Images of the right size in IDX files are used unchanged, unless --polarity,
/// --segment or --preprocessing is given.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp predict runs/mnist seven.png
  mlp predict runs/mnist scans/ --show
  mlp predict runs/mnist scans/ --format csv > predictions.csv
  mlp predict runs/mnist data/mnist/t10k-images-idx3-ubyte.gz --format json | head -1
  magick photo.jpg -crop 200x200+10+10 png:- | mlp predict runs/mnist -")]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// PNG, JPEG, WebP, BMP, TIFF, GIF or PNM pictures, IDX files, directories of pictures, or `-`
    /// for a picture on standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Number of most likely classes in the table
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    top: u8,
    /// Show the preprocessed images
    #[arg(long)]
    show: bool,
    /// Preprocessing: `digit` crops and centers like MNIST, `whole` scales the whole picture,
    /// `none` also keeps light and dark [default: the model's]
    #[arg(long, value_enum)]
    preprocessing: Option<PreprocessingChoice>,
    /// Classify each digit in a row of digits, from left to right
    #[arg(long)]
    segment: bool,
    /// Polarity of ink and background; `auto` detects it for each picture [default: the model's]
    #[arg(long, value_parser = parse::polarity())]
    polarity: Option<Polarity>,
    #[command(flatten)]
    kernel: KernelArgs,
}

/// Values of `--preprocessing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PreprocessingChoice {
    None,
    Digit,
    Whole,
}

/// Turns pictures into inputs of a model.
struct Preprocessor {
    shape: ImageShape,
    chosen: Option<PreprocessingChoice>,
    default: Preprocessing,
    polarity: Polarity,
    segment: bool,
    /// Use images of the right size in IDX files unchanged, since no option asks for anything else.
    keep_ready: bool,
}

/// A preprocessed picture, and whether it is the first of several in its file.
type Image = (Preprocessed, bool);

impl Preprocessor {
    fn new(args: &Args, model: &Model) -> anyhow::Result<Self> {
        if let (Some(PreprocessingChoice::None), Some(_)) = (args.preprocessing, args.polarity) {
            bail!("--polarity has no effect with --preprocessing none; use only one of them");
        }
        if args.preprocessing == Some(PreprocessingChoice::None) && args.segment {
            bail!("--segment has no effect with --preprocessing none; use only one of them");
        }
        Ok(Self {
            shape: model.metadata.image_shape,
            chosen: args.preprocessing,
            default: model.metadata.preprocessing,
            polarity: args.polarity.unwrap_or(model.metadata.polarity),
            segment: args.segment,
            keep_ready: args.preprocessing.is_none() && args.polarity.is_none() && !args.segment,
        })
    }

    /// Returns the preprocessed picture, or its segments with `--segment`.
    fn preprocess(&self, content: Content) -> Result<Vec<Image>, mlp_data::Error> {
        let picture = match content {
            Content::File(path) => GrayPicture::read(&path)?,
            Content::StandardInput => GrayPicture::read_from(io::stdin().lock(), "standard input".as_ref())?,
            Content::Image(image) => {
                // An image of the right size in an IDX file is already preprocessed.
                let is_ready = (image.height(), image.width()) == (self.shape.height, self.shape.width);
                if is_ready && self.keep_ready {
                    return Ok(vec![(self.only_scaled(&image), false)]);
                }
                image
            }
        };
        let preprocessing = match self.chosen {
            Some(PreprocessingChoice::None) => {
                return Ok(vec![(self.only_scaled(&picture), picture.is_first_of_several())]);
            }
            Some(PreprocessingChoice::Digit) => Preprocessing::Digit,
            Some(PreprocessingChoice::Whole) => Preprocessing::Whole,
            None => self.default,
        };
        let is_first = picture.is_first_of_several();
        let (segments, polarity) =
            if self.segment { picture.segments(self.polarity) } else { (vec![picture], self.polarity) };
        let image = |segment| (preprocessing.preprocess(segment, self.shape, polarity), is_first);
        Ok(segments.iter().map(image).collect())
    }

    fn only_scaled(&self, picture: &GrayPicture) -> Preprocessed {
        let pixels = picture.scaled(self.shape);
        let is_blank = pixels.iter().all(|&pixel| pixel == pixels[0]);
        // Not inverted, so it does not matter how the picture looks.
        Preprocessed {
            pixels,
            was_inverted: false,
            is_blank,
            looks_light: false,
            figures: 1,
            doubts: Vec::new(),
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.show && args.format != Format::Table {
        bail!("--show works only with --format table");
    }
    let (_, model) = load_model(&args.model)?;
    let preprocessor = Preprocessor::new(args, &model)?;
    let mut sources = Sources::new(&args.files)?;
    let mut writer = Writer::new(args.format, args.top.into(), &model.metadata, sources.name_width());
    let (mut size, mut read, mut failed) = (BATCHES.0, 0, 0);
    let mut summary = Summary::default();
    loop {
        let batch: Vec<Source> = sources.by_ref().take(size).collect();
        if batch.is_empty() {
            break;
        }
        size = (2 * size).min(BATCHES.1);
        let (predictions, errors) = classify(&model, &preprocessor, batch, args.kernel.of(&model))?;
        (read, failed) = (read + predictions.len(), failed + errors.len());
        predictions.iter().for_each(|prediction| summary.add(prediction));
        // Flushed before errors are printed, which may go to the same terminal.
        let mut out = io::stdout().lock();
        if args.show && !predictions.is_empty() {
            write!(out, "{}", drawn(&predictions, &model))?;
        }
        write!(out, "{}", writer.write(&predictions))?;
        out.flush()?;
        drop(out);
        errors.iter().for_each(messages::error);
    }
    if !sources.left_out.is_empty() {
        note(&printable(&format!("left out: {}", sources.left_out)));
    }
    summary.notes(preprocessor.polarity, args.polarity.is_some()).iter().for_each(|text| note(text));
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if read + failed > 1 {
        note(&format!("{failed} of {} images could not be read", read + failed));
    }
    Ok(ExitCode::from(2))
}

/// Classifies a batch. Returns the predictions in order, and the errors of unreadable pictures.
fn classify(
    model: &Model,
    preprocessor: &Preprocessor,
    batch: Vec<Source>,
    kernel: Kernel,
) -> anyhow::Result<(Vec<Prediction>, Vec<anyhow::Error>)> {
    let preprocessed: Vec<anyhow::Result<(String, Vec<Image>)>> = batch
        .into_par_iter()
        .map(|source| {
            let preprocessed = source.content.and_then(|content| preprocessor.preprocess(content));
            Ok((source.name, preprocessed?))
        })
        .collect();
    let (mut named, mut errors) = (Vec::new(), Vec::new());
    for result in preprocessed {
        match result {
            Ok((name, images)) if images.len() == 1 => {
                named.extend(images.into_iter().map(|image| (name.clone(), image)))
            }
            Ok((name, images)) => {
                named
                    .extend(images.into_iter().enumerate().map(|(i, image)| (format!("{name}[{i}]"), image)));
            }
            Err(error) => errors.push(error),
        }
    }
    let pixels: Vec<u8> =
        named.iter().flat_map(|(_, (preprocessed, _))| &preprocessed.pixels).copied().collect();
    let probabilities = model.network.probabilities(&pixels, kernel)?;
    let rows = named.into_iter().zip(probabilities.rows());
    let predictions = rows.map(|((name, (preprocessed, is_first_of_several)), row)| Prediction {
        name,
        class: argmax(row.iter().copied()),
        probabilities: row.to_vec(),
        preprocessed,
        is_first_of_several,
    });
    Ok((predictions.collect(), errors))
}

fn drawn(predictions: &[Prediction], model: &Model) -> String {
    let tiles: Vec<Tile<'_>> = predictions
        .iter()
        .map(|prediction| Tile {
            pixels: &prediction.preprocessed.pixels,
            width: model.metadata.image_shape.width,
            caption: prediction.caption(&model.metadata),
        })
        .collect();
    format!("{}\n", draw_for_stdout(&tiles))
}
