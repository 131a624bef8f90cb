//! `mlp predict`: classify pictures. `sources` lists them, `answers` prints the predictions. Here
//! they are read and preprocessed on all threads, a batch at a time and in order.

mod answers;
mod sources;

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

use self::answers::{Answer, Format, Writer};
use self::sources::{Content, Source, Sources};
use crate::output::messages::{self, note};
use crate::output::tiles::{Tile, draw_for_stdout};
use crate::parse;
use crate::recipe::choices::KernelArgs;
use crate::runs::load_model;

/// The sizes of the first and the largest batch. Batches double, so that the first predictions
/// appear soon.
const BATCHES: (usize, usize) = (8, 512);

/// Classify images of any size, light on dark or dark on light.
///
/// Each picture is preprocessed like the images that the model was trained on: as MNIST was made,
/// for models of handwriting, or scaled as a whole, for others. Images in IDX files of the right
/// size are used as they are.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp predict runs/mnist/model.mlp seven.png
  mlp predict runs/mnist/model.mlp scans/ --show
  mlp predict runs/mnist/model.mlp scans/ --format csv > predictions.csv
  mlp predict runs/mnist/model.mlp data/mnist/t10k-images-idx3-ubyte.gz --format json | head -1
  magick photo.jpg -crop 200x200+10+10 png:- | mlp predict runs/mnist/model.mlp -")]
pub(crate) struct Args {
    /// Model file, or the run directory of one
    model: PathBuf,
    /// PNG, JPEG, WebP, BMP, TIFF, GIF or PGM pictures, IDX files of images, directories of pictures, or `-` for one
    /// picture from standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Number of likeliest classes in a row of the table
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    top: u8,
    /// Show the preprocessed images
    #[arg(long)]
    show: bool,
    /// Preprocessing: as MNIST was made, scaled as a whole, or only scaled [default: that of the
    /// model]
    #[arg(long, value_enum)]
    preprocessing: Option<Way>,
    /// Answer for each of several digits side by side, from left to right
    #[arg(long)]
    segment: bool,
    /// Polarity of ink and background; auto decides for each picture [default: that of the model]
    #[arg(long, value_parser = parse::polarity())]
    polarity: Option<Polarity>,
    #[command(flatten)]
    kernel: KernelArgs,
}

/// How a picture becomes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    None,
    Digit,
    Whole,
}

/// What is done with every picture.
struct Preprocessor {
    shape: ImageShape,
    chosen: Option<Way>,
    of_the_model: Preprocessing,
    polarity: Polarity,
    segment: bool,
}

/// A preprocessed picture, and whether it is the first of several in its file.
type Image = (Preprocessed, bool);

impl Preprocessor {
    fn new(args: &Args, model: &Model) -> anyhow::Result<Self> {
        if let (Some(Way::None), Some(polarity)) = (args.preprocessing, args.polarity) {
            bail!(
                "--polarity {polarity} with --preprocessing none, which leaves light and dark as they are; give one of them"
            );
        }
        Ok(Self {
            shape: model.metadata.image_shape,
            chosen: args.preprocessing,
            of_the_model: model.metadata.preprocessing,
            polarity: args.polarity.unwrap_or(model.metadata.polarity),
            segment: args.segment,
        })
    }

    /// Returns one image, or one for each segment.
    fn preprocess(&self, content: Content) -> Result<Vec<Image>, mlp_data::Error> {
        let picture = match content {
            Content::File(path) => GrayPicture::read(&path)?,
            Content::StandardInput => GrayPicture::read_from(io::stdin().lock(), "standard input".as_ref())?,
            Content::Image(image) => {
                // Whatever has the form of the dataset is not a picture to be made one of its
                // images any more.
                let has_form = (image.height(), image.width()) == (self.shape.height, self.shape.width);
                if has_form && self.chosen.is_none() {
                    return Ok(vec![(self.as_it_is(&image), false)]);
                }
                image
            }
        };
        let preprocessing = match self.chosen {
            Some(Way::None) => return Ok(vec![(self.as_it_is(&picture), picture.is_first_of_several())]),
            Some(Way::Digit) => Preprocessing::Digit,
            Some(Way::Whole) => Preprocessing::Whole,
            None => self.of_the_model,
        };
        let is_first = picture.is_first_of_several();
        let (segments, polarity) = match self.segment {
            true => picture.segments(self.polarity),
            false => (vec![picture], self.polarity),
        };
        let image = |segment| (preprocessing.preprocess(segment, self.shape, polarity), is_first);
        Ok(segments.iter().map(image).collect())
    }

    fn as_it_is(&self, picture: &GrayPicture) -> Preprocessed {
        let pixels = picture.scaled(self.shape);
        let is_blank = pixels.iter().all(|&pixel| pixel == pixels[0]);
        // Nothing is inverted, so it does not matter how it looks.
        Preprocessed { pixels, was_inverted: false, is_blank, looks_light: false, figures: 1 }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.show && args.format != Format::Table {
        bail!(
            "--show draws for people to look at, and --format {} is for programs; give one of them",
            args.format.name()
        );
    }
    let (_, model) = load_model(&args.model)?;
    let preprocessor = Preprocessor::new(args, &model)?;
    let mut sources = Sources::new(&args.files)?;
    let mut writer = Writer::new(args.format, args.top.into(), &model.metadata, sources.name_width());
    let (mut size, mut read, mut failed) = (BATCHES.0, 0, 0);
    let mut seen = Seen::default();
    loop {
        let batch: Vec<Source> = sources.by_ref().take(size).collect();
        if batch.is_empty() {
            break;
        }
        size = (2 * size).min(BATCHES.1);
        let (answers, errors) = answer(&model, &preprocessor, batch, args.kernel.get())?;
        (read, failed) = (read + answers.len(), failed + errors.len());
        answers.iter().for_each(|answer| seen.add(answer));
        // Standard output is not held while errors are printed: on a terminal both are one.
        let mut out = io::stdout().lock();
        if args.show && !answers.is_empty() {
            write!(out, "{}", drawn(&answers, &model))?;
        }
        write!(out, "{}", writer.write(&answers))?;
        out.flush()?;
        drop(out);
        errors.iter().for_each(messages::error);
    }
    if !sources.left_out.is_empty() {
        note(&format!("left out: {}", sources.left_out));
    }
    seen.notes(&preprocessor, args.polarity.is_some()).iter().for_each(|text| note(text));
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if read + failed > 1 {
        note(&format!("{failed} of {} could not be read", read + failed));
    }
    Ok(ExitCode::from(2))
}

/// What is said about all pictures together.
#[derive(Default)]
struct Seen {
    pictures: usize,
    inverted: usize,
    looks_otherwise: usize,
    first_of_several: Option<String>,
    several_figures: Vec<String>,
}

impl Seen {
    fn add(&mut self, answer: &Answer) {
        let preprocessed = &answer.preprocessed;
        self.pictures += usize::from(!preprocessed.is_blank);
        self.inverted += usize::from(!preprocessed.is_blank && preprocessed.was_inverted);
        self.looks_otherwise +=
            usize::from(!preprocessed.is_blank && preprocessed.was_inverted != preprocessed.looks_light);
        if answer.is_first_of_several && self.first_of_several.is_none() {
            self.first_of_several = Some(answer.name.clone());
        }
        if preprocessed.figures > 1 {
            self.several_figures.push(answer.name.clone());
        }
    }

    fn notes(&self, preprocessor: &Preprocessor, was_asked: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = &self.first_of_several {
            notes.push(format!("the first of several frames or pages is used, in {first} for one"));
        }
        if let Some(first) = self.several_figures.first() {
            let (count, s) =
                (self.several_figures.len(), if self.several_figures.len() == 1 { "" } else { "s" });
            notes.push(format!(
                "{count} picture{s} may hold several digits, {first} for one; --segment answers for each digit"
            ));
        }
        let all = self.pictures;
        if preprocessor.polarity == Polarity::Auto && !was_asked && 0 < self.inverted && self.inverted < all {
            notes.push(format!(
                "polarity: {} of {all} pictures have a light background and are inverted; --polarity treats all alike",
                self.inverted
            ));
        }
        if preprocessor.polarity != Polarity::Auto && !was_asked && 2 * self.looks_otherwise > all {
            notes.push(format!(
                "polarity: {} of {all} pictures do not look {}, as those that the model was trained on; \
                 --polarity auto decides for each",
                self.looks_otherwise, preprocessor.polarity
            ));
        }
        notes
    }
}

/// What the model says of a batch, in its order, and what could not be read of it.
fn answer(
    model: &Model,
    preprocessor: &Preprocessor,
    batch: Vec<Source>,
    kernel: Kernel,
) -> anyhow::Result<(Vec<Answer>, Vec<anyhow::Error>)> {
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
    let answers = rows.map(|((name, (preprocessed, is_first_of_several)), row)| Answer {
        name,
        class: argmax(row.iter().copied()),
        probabilities: row.to_vec(),
        preprocessed,
        is_first_of_several,
    });
    Ok((answers.collect(), errors))
}

fn drawn(answers: &[Answer], model: &Model) -> String {
    let tiles: Vec<Tile<'_>> = answers
        .iter()
        .map(|answer| Tile {
            pixels: &answer.preprocessed.pixels,
            width: model.metadata.image_shape.width,
            caption: answer.caption(&model.metadata),
        })
        .collect();
    format!("{}\n", draw_for_stdout(&tiles))
}
