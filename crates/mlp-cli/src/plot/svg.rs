//! An SVG document under construction: the few shapes that our pictures consist of, in colors for light and dark ground.
//!
//! Every shape has its light color as an attribute, and a class that a style sheet gives its dark color if the viewer prefers
//! dark. A renderer that ignores media queries, such as the one for our PNGs, draws the light picture. The ground is part of the
//! picture, which is thus readable on a page of any color.

use std::fmt::Write as _;

use super::raster::Raster;
use super::text;

/// The colors of a picture, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The ground of the picture.
    Ground,
    /// Text, and the frame around what matters.
    Text,
    /// What should be seen second.
    Muted,
    /// Lines that help the eye.
    Grid,
    /// The n-th color for data.
    Palette(usize),
}

/// Colors for data, light and dark, in the order of use. All can be told apart with the common kinds of color blindness (after Okabe
/// and Ito); the light ones have been darkened and the dark ones lightened until each stands out from its ground.
const PALETTE: [(&str, &str); 10] = [
    ("#0065ad", "#58a6ff"),
    ("#c4500a", "#f0883e"),
    ("#00805f", "#3fc79a"),
    ("#a8508a", "#e39bc8"),
    ("#8a6d00", "#e3b341"),
    ("#4b5a66", "#a9b7c4"),
    ("#c0272d", "#ff7b72"),
    ("#6639ba", "#b392f0"),
    ("#1b7f9c", "#56d4dd"),
    ("#5a7d1f", "#9ece6a"),
];

impl Ink {
    /// The colors on light and on dark ground.
    fn colors(self) -> (&'static str, &'static str) {
        match self {
            Self::Ground => ("#ffffff", "#0d1117"),
            Self::Text => ("#1f2328", "#e6edf3"),
            Self::Muted => ("#626c77", "#9aa5b1"),
            Self::Grid => ("#e1e5ea", "#262d36"),
            Self::Palette(n) => PALETTE[n % PALETTE.len()],
        }
    }

    fn class(self) -> String {
        let name = match self {
            Self::Ground => "ground",
            Self::Text => "text",
            Self::Muted => "muted",
            Self::Grid => "grid",
            Self::Palette(n) => return format!("c{}", n % PALETTE.len()),
        };
        name.to_owned()
    }
}

/// Which point of a text stands at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) ink: Ink,
}

impl Font {
    pub(super) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// The margin along the edges of every picture.
pub(super) const EDGE: f64 = 24.0;
/// The baseline of the title.
pub(super) const HEADING: f64 = EDGE + 14.0;
/// From one baseline to the next.
pub(super) const LINE: f64 = 20.0;

pub(super) const TITLE: Font = Font { size: 17.0, anchor: Anchor::Start, ink: Ink::Text };
pub(super) const NOTE: Font = Font { size: 13.0, anchor: Anchor::Start, ink: Ink::Muted };

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) width: f64,
    pub(super) dashed: bool,
    pub(super) ink: Ink,
}

/// A document that shapes are added to, each on top of those before it. Coordinates are pixels from the upper left corner.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// An empty picture of this size.
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { width, height, body: String::new() };
        svg.rectangle((0.0, 0.0), (width, height), Some(Ink::Ground), None);
        svg
    }

    /// A rectangle with its upper left corner at `at`, filled, framed or both.
    pub(super) fn rectangle(
        &mut self,
        at: (f64, f64),
        size: (f64, f64),
        fill: Option<Ink>,
        frame: Option<Pen>,
    ) {
        self.shape("rect", &place(at, size), fill, frame);
    }

    /// A line through all `points`; nothing for less than two.
    pub(super) fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        if points.len() > 1 {
            self.shape("polyline", &format!("points='{}'", list(points)), None, Some(pen));
        }
    }

    /// A filled polygon.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], fill: Ink) {
        self.shape("polygon", &format!("points='{}'", list(points)), Some(fill), None);
    }

    /// A circle, filled, outlined or both.
    pub(super) fn circle(
        &mut self,
        center: (f64, f64),
        radius: f64,
        fill: Option<Ink>,
        outline: Option<Pen>,
    ) {
        let place = format!("cx='{}' cy='{}' r='{}'", n(center.0), n(center.1), n(radius));
        self.shape("circle", &place, fill, outline);
    }

    /// A line of text on the baseline through `at`.
    pub(super) fn text(&mut self, at: (f64, f64), text: &str, font: Font) {
        self.write_text(&format!("x='{}' y='{}'", n(at.0), n(at.1)), text, font);
    }

    /// The same, turned to run upwards.
    pub(super) fn text_upwards(&mut self, at: (f64, f64), text: &str, font: Font) {
        self.write_text(&format!("transform='translate({} {}) rotate(-90)'", n(at.0), n(at.1)), text, font);
    }

    /// A title on the baseline through `at`, and a note under it, both cut to `room`.
    pub(super) fn heading(&mut self, at: (f64, f64), title: &str, note: &str, room: f64) {
        self.text(at, &text::fit(title, TITLE.size, room), TITLE);
        self.text((at.0, at.1 + LINE), &text::fit(note, NOTE.size, room), NOTE);
    }

    /// A translucent rectangle with its upper left corner at `at`.
    pub(super) fn cell(&mut self, at: (f64, f64), size: (f64, f64), ink: Ink, opacity: f64) {
        let place = format!("{} fill-opacity='{}'", place(at, size), n(opacity));
        self.shape("rect", &place, Some(ink), None);
    }

    /// An image of pixels, each of them a rectangle with sharp edges.
    pub(super) fn image(&mut self, at: (f64, f64), size: (f64, f64), raster: &Raster) {
        let _ = writeln!(
            self.body,
            "<image {} preserveAspectRatio='none' image-rendering='optimizeSpeed' \
             style='image-rendering:pixelated' href='{}'/>",
            place(at, size),
            raster.to_uri()
        );
    }

    /// This picture with another one below it.
    pub(super) fn above(mut self, other: Self) -> Self {
        let _ = writeln!(self.body, "<g transform='translate(0 {})'>\n{}</g>", n(self.height), other.body);
        let (width, height) = (self.width.max(other.width), self.height + other.height);
        Self { width, height, body: self.body }
    }

    /// The whole document, with `title` as its accessible name.
    pub(super) fn finish(self, title: &str) -> String {
        let (w, h, title) = (n(self.width), n(self.height), escape(title));
        let inks = [Ink::Ground, Ink::Text, Ink::Muted, Ink::Grid];
        let inks = inks.into_iter().chain((0..PALETTE.len()).map(Ink::Palette));
        let mut dark = String::new();
        for ink in inks {
            let (class, (_, color)) = (ink.class(), ink.colors());
            let _ =
                write!(dark, ".mlp-plot .f-{class}{{fill:{color}}}.mlp-plot .s-{class}{{stroke:{color}}}");
        }
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' class='mlp-plot' role='img' width='{w}' height='{h}' \
             viewBox='0 0 {w} {h}' font-family='DejaVu Sans, Verdana, sans-serif'>\n\
             <title>{title}</title>\n\
             <style>@media (prefers-color-scheme:dark){{{dark}}}</style>\n{}</svg>\n",
            self.body
        )
    }

    fn shape(&mut self, name: &str, place: &str, fill: Option<Ink>, pen: Option<Pen>) {
        let mut classes = Vec::new();
        let mut paint = String::new();
        match fill {
            Some(ink) => {
                let _ = write!(paint, " fill='{}'", ink.colors().0);
                classes.push(format!("f-{}", ink.class()));
            }
            None => paint.push_str(" fill='none'"),
        }
        if let Some(Pen { width, dashed, ink }) = pen {
            let _ = write!(paint, " stroke='{}' stroke-width='{}'", ink.colors().0, n(width));
            paint.push_str(" stroke-linejoin='round'");
            if dashed {
                let _ = write!(paint, " stroke-dasharray='{} {}'", n(4.0 * width), n(3.0 * width));
            }
            classes.push(format!("s-{}", ink.class()));
        }
        let _ = writeln!(self.body, "<{name} class='{}' {place}{paint}/>", classes.join(" "));
    }

    fn write_text(&mut self, place: &str, text: &str, Font { size, anchor, ink }: Font) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (class, (color, _)) = (ink.class(), ink.colors());
        let _ = writeln!(
            self.body,
            "<text class='f-{class}' {place} font-size='{}' text-anchor='{anchor}' fill='{color}'>{}</text>",
            n(size),
            escape(text)
        );
    }
}

fn place(at: (f64, f64), size: (f64, f64)) -> String {
    format!("x='{}' y='{}' width='{}' height='{}'", n(at.0), n(at.1), n(size.0), n(size.1))
}

/// A coordinate to a hundredth of a pixel, without needless zeros.
fn n(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn list(points: &[(f64, f64)]) -> String {
    points.iter().map(|&(x, y)| format!("{},{}", n(x), n(y))).collect::<Vec<_>>().join(" ")
}

/// `text` as the content of an element or attribute. Characters that XML forbids even when escaped become U+FFFD.
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
    use resvg::usvg::roxmltree::{Document, Node};

    fn shapes<'a>(document: &'a Document<'_>, name: &str) -> Vec<Node<'a, 'a>> {
        document.descendants().filter(|node| node.has_tag_name(name)).collect()
    }

    #[test]
    fn any_text_comes_back_from_the_document_as_it_went_in() {
        let text = "a<b & c>d \"e\" 'f' ]]> ∂J/∂Zᵒ ŷ²";
        let mut svg = Svg::new(10.0, 10.0);
        svg.text((1.0, 2.0), text, Font { size: 9.0, anchor: Anchor::Start, ink: Ink::Text });
        let svg = svg.finish(text);
        let document = Document::parse(&svg).unwrap();
        assert_eq!(shapes(&document, "text")[0].text(), Some(text));
        assert_eq!(shapes(&document, "title")[0].text(), Some(text));
    }

    #[test]
    fn characters_that_xml_forbids_are_replaced() {
        let svg = Svg::new(10.0, 10.0).finish("a\u{0}b\u{1b}[31mc\nd\u{ffff}");
        let document = Document::parse(&svg).unwrap();
        assert_eq!(shapes(&document, "title")[0].text(), Some("a\u{fffd}b\u{fffd}[31mc d\u{fffd}"));
    }

    #[test]
    fn coordinates_are_short() {
        let numbers = [1.0, 10.0, 100.0, 0.126, -0.001, 2.5];
        assert_eq!(numbers.map(n), ["1", "10", "100", "0.13", "0", "2.5"]);
    }

    #[test]
    fn every_ink_in_use_has_a_dark_color() {
        let mut svg = Svg::new(10.0, 10.0);
        for ink in [Ink::Text, Ink::Muted, Ink::Grid, Ink::Palette(0), Ink::Palette(9), Ink::Palette(10)] {
            svg.circle((1.0, 1.0), 1.0, Some(ink), Some(Pen { width: 1.0, dashed: true, ink }));
        }
        let svg = svg.finish("");
        let document = Document::parse(&svg).unwrap();
        let style = shapes(&document, "style")[0].text().unwrap();
        let classes = document.descendants().filter_map(|node| node.attribute("class"));
        for class in classes.flat_map(str::split_whitespace).filter(|class| *class != "mlp-plot") {
            assert!(style.contains(&format!(".{class}{{")), "{class}");
        }
    }
}
