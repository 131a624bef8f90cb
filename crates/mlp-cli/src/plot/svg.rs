//! Renders drawings as SVG, for light and dark viewers.
//!
//! Every shape has its light color as an attribute and a class to which a style sheet gives the
//! dark color if the viewer prefers dark. Viewers without media queries show the light colors. The
//! background is drawn, so the plot is readable on a page of any color.

use std::fmt::Write as _;

use super::drawing::{Anchor, Drawing, Font, Form, Ink, PALETTE, Pen, Point, Shape};

impl Drawing {
    /// Renders the drawing as an SVG document.
    pub(crate) fn svg(&self) -> String {
        let (w, h, title) = (n(self.width), n(self.height), escape(&self.title));
        let inks = [Ink::Ground, Ink::Text, Ink::Muted, Ink::Grid];
        let mut dark = String::new();
        for ink in inks.into_iter().chain((0..PALETTE.len()).map(Ink::Palette)) {
            let (class, (_, color)) = (ink.class(), ink.colors());
            let _ =
                write!(dark, ".mlp-plot .f-{class}{{fill:{color}}}.mlp-plot .s-{class}{{stroke:{color}}}");
        }
        let mut body = String::new();
        self.shapes.iter().for_each(|shape| write_shape(&mut body, shape));
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' class='mlp-plot' role='img' width='{w}' height='{h}' \
             viewBox='0 0 {w} {h}' font-family='DejaVu Sans, Verdana, sans-serif'>\n\
             <title>{title}</title>\n\
             <style>@media (prefers-color-scheme:dark){{{dark}}}</style>\n{body}</svg>\n"
        )
    }
}

fn write_shape(body: &mut String, shape: &Shape) {
    let paint = paint(shape);
    // Writing to a String cannot fail.
    let _ = match &shape.form {
        Form::Rectangle { at, size } => writeln!(body, "<rect {}{paint}/>", place(*at, *size)),
        Form::Line(points) => writeln!(body, "<polyline points='{}'{paint}/>", list(points)),
        Form::Polygon(points) => writeln!(body, "<polygon points='{}'{paint}/>", list(points)),
        Form::Circle { center, radius } => {
            writeln!(body, "<circle cx='{}' cy='{}' r='{}'{paint}/>", n(center.0), n(center.1), n(*radius))
        }
        Form::Text { at, text, font: Font { size, anchor, .. }, upwards } => {
            let (x, y, size) = (n(at.0), n(at.1), n(*size));
            let place = match upwards {
                false => format!("x='{x}' y='{y}'"),
                true => format!("transform='translate({x} {y}) rotate(-90)'"),
            };
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let text = escape(text);
            writeln!(body, "<text {place} font-size='{size}' text-anchor='{anchor}'{paint}>{text}</text>")
        }
        Form::Image { at, size, raster } => writeln!(
            body,
            "<image {} preserveAspectRatio='none' image-rendering='optimizeSpeed' \
             style='image-rendering:pixelated' href='{}'/>",
            place(*at, *size),
            raster.to_uri()
        ),
        Form::Below(offset, shapes) => {
            let _ = writeln!(body, "<g transform='translate(0 {})'>", n(*offset));
            shapes.iter().for_each(|shape| write_shape(body, shape));
            writeln!(body, "</g>")
        }
    };
}

/// The class, fill and stroke attributes of a shape.
fn paint(shape: &Shape) -> String {
    let mut classes = Vec::new();
    let mut paint = match shape.fill {
        Some(ink) => {
            classes.push(format!("f-{}", ink.class()));
            format!(" fill='{}'", ink.colors().0)
        }
        None => " fill='none'".to_owned(),
    };
    if shape.opacity < 1.0 {
        let _ = write!(paint, " fill-opacity='{}'", n(shape.opacity));
    }
    if let Some(Pen { width, dashed, ink }) = shape.outline {
        let _ = write!(paint, " stroke='{}' stroke-width='{}'", ink.colors().0, n(width));
        paint.push_str(" stroke-linejoin='round'");
        if dashed {
            let _ = write!(paint, " stroke-dasharray='{} {}'", n(4.0 * width), n(3.0 * width));
        }
        classes.push(format!("s-{}", ink.class()));
    }
    format!(" class='{}'{paint}", classes.join(" "))
}

fn place(at: Point, size: Point) -> String {
    format!("x='{}' y='{}' width='{}' height='{}'", n(at.0), n(at.1), n(size.0), n(size.1))
}

/// Formats a coordinate to a hundredth of a pixel, without trailing zeros.
fn n(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn list(points: &[Point]) -> String {
    points.iter().map(|&(x, y)| format!("{},{}", n(x), n(y))).collect::<Vec<_>>().join(" ")
}

/// Escapes `text` for an element or attribute. Characters that XML forbids become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::{Document, Node};

    fn shapes<'a>(document: &'a Document<'_>, name: &str) -> Vec<Node<'a, 'a>> {
        document.descendants().filter(|node| node.has_tag_name(name)).collect()
    }

    #[test]
    fn text_survives_escaping() {
        let text = "a<b & c>d \"e\" 'f' ]]> ∂J/∂Zᵒ ŷ²";
        let mut drawing = Drawing::new(text, 10.0, 10.0);
        drawing.text((1.0, 2.0), text, Font { size: 9.0, anchor: Anchor::Start, ink: Ink::Text });
        let svg = drawing.svg();
        let document = Document::parse(&svg).unwrap();
        assert_eq!(shapes(&document, "text")[0].text(), Some(text));
        assert_eq!(shapes(&document, "title")[0].text(), Some(text));
    }

    #[test]
    fn characters_that_xml_forbids_are_replaced() {
        let svg = Drawing::new("a\u{0}b\u{1b}[31mc\nd\u{ffff}", 10.0, 10.0).svg();
        let document = Document::parse(&svg).unwrap();
        assert_eq!(shapes(&document, "title")[0].text(), Some("a\u{fffd}b\u{fffd}[31mc d\u{fffd}"));
    }

    #[test]
    fn coordinates_are_short() {
        let numbers = [1.0, 10.0, 100.0, 0.126, -0.001, 2.5];
        assert_eq!(numbers.map(n), ["1", "10", "100", "0.13", "0", "2.5"]);
    }

    #[test]
    fn every_ink_has_a_dark_color() {
        let mut drawing = Drawing::new("", 10.0, 10.0);
        for ink in [Ink::Text, Ink::Muted, Ink::Grid, Ink::Palette(0), Ink::Palette(9), Ink::Palette(10)] {
            drawing.circle((1.0, 1.0), 1.0, Some(ink), Some(Pen { width: 1.0, dashed: true, ink }));
        }
        let svg = drawing.svg();
        let document = Document::parse(&svg).unwrap();
        let style = shapes(&document, "style")[0].text().unwrap();
        let classes = document.descendants().filter_map(|node| node.attribute("class"));
        for class in classes.flat_map(str::split_whitespace).filter(|class| *class != "mlp-plot") {
            assert!(style.contains(&format!(".{class}{{")), "{class}");
        }
    }
}
