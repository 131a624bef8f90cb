//! Preprocesses examples into images, and reports unusual ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::bail;
use mlp_data::picture::{Polarity, Preprocessed};
use mlp_data::text::printable;
use mlp_data::{ImageShape, Preprocessing};
use rayon::prelude::*;

use super::source::{Examples, pictures};
use crate::output::messages::{self, note};

/// Maximum total size of the images in bytes.
const MAX_BYTES: usize = 4_000_000_000;

/// Reads and preprocesses pictures.
pub(super) struct Preprocessor {
    pub(super) preprocessing: Preprocessing,
    pub(super) polarity: Polarity,
    pub(super) shape: ImageShape,
    pub(super) skip_bad: bool,
}

/// Preprocessed examples.
pub(super) struct Images<'s> {
    source: &'s Examples,
    indices: Vec<usize>, // in the source
    pub(super) labels: Vec<u8>,
    pub(super) pixels: Vec<u8>,
    pub(super) looks_light: usize,
    /// Unusual examples to report, by reason.
    odd: BTreeMap<&'static str, Vec<usize>>,
}

impl Images<'_> {
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }
}

impl Preprocessor {
    /// Reads and preprocesses examples in parallel, keeping their order.
    pub(super) fn preprocess<'s>(&self, source: &'s Examples) -> anyhow::Result<Images<'s>> {
        let shape = self.shape;
        let bytes = source.len().checked_mul(shape.pixels()).filter(|&bytes| bytes <= MAX_BYTES);
        if bytes.is_none() {
            bail!("{} of {shape} need more than 4 GB; choose a smaller --size", pictures(source.len()));
        }
        let one = |index: usize| -> Result<(Preprocessed, bool), mlp_data::Error> {
            let picture = source.picture(index)?;
            let preprocessed = self.preprocessing.preprocess(&picture, shape, self.polarity);
            Ok((preprocessed, picture.is_first_of_several()))
        };
        let preprocessed: Vec<_> = (0..source.len()).into_par_iter().map(one).collect();
        let mut images = Images {
            source,
            indices: Vec::new(),
            labels: Vec::new(),
            pixels: Vec::new(),
            looks_light: 0,
            odd: BTreeMap::new(),
        };
        let mut failed = 0;
        for (index, preprocessed) in preprocessed.into_iter().enumerate() {
            match preprocessed {
                Ok((preprocessed, is_first)) => {
                    let oddities = [
                        preprocessed.is_blank.then_some("blank"),
                        is_first.then_some("only the first of several frames or pages is used"),
                        (preprocessed.figures > 1).then_some("may show several digits"),
                    ];
                    let doubts = preprocessed.doubts.iter().map(|doubt| doubt.text());
                    for what in oddities.into_iter().flatten().chain(doubts) {
                        images.odd.entry(what).or_default().push(index);
                    }
                    images.indices.push(index);
                    images.labels.push(source.label(index));
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
            let of = format!("{failed} of {}", pictures(source.len()));
            if !self.skip_bad {
                bail!("cannot read {of}; remove them, or skip them with --skip-bad");
            }
            note(&format!("skipped {of}, which cannot be read"));
        }
        Ok(images)
    }
}

/// Reports unusual and duplicate images.
pub(super) fn report_oddities(sets: &[&Images<'_>]) {
    let shown = |source: &Examples, index: usize| printable(&source.name(index)).into_owned();
    let kinds: BTreeSet<&str> = sets.iter().flat_map(|images| images.odd.keys().copied()).collect();
    for what in kinds {
        let mut odd = sets.iter().flat_map(|images| {
            images.odd.get(what).into_iter().flatten().map(|&index| (images.source, index))
        });
        let count = odd.clone().count();
        if let Some((source, index)) = odd.next() {
            note(&format!("{what}: {}, the first is {}", pictures(count), shown(source, index)));
        }
    }
    let mut seen: HashMap<&[u8], (&Examples, usize, u8)> = HashMap::new();
    let (mut duplicates, mut conflicts) = (Vec::new(), Vec::new());
    for images in sets {
        let size = (images.pixels.len() / images.len().max(1)).max(1);
        let examples = images.indices.iter().zip(&images.labels).zip(images.pixels.chunks_exact(size));
        for ((&index, &label), pixels) in examples {
            let example = (images.source, index);
            match seen.get(pixels) {
                Some(&(source, first, class)) if class == label => {
                    duplicates.push(((source, first), example));
                }
                Some(&(source, first, _)) => conflicts.push(((source, first), example)),
                None => drop(seen.insert(pixels, (images.source, index, label))),
            }
        }
    }
    for (pairs, what) in [(duplicates, "in the same class"), (conflicts, "in another class")] {
        if let Some((first, example)) = pairs.first() {
            let (example, first) = (shown(example.0, example.1), shown(first.0, first.1));
            let count = pictures(pairs.len());
            note(&format!("duplicate of an image {what}: {count}, the first is {example}, same as {first}"));
        }
    }
}
