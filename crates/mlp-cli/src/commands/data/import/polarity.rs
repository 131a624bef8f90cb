//! The polarity and the size that the examples of a source have in common.

use clap::ValueEnum;
use mlp_data::ImageShape;
use mlp_data::picture::Polarity;
use rayon::prelude::*;

use super::source::{Examples, Source, pictures};
use crate::output::messages::note;
use crate::output::table::thousands;

/// Longest side of pictures that keep their size by default.
const MAX_KEPT_SIDE: usize = 64;

/// Maximum number of pictures that decide the polarity.
const MAX_SAMPLES: usize = 300;

/// Values of `--polarity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum PolarityChoice {
    #[default]
    Auto,
    PerPicture,
    LightOnDark,
    DarkOnLight,
}

impl PolarityChoice {
    /// The polarity of a source; `auto` decides once for all of it.
    pub(super) fn of(self, source: &Source) -> Polarity {
        match self {
            Self::Auto => common_polarity(source),
            Self::PerPicture => Polarity::Auto,
            Self::LightOnDark => Polarity::LightOnDark,
            Self::DarkOnLight => Polarity::DarkOnLight,
        }
    }
}

/// All examples of a source.
fn all(source: &Source) -> Vec<(&Examples, usize)> {
    source.parts().flat_map(|part| (0..part.len()).map(move |index| (part, index))).collect()
}

/// The polarity of most pictures, from an evenly spaced sample. Ignores unreadable pictures.
fn common_polarity(source: &Source) -> Polarity {
    let all = all(source);
    let step = all.len().div_ceil(MAX_SAMPLES).max(1);
    let sample: Vec<_> = all.into_iter().step_by(step).collect();
    let evidence: Vec<f64> =
        sample.par_iter().filter_map(|(part, index)| part.picture(*index).ok()?.light_ground()).collect();
    if 2.0 * evidence.iter().sum::<f64>() > evidence.len() as f64 {
        Polarity::DarkOnLight
    } else {
        Polarity::LightOnDark
    }
}

/// Reports the polarity and how many pictures have a light background.
pub(super) fn report_polarity(choice: PolarityChoice, polarity: Polarity, looks_light: usize, read: usize) {
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
pub(super) fn common_size(source: &Source) -> Option<ImageShape> {
    let all = all(source);
    let sizes: Vec<_> = all.par_iter().filter_map(|(part, index)| part.size(*index).ok()).collect();
    let &(width, height) = sizes.first()?;
    let is_common = sizes.iter().all(|&size| size == (width, height));
    let is_small = |side| (1..=MAX_KEPT_SIDE).contains(&side);
    (is_common && is_small(width) && is_small(height)).then_some(ImageShape { height, width })
}
