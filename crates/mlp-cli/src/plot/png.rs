//! Renders drawings as PNG, in light colors. The font is compiled in, so the bytes are the same on
//! every machine.

use anyhow::{Context as _, Result, ensure};
use skrifa::outline::OutlinePen;
use tiny_skia::{
    FillRule, FilterQuality, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke,
    StrokeDash, Transform,
};

use super::drawing::{Anchor, Drawing, Font, Form, Ink, Pen, Point, Shape};
use super::text::{self, EM};

/// PNG pixels per CSS pixel.
const SCALE: f64 = 2.0;
/// Maximum width and height in pixels. Anything larger is a mistake and would take gigabytes.
const MAX_SIDE: u32 = 16_384;

impl Drawing {
    /// Renders the drawing at two pixels per CSS pixel.
    ///
    /// # Errors
    /// If the image is too large.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        let [width, height] = [self.width, self.height].map(|side| (side * SCALE).round() as u32);
        ensure!(
            width.max(height) <= MAX_SIDE,
            "the plot is too large: {width}x{height} pixels; expected at most {MAX_SIDE}x{MAX_SIDE}"
        );
        let mut pixels = Pixmap::new(width, height).context("the plot is empty")?;
        let scale = Transform::from_scale(SCALE as f32, SCALE as f32);
        self.shapes.iter().for_each(|shape| draw(&mut pixels, shape, scale));
        pixels.encode_png().context("cannot encode the plot as PNG")
    }
}

fn draw(pixels: &mut Pixmap, shape: &Shape, transform: Transform) {
    match &shape.form {
        Form::Below(offset, shapes) => {
            let lower = transform.pre_translate(0.0, *offset as f32);
            shapes.iter().for_each(|shape| draw(pixels, shape, lower));
        }
        Form::Image { at, size, raster } => {
            let image = Pixmap::decode_png(&raster.to_png()).expect("our own PNG");
            let paint = PixmapPaint { quality: FilterQuality::Nearest, ..PixmapPaint::default() };
            let (x, y) = (size.0 / f64::from(image.width()), size.1 / f64::from(image.height()));
            let transform = transform.pre_translate(at.0 as f32, at.1 as f32).pre_scale(x as f32, y as f32);
            pixels.draw_pixmap(0, 0, image.as_ref(), &paint, transform, None);
        }
        form => {
            let Some(path) = path(form) else { return };
            if let Some(ink) = shape.fill {
                pixels.fill_path(&path, &paint(ink, shape.opacity), FillRule::Winding, transform, None);
            }
            if let Some(Pen { width, dashed, ink }) = shape.outline {
                let width = width as f32;
                let dash = dashed.then(|| StrokeDash::new(vec![4.0 * width, 3.0 * width], 0.0)).flatten();
                let stroke = Stroke { width, line_join: LineJoin::Round, dash, ..Stroke::default() };
                pixels.stroke_path(&path, &paint(ink, 1.0), &stroke, transform, None);
            }
        }
    }
}

fn paint(ink: Ink, opacity: f64) -> Paint<'static> {
    let color = u32::from_str_radix(&ink.colors().0[1..], 16).expect("our own color");
    let [_, r, g, b] = color.to_be_bytes();
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, (255.0 * opacity).round() as u8);
    paint
}

/// Returns the outline of a form, or `None` if it is empty.
fn path(form: &Form) -> Option<Path> {
    let mut path = PathBuilder::new();
    match form {
        Form::Rectangle { at, size } => {
            path.push_rect(Rect::from_xywh(at.0 as f32, at.1 as f32, size.0 as f32, size.1 as f32)?);
        }
        Form::Line(points) | Form::Polygon(points) => {
            let (&(x, y), rest) = points.split_first()?;
            path.move_to(x as f32, y as f32);
            rest.iter().for_each(|&(x, y)| path.line_to(x as f32, y as f32));
            if matches!(form, Form::Polygon(_)) {
                path.close();
            }
        }
        Form::Circle { center, radius } => {
            path.push_circle(center.0 as f32, center.1 as f32, *radius as f32);
        }
        Form::Text { at, text, font, upwards } => push_text(&mut path, *at, text, *font, *upwards),
        Form::Image { .. } | Form::Below(..) => {}
    }
    path.finish()
}

fn push_text(path: &mut PathBuilder, at: Point, text: &str, font: Font, upwards: bool) {
    let before = match font.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => 0.5,
        Anchor::End => 1.0,
    };
    let scale = font.size / EM;
    let mut along = -before * text::width(text, font.size);
    for c in text.chars() {
        text::outline(c, &mut Glyph { path, at, along, scale, upwards });
        along += text::advance(c) * scale;
    }
}

/// Scales and moves the outline of a glyph into place.
struct Glyph<'a> {
    path: &'a mut PathBuilder,
    at: Point,
    along: f64, // position on the baseline
    scale: f64,
    upwards: bool,
}

impl Glyph<'_> {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let (along, up) = (self.along + self.scale * f64::from(x), self.scale * f64::from(y));
        let (dx, dy) = if self.upwards { (-up, -along) } else { (along, -up) };
        ((self.at.0 + dx) as f32, (self.at.1 + dy) as f32)
    }
}

impl OutlinePen for Glyph<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Axis, Chart, Role, Series};
    use super::*;

    fn chart() -> Chart {
        let series = Series::line("", Role::Data(0), vec![(0.0, 0.0), (1.0, 1.0)]).with_dots();
        Chart::new("L(x) = x²", Axis::linear("x"), Axis::linear("Loss"), vec![series])
    }

    #[test]
    fn a_png_has_two_pixels_per_svg_unit_and_is_not_blank() {
        let drawing = Drawing::from(chart());
        let picture = Pixmap::decode_png(&drawing.png().unwrap()).unwrap();
        assert_eq!(f64::from(picture.width()), 2.0 * drawing.width);
        assert_eq!(f64::from(picture.height()), (2.0 * drawing.height).round());
        let white = picture.pixel(0, 0).unwrap();
        assert_eq!((white.red(), white.green(), white.blue(), white.alpha()), (255, 255, 255, 255));
        let blue =
            picture.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) == (0, 0x65, 0xad)).count();
        assert!(blue > 1000, "{blue}");
    }

    #[test]
    fn text_needs_no_system_font() {
        let draw = |text: &str, upwards: bool| {
            let mut drawing = Drawing::new("", 60.0, 60.0);
            let font = Font { size: 20.0, anchor: Anchor::Middle, ink: Ink::Text };
            let form = Form::Text { at: (30.0, 30.0), text: text.to_owned(), font, upwards };
            drawing.shapes.push(Shape { form, fill: Some(Ink::Text), opacity: 1.0, outline: None });
            drawing.png().unwrap()
        };
        let (nothing, unknown) = (draw("", false), draw("語", false));
        for character in "Ag9−×²⁻¹⁰·…∂Σδαŷ≈≤→∞√".chars() {
            let picture = draw(&character.to_string(), false);
            assert!(picture != nothing && picture != unknown, "{character}");
            assert_ne!(picture, draw(&character.to_string(), true));
        }
    }

    #[test]
    fn a_huge_plot_is_an_error() {
        let vast = Drawing::new("", 900_000.0, 900_000.0).png();
        assert!(vast.unwrap_err().to_string().contains("1800000x1800000 pixels"));
    }
}
