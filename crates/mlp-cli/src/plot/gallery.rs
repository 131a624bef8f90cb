//! Figures made of images: the weights of hidden units, and the most confident errors.

use anyhow::bail;
use mlp_core::{Mlp, Scalar};
use mlp_data::{Dataset, ImageShape};
use mlp_train::{Model, Network};

use super::drawing::{Anchor, Drawing, EDGE, Font, HEADING, Ink, NOTE};
use super::raster::Raster;
use super::text;
use super::ticks::number;
use crate::output::table::thousands;
use crate::predictions::Misclassified;

const WIDTH: f64 = 720.0;
/// The room between the edges.
const ROOM: f64 = WIDTH - 2.0 * EDGE;
/// The top of the images, under the headings.
const TOP: f64 = EDGE + 54.0;

/// The weights of the first layer, at most `max` units, as an image each.
///
/// # Errors
/// If there are no hidden units.
pub(crate) fn weights(model: &Model, max: usize) -> anyhow::Result<Drawing> {
    if model.network.architecture().hidden.is_empty() {
        bail!("the network has no hidden layer; expected one whose weights can be shown");
    }
    let mut units = first_layer_weights(&model.network);
    let all = units.len();
    units.truncate(max);
    let which = if max < all { format!("first {max} of {all}") } else { format!("{all}") };
    let note = format!("{which} units of the first layer, one image each, row by row");
    Ok(weights_figure(&units, model.metadata.image_shape, "Weights of the hidden units", &note))
}

/// The weights of each unit of the first layer.
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

/// The weights of each unit as an image, all on one scale, and the weight that has the full color.
pub(crate) fn unit_images(units: &[Vec<f64>], shape: ImageShape) -> (Vec<Raster>, f64) {
    let sizes = units.iter().flatten().filter(|value| value.is_finite()).map(|value| value.abs());
    // A few weights of pixels at the border, which are always zero, would make all others pale.
    let limit = quantile(sizes.collect(), 0.995);
    (units.iter().map(|unit| Raster::signed(shape.width, unit, limit)).collect(), limit)
}

/// The [`unit_images`] in a grid, with a scale.
fn weights_figure(units: &[Vec<f64>], shape: ImageShape, title: &str, note: &str) -> Drawing {
    let (images, limit) = unit_images(units, shape);
    let ratio = shape.height as f64 / shape.width as f64;
    let columns = ((units.len() as f64 * ratio).sqrt().ceil() as usize).clamp(1, units.len().max(1));
    let grid = Raster::grid(&images, columns, (shape.width / 14).max(1));
    // A few small images need not fill the width.
    let scale = (ROOM / grid.width as f64).min(4.0);
    let (width, height) = (grid.width as f64 * scale, grid.height as f64 * scale);
    let mut drawing = Drawing::new(title, WIDTH, TOP + height + 44.0 + EDGE);
    drawing.heading((EDGE, HEADING), title, note, ROOM);
    drawing.image((EDGE, TOP), (width, height), grid);
    scale_bar(&mut drawing, (EDGE, TOP + height + 20.0), limit);
    drawing
}

/// The scale of the colors.
fn scale_bar(drawing: &mut Drawing, (left, top): (f64, f64), limit: f64) {
    const STEPS: usize = 49;
    let ramp: Vec<f64> = (0..STEPS).map(|step| step as f64 / (STEPS - 1) as f64 * 2.0 - 1.0).collect();
    let ends = number(limit, 3);
    let from = format!("−{ends}");
    drawing.text((left, top + 11.0), &from, NOTE);
    let start = left + text::width(&from, NOTE.size) + 8.0;
    drawing.image((start, top), (160.0, 14.0), Raster::signed(STEPS, &ramp, 1.0));
    drawing.text((start + 168.0, top + 11.0), &format!("{ends}  weight; zero is transparent"), NOTE);
}

/// The given quantile of the values; 1 if there are none.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return 1.0;
    }
    let place = ((values.len() - 1) as f64 * share) as usize;
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

/// The first `max` errors with their image, true class, prediction and its probability.
pub(crate) fn errors(
    all: &[Misclassified],
    max: usize,
    names: &[String],
    data: &Dataset,
    set: &str,
) -> Drawing {
    const COLUMNS: usize = 6;
    const GAP: f64 = 14.0;
    const CAPTIONS: f64 = 52.0;
    let shown = &all[..all.len().min(max)];
    let side = (ROOM - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let shape = data.shape();
    let longest = shape.width.max(shape.height) as f64;
    let (width, height) = (side * shape.width as f64 / longest, side * shape.height as f64 / longest);
    let rows = shown.len().div_ceil(COLUMNS);
    let title = format!("Errors on {set}");
    let mut drawing = Drawing::new(&title, WIDTH, TOP + (height + CAPTIONS) * rows as f64 + EDGE);
    let [errors, examples] = [all.len(), data.len()].map(thousands);
    let note = match shown.len() {
        0 => format!("none: all {examples} are correct"),
        count => format!("the most confident {count} of {errors} errors in {examples} examples"),
    };
    drawing.heading((EDGE, HEADING), &title, &note, ROOM);
    for (place, error) in shown.iter().enumerate() {
        let left = EDGE + (side + GAP) * (place % COLUMNS) as f64;
        let top = TOP + (height + CAPTIONS) * (place / COLUMNS) as f64;
        drawing.image((left, top), (width, height), Raster::gray(shape.width, data.image(error.index)));
        // Rounded down: an error is never 100% confident.
        let percent = (error.probability * 1000.0).floor() / 10.0;
        let lines = [
            (format!("{}, not {}", names[error.label], names[error.prediction]), Ink::Text),
            (format!("{percent:.1}% confident"), Ink::Palette(1)),
            (format!("example {}", error.index), Ink::Muted),
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
    fn weights_are_seen_in_svg_and_png() {
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
    fn as_many_units_as_a_wide_network_has_make_a_file_that_one_can_open() {
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
    fn an_error_has_its_labels_and_confidence() {
        let pixels = [0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255];
        let data = Dataset::new(pixels.to_vec(), SHAPE, vec![0], 2).unwrap();
        let names = ["<4>", "9"].map(str::to_owned);
        let error = Misclassified { index: 0, label: 0, prediction: 1, probability: 0.99999 };
        let drawing = errors(&[error], 1, &names, &data, "errors");
        let svg = drawing.svg();
        let document = Document::parse(&svg).unwrap();
        let texts: Vec<_> =
            document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        for text in
            ["<4>, not 9", "99.9% confident", "example 0", "the most confident 1 of 1 errors in 1 examples"]
        {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        assert!(errors(&[], 1, &names, &data, "none").png().is_ok());
    }
}
