//! From SVG to PNG.
//!
//! The PNG is the SVG as resvg sees it, so the two can never show different things. The only font is the one compiled in: the picture is
//! the same on a machine without any.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// DejaVu Sans, cut down to the characters of mathematics in European languages; see `assets/README.md`.
const FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
/// The most pixels a picture may have from edge to edge: a gigabyte of them is a mistake, and asking for the memory would end
/// the program without a word.
const LARGEST: u32 = 16_384;

/// Any SVG document of ours as a PNG, magnified by `scale`.
///
/// # Errors
/// If it is no SVG document, or too large.
pub(super) fn rasterise(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options).context("the picture is not an SVG document")?;
    let size = tree.size();
    let (width, height) = ((size.width() * scale).round() as u32, (size.height() * scale).round() as u32);
    ensure!(
        width.max(height) <= LARGEST,
        "a picture of {width} by {height} pixels is too large: at most {LARGEST} each way"
    );
    let mut pixels = Pixmap::new(width, height).context("the picture has no pixels")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().context("the picture could not be encoded as PNG")
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Axis, Chart, Role, Series};
    use super::super::drawing::Drawing;
    use super::*;

    fn chart() -> Chart {
        let series = Series::line("", Role::Data(0), vec![(0.0, 0.0), (1.0, 1.0)]).with_dots();
        Chart::new("L(x) = x²", Axis::linear("x"), Axis::linear("Loss"), vec![series])
    }

    #[test]
    fn the_png_has_two_pixels_for_each_unit_of_the_svg_and_shows_something() {
        let tree = Tree::from_str(Drawing::from(chart()).svg(), &Options::default()).unwrap();
        let picture = Pixmap::decode_png(&Drawing::from(chart()).png().unwrap()).unwrap();
        assert_eq!(picture.width() as f32, 2.0 * tree.size().width());
        assert_eq!(picture.height() as f32, (2.0 * tree.size().height()).round());
        let white = picture.pixel(0, 0).unwrap();
        assert_eq!((white.red(), white.green(), white.blue(), white.alpha()), (255, 255, 255, 255));
        let blue =
            picture.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) == (0, 0x65, 0xad)).count();
        assert!(blue > 1000, "{blue}");
    }

    #[test]
    fn text_is_drawn_without_any_font_of_the_system() {
        let svg = |text: &str| {
            format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='40' font-family='DejaVu Sans'>\
                 <text x='5' y='30' font-size='20'>{text}</text></svg>"
            )
        };
        let draw = |text: &str| rasterise(&svg(text), 1.0).unwrap();
        let (nothing, unknown) = (draw(""), draw("語"));
        for character in "Ag9−×²⁻¹⁰·…∂Σδαŷ≈≤→∞√".chars() {
            let picture = draw(&character.to_string());
            assert!(picture != nothing && picture != unknown, "{character}");
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(rasterise("<svg", 1.0).unwrap_err().to_string().contains("not an SVG"));
        let vast = "<svg xmlns='http://www.w3.org/2000/svg' width='900000' height='900000'/>";
        assert!(rasterise(vast, 1.0).unwrap_err().to_string().contains("900000 by 900000 pixels"));
    }
}
