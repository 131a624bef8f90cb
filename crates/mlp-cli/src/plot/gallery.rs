//! Figures made of images: what the hidden units look for, and the mistakes that a network was surest of.

use mlp_data::ImageShape;

use super::drawing::Drawing;
use super::raster::Raster;
use super::svg::{Anchor, Font, Ink, Svg};
use super::text;
use super::ticks::number;

const WIDTH: f64 = 720.0;
const EDGE: f64 = 24.0;
const TITLE: Font = Font { size: 17.0, anchor: Anchor::Start, ink: Ink::Text };
const NOTE: Font = Font { size: 13.0, anchor: Anchor::Start, ink: Ink::Muted };
/// Under the headings.
const TOP: f64 = EDGE + 54.0;

/// The weights of every unit of the first layer as an image, all on one scale, and the weight that has the full color. `units` are the
/// columns of the weights.
pub(crate) fn unit_images(units: &[Vec<f64>], shape: ImageShape) -> (Vec<Raster>, f64) {
    let sizes = units.iter().flatten().filter(|value| value.is_finite()).map(|value| value.abs());
    // A few weights at the rim, which no pixel ever reached, would leave the others pale.
    let limit = quantile(sizes.collect(), 0.995);
    (units.iter().map(|unit| Raster::signed(shape.width, unit, limit)).collect(), limit)
}

/// The [`unit_images`] in a grid, with a scale.
pub(crate) fn weights(units: &[Vec<f64>], shape: ImageShape, title: &str, note: &str) -> Drawing {
    let (images, limit) = unit_images(units, shape);
    let room = WIDTH - 2.0 * EDGE;
    let ratio = shape.height as f64 / shape.width as f64;
    let columns = ((units.len() as f64 * ratio).sqrt().ceil() as usize).clamp(1, units.len().max(1));
    let gap = (shape.width / 14).max(1);
    let grid = Raster::grid(&images, columns, gap);
    // Small images are not blown up beyond what is pleasant.
    let scale = (room / grid.width as f64).min(4.0);
    let (width, height) = (grid.width as f64 * scale, grid.height as f64 * scale);
    let mut svg = Svg::new(WIDTH, TOP + height + 44.0 + EDGE);
    svg.text((EDGE, EDGE + 14.0), &text::fit(title, TITLE.size, room), TITLE);
    svg.text((EDGE, EDGE + 34.0), &text::fit(note, NOTE.size, room), NOTE);
    svg.image((EDGE, TOP), (width, height), &grid);
    scale_bar(&mut svg, (EDGE, TOP + height + 20.0), limit);
    Drawing::new(svg, title)
}

/// What the colors mean.
fn scale_bar(svg: &mut Svg, (left, top): (f64, f64), limit: f64) {
    const STEPS: usize = 49;
    let ramp: Vec<f64> = (0..STEPS).map(|step| step as f64 / (STEPS - 1) as f64 * 2.0 - 1.0).collect();
    let ends = number(limit, 3);
    let from = format!("−{ends}");
    svg.text((left, top + 11.0), &from, NOTE);
    let start = left + text::width(&from, NOTE.size) + 8.0;
    svg.image((start, top), (160.0, 14.0), &Raster::signed(STEPS, &ramp, 1.0));
    svg.text((start + 168.0, top + 11.0), &format!("{ends}  weight of a pixel; zero is the ground"), NOTE);
}

/// The value that this share of all lies below; 1 of none.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return 1.0;
    }
    let place = ((values.len() - 1) as f64 * share) as usize;
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

/// A mistake as the gallery shows it.
pub(crate) struct Shown<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) index: usize,
    pub(crate) label: &'a str,
    pub(crate) prediction: &'a str,
    pub(crate) probability: f64,
}

/// Mistakes with their image, the true class, the prediction and its probability.
pub(crate) fn mistakes(shown: &[Shown<'_>], shape: ImageShape, title: &str, note: &str) -> Drawing {
    const COLUMNS: usize = 6;
    const GAP: f64 = 14.0;
    let room = WIDTH - 2.0 * EDGE;
    let side = (room - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let (longest, captions) = (shape.width.max(shape.height) as f64, 52.0);
    let (width, height) = (side * shape.width as f64 / longest, side * shape.height as f64 / longest);
    let rows = shown.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(WIDTH, TOP + (height + captions) * rows as f64 + EDGE);
    svg.text((EDGE, EDGE + 14.0), &text::fit(title, TITLE.size, room), TITLE);
    svg.text((EDGE, EDGE + 34.0), &text::fit(note, NOTE.size, room), NOTE);
    for (place, mistake) in shown.iter().enumerate() {
        let left = EDGE + (side + GAP) * (place % COLUMNS) as f64;
        let top = TOP + (height + captions) * (place / COLUMNS) as f64;
        svg.image((left, top), (width, height), &Raster::gray(shape.width, mistake.pixels));
        let line = |svg: &mut Svg, number: usize, words: &str, ink| {
            let font = Font { size: 12.0, anchor: Anchor::Start, ink };
            svg.text((left, top + height + 14.0 * number as f64 + 1.0), &text::fit(words, 12.0, side), font);
        };
        line(&mut svg, 1, &format!("{}, not {}", mistake.label, mistake.prediction), Ink::Text);
        // Never 100% of a mistake: it is rounded down.
        let percent = (mistake.probability * 1000.0).floor() / 10.0;
        line(&mut svg, 2, &format!("{percent:.1}% sure"), Ink::Palette(1));
        line(&mut svg, 3, &format!("example {}", mistake.index), Ink::Muted);
    }
    Drawing::new(svg, title)
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::Pixmap;
    use resvg::usvg::roxmltree::Document;

    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 4, width: 3 };

    #[test]
    fn weights_are_seen_in_svg_and_png() {
        let units: Vec<Vec<f64>> =
            (0..5).map(|unit| (0..12).map(|i| f64::from(i - 5 + unit)).collect()).collect();
        let drawing = weights(&units, SHAPE, "weights", "5 units");
        let document = Document::parse(drawing.svg()).unwrap();
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
        let drawing = weights(&units, ImageShape { height: 28, width: 28 }, "wide", "3,072 units");
        assert!(drawing.svg().len() < 4_000_000, "{}", drawing.svg().len());
    }

    #[test]
    fn a_mistake_says_what_it_is() {
        let pixels = [0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255];
        let shown = Shown { pixels: &pixels, index: 17, label: "<4>", prediction: "9", probability: 0.99999 };
        let drawing = mistakes(&[shown], SHAPE, "mistakes", "1 of 1");
        let document = Document::parse(drawing.svg()).unwrap();
        let texts: Vec<_> =
            document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        for text in ["<4>, not 9", "99.9% sure", "example 17"] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        assert!(mistakes(&[], SHAPE, "none", "no mistakes").png().is_ok());
    }
}
