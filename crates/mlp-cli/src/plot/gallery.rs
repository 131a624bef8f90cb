//! Plots made of images: first-layer weights and the most confident errors.

use anyhow::bail;
use mlp_core::{Mlp, Scalar};
use mlp_data::ImageShape;
use mlp_train::{Matched, Model, Network};

use super::drawing::{Anchor, Drawing, EDGE, Font, HEADING, Ink, NOTE};
use super::raster::Raster;
use super::text;
use super::ticks::number;
use crate::output::table::counted;
use crate::predictions::Misclassified;

const WIDTH: f64 = 720.0;
/// The width between the margins.
const ROOM: f64 = WIDTH - 2.0 * EDGE;
/// The top of the images, below the heading.
const TOP: f64 = EDGE + 54.0;

/// Shows the first-layer weights of up to `max` units, one image per unit.
///
/// # Errors
/// If there are no hidden units.
pub(crate) fn weights(model: &Model, max: usize) -> anyhow::Result<Drawing> {
    if model.network.architecture().hidden.is_empty() {
        bail!("the network has no hidden layer, so there are no hidden units to show");
    }
    let mut units = first_layer_weights(&model.network);
    let all = units.len();
    units.truncate(max);
    let first = if max < all { format!("First {max} of ") } else { String::new() };
    let note = format!("{first}{}, one image per unit", counted(all, "hidden unit"));
    Ok(weights_figure(&units, model.metadata.image_shape, "First-layer weights", &note))
}

/// Returns the weights of each unit of the first layer.
pub(crate) fn first_layer_weights(network: &Network) -> Vec<Vec<f64>> {
    fn columns<A: Scalar>(network: &Mlp<A>) -> Vec<Vec<f64>> {
        let columns = network.layers()[0].weights();
        columns.columns().into_iter().map(|unit| unit.iter().map(|&w| w.into_f64()).collect()).collect()
    }
    match network {
        Network::F32(network) => columns(network),
        Network::F64(network) => columns(network),
    }
}

/// Draws the weights of each unit as an image on a common scale. Also returns the weight that has
/// the full color.
pub(crate) fn unit_images(units: &[Vec<f64>], shape: ImageShape) -> (Vec<Raster>, f64) {
    let sizes = units.iter().flatten().filter(|value| value.is_finite()).map(|value| value.abs());
    // A quantile, because a few extreme weights of border pixels would make all others pale.
    let limit = quantile(sizes.collect(), 0.995);
    (units.iter().map(|unit| Raster::signed(shape.width, unit, limit)).collect(), limit)
}

/// Arranges the [`unit_images`] in a grid with a color scale.
fn weights_figure(units: &[Vec<f64>], shape: ImageShape, title: &str, note: &str) -> Drawing {
    let (images, limit) = unit_images(units, shape);
    let ratio = shape.height as f64 / shape.width as f64;
    let columns = ((units.len() as f64 * ratio).sqrt().ceil() as usize).clamp(1, units.len().max(1));
    let grid = Raster::grid(&images, columns, (shape.width / 14).max(1));
    // A few small images do not have to fill the width.
    let scale = (ROOM / grid.width as f64).min(4.0);
    let (width, height) = (grid.width as f64 * scale, grid.height as f64 * scale);
    let mut drawing = Drawing::new(title, WIDTH, TOP + height + 44.0 + EDGE);
    drawing.heading((EDGE, HEADING), title, note, ROOM);
    drawing.image((EDGE, TOP), (width, height), grid);
    scale_bar(&mut drawing, (EDGE, TOP + height + 20.0), limit);
    drawing
}

fn scale_bar(drawing: &mut Drawing, (left, top): (f64, f64), limit: f64) {
    const STEPS: usize = 49;
    let ramp: Vec<f64> = (0..STEPS).map(|step| step as f64 / (STEPS - 1) as f64 * 2.0 - 1.0).collect();
    let ends = number(limit, 3);
    let from = format!("−{ends}");
    drawing.text((left, top + 11.0), &from, NOTE);
    let start = left + text::width(&from, NOTE.size) + 8.0;
    drawing.image((start, top), (160.0, 14.0), Raster::signed(STEPS, &ramp, 1.0));
    drawing.text((start + 168.0, top + 11.0), &format!("{ends}  weight (0 is transparent)"), NOTE);
}

/// Returns the given quantile, or 1 if there are no values.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return 1.0;
    }
    let place = ((values.len() - 1) as f64 * share) as usize;
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

/// Shows the first `max` errors: image, true class, prediction, confidence and index.
pub(crate) fn errors(
    all: &[Misclassified],
    max: usize,
    names: &[String],
    matched: &Matched<'_>,
    set: &str,
) -> Drawing {
    let data = &*matched.data;
    const COLUMNS: usize = 6;
    const GAP: f64 = 14.0;
    const CAPTIONS: f64 = 68.0;
    let shown = &all[..all.len().min(max)];
    let side = (ROOM - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let shape = data.shape();
    let longest = shape.width.max(shape.height) as f64;
    let (width, height) = (side * shape.width as f64 / longest, side * shape.height as f64 / longest);
    let rows = shown.len().div_ceil(COLUMNS);
    let title = format!("Most confident errors on {set}");
    let mut drawing = Drawing::new(&title, WIDTH, TOP + (height + CAPTIONS) * rows as f64 + EDGE);
    let (errors, examples) = (counted(all.len(), "error"), counted(data.len(), "example"));
    let note = match shown.len() {
        0 => format!("None: no errors on {examples}"),
        count => format!("{count} of {errors} on {examples}"),
    };
    drawing.heading((EDGE, HEADING), &title, &note, ROOM);
    for (place, error) in shown.iter().enumerate() {
        let left = EDGE + (side + GAP) * (place % COLUMNS) as f64;
        let top = TOP + (height + CAPTIONS) * (place / COLUMNS) as f64;
        drawing.image((left, top), (width, height), Raster::gray(shape.width, data.image(error.index)));
        // Rounded down: an error is never 100% confident.
        let percent = (error.probability * 1000.0).floor() / 10.0;
        let lines = [
            (format!("true: {}", names[error.label]), Ink::Text),
            (format!("pred: {}", names[error.prediction]), Ink::Palette(1)),
            (format!("{percent:.1}% confident"), Ink::Muted),
            (format!("example {}", matched.index(error.index)), Ink::Muted),
        ];
        for (number, (words, ink)) in lines.into_iter().enumerate() {
            let font = Font { size: 12.0, anchor: Anchor::Start, ink };
            let at = (left, top + height + 14.0 * (number + 1) as f64 + 1.0);
            drawing.text(at, &text::fit(&words, font.size, side), font);
        }
    }
    drawing
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;
    use tiny_skia::Pixmap;

    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 4, width: 3 };

    #[test]
    fn weights_are_drawn_in_svg_and_png() {
        let units: Vec<Vec<f64>> =
            (0..5).map(|unit| (0..12).map(|i| f64::from(i - 5 + unit)).collect()).collect();
        let drawing = weights_figure(&units, SHAPE, "weights", "5 units");
        let svg = drawing.svg();
        let document = Document::parse(&svg).unwrap();
        assert_eq!(document.descendants().filter(|node| node.has_tag_name("image")).count(), 2);
        let picture = Pixmap::decode_png(&drawing.png().unwrap()).unwrap();
        let orange = picture.pixels().iter().filter(|p| p.red() > 200 && p.blue() < 60).count();
        let blue = picture.pixels().iter().filter(|p| p.blue() > 180 && p.red() < 80).count();
        assert!(orange > 500 && blue > 500, "{orange} {blue}");
    }

    #[test]
    fn the_weights_of_a_wide_network_make_a_small_file() {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) - 0.5
        };
        let units: Vec<Vec<f64>> = (0..3072).map(|_| (0..784).map(|_| random()).collect()).collect();
        let drawing = weights_figure(&units, ImageShape { height: 28, width: 28 }, "wide", "3,072 units");
        assert!(drawing.svg().len() < 4_000_000, "{}", drawing.svg().len());
    }

    #[test]
    fn an_error_has_its_classes_and_confidence() {
        let pixels = [0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255];
        let data = mlp_data::Dataset::new(pixels.to_vec(), SHAPE, vec![0], 2).unwrap();
        let names = ["<4>", "9"].map(str::to_owned);
        let data = mlp_train::match_classes(&data, &names, &names).unwrap();
        let error = Misclassified { index: 0, label: 0, prediction: 1, probability: 0.99999 };
        let texts = errors(&[error], 1, &names, &data, "errors").texts();
        let expected = ["true: <4>", "pred: 9", "99.9% confident", "example 0", "1 of 1 error on 1 example"];
        for text in expected {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        assert!(errors(&[], 1, &names, &data, "none").png().is_ok());
    }
}
