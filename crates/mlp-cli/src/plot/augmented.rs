//! Plot of augmentation: training images, and what the network sees of them.

use mlp_data::{Augmentation, Augmenter, Dataset};

use super::drawing::{Drawing, EDGE, HEADING, NOTE};
use super::raster::Raster;

const WIDTH: f64 = 720.0;
/// Distorted images of each example.
const EPOCHS: usize = 9;
/// Examples, each of another class.
const MAX_EXAMPLES: usize = 10;
/// Space between the originals and the distorted images.
const GAP: f64 = 24.0;
const TOP: f64 = EDGE + 72.0;

/// Shows the first example of each class beside its images in the first epochs.
pub(crate) fn augmented(train: &Dataset, limits: &Augmentation, seed: u64, set: &str) -> Drawing {
    let shape = train.shape();
    let first = |class| train.labels().iter().position(|&label| usize::from(label) == class);
    let examples: Vec<usize> = (0..train.classes()).filter_map(first).take(MAX_EXAMPLES).collect();
    let mut augmenter = Augmenter::new(limits, shape, seed);
    let (mut originals, mut distorted) = (Vec::new(), Vec::new());
    for index in examples {
        originals.push(Raster::gray(shape.width, train.image(index)));
        for epoch in 0..EPOCHS {
            let mut image = vec![0; shape.pixels()];
            augmenter.image(train, epoch as u64, index, &mut image);
            distorted.push(Raster::gray(shape.width, &image));
        }
    }
    let gap = (shape.width / 14).max(1);
    let (originals, distorted) = (Raster::grid(&originals, 1, gap), Raster::grid(&distorted, EPOCHS, gap));
    let scale = (WIDTH - 2.0 * EDGE - GAP) / (originals.width + distorted.width) as f64;
    let size = |raster: &Raster| (raster.width as f64 * scale, raster.height as f64 * scale);
    let (left, right) = (EDGE, EDGE + size(&originals).0 + GAP);
    let title = format!("Augmentation of {set}");
    let mut drawing = Drawing::new(&title, WIDTH, TOP + size(&originals).1 + EDGE);
    drawing.heading((EDGE, HEADING), &title, &note(limits), WIDTH - 2.0 * EDGE);
    for (at, caption, raster) in
        [(left, "original", originals), (right, &*format!("epochs 1 to {EPOCHS}"), distorted)]
    {
        drawing.text((at, TOP - 8.0), caption, NOTE);
        drawing.image((at, TOP), size(&raster), raster);
    }
    drawing
}

/// The limits in words.
fn note(limits: &Augmentation) -> String {
    let Augmentation { rotation, scale, shear, translate, elastic_alpha, elastic_sigma, flip, .. } = limits;
    let flips = if *flip { ", half mirrored" } else { "" };
    format!(
        "Rotation ±{rotation}°, scale ±{}%, shear ±{shear}, translation ±{translate} px, elastic α {elastic_alpha} px, \
         σ {elastic_sigma} px{flips}",
        (scale * 1000.0).round() / 10.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_row() {
        let train = mlp_data::synthetic::digits(200, 1, 0).train;
        let drawing = augmented(&train, &Augmentation::default(), 0, "synthetic (train)");
        let texts = drawing.texts();
        assert!(texts.iter().any(|text| text.starts_with("Rotation ±15°, scale ±15%")), "{texts:?}");
        let picture = &tiny_skia::Pixmap::decode_png(&drawing.png().unwrap()).unwrap();
        let white = |rows: std::ops::Range<u32>| {
            let pixels = |y| (0..picture.width()).filter_map(move |x| picture.pixel(x, y));
            rows.flat_map(pixels).any(|pixel| pixel.red() > 200)
        };
        assert!(picture.height() > picture.width(), "ten rows of ten images and a heading");
        assert!((0..10).all(|row| {
            let top = picture.height() * (12 + 8 * row) / 100;
            white(top..top + picture.height() / 15)
        }));
    }
}
