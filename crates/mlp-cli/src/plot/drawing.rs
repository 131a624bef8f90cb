//! The drawing: a list of shapes with colors. The renderers, [`Drawing::svg`] and [`Drawing::png`],
//! are in separate files.

use super::raster::Raster;
use super::text;

/// The colors of a drawing, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The background.
    Ground,
    Text,
    /// Secondary text and lines.
    Muted,
    Grid,
    /// The n-th data color.
    Palette(usize),
}

/// Data colors for light and dark backgrounds, in order of use. They are based on Okabe and Ito's
/// palette, which is safe for the common kinds of color blindness, and adjusted for contrast.
pub(super) const PALETTE: [(&str, &str); 10] = [
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
    /// The colors on a light and on a dark background.
    pub(super) fn colors(self) -> (&'static str, &'static str) {
        match self {
            Self::Ground => ("#ffffff", "#0d1117"),
            Self::Text => ("#1f2328", "#e6edf3"),
            Self::Muted => ("#626c77", "#9aa5b1"),
            Self::Grid => ("#e1e5ea", "#262d36"),
            Self::Palette(n) => PALETTE[n % PALETTE.len()],
        }
    }

    /// The class name in the style sheet.
    pub(super) fn class(self) -> String {
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

/// The point of a text that is placed at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

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

/// The margin of every drawing.
pub(super) const EDGE: f64 = 24.0;
/// The baseline of the title.
pub(super) const HEADING: f64 = EDGE + 14.0;
/// The distance between baselines.
pub(super) const LINE: f64 = 20.0;

pub(super) const TITLE: Font = Font { size: 17.0, anchor: Anchor::Start, ink: Ink::Text };
pub(super) const NOTE: Font = Font { size: 13.0, anchor: Anchor::Start, ink: Ink::Muted };

#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) width: f64,
    pub(super) dashed: bool,
    pub(super) ink: Ink,
}

pub(super) type Point = (f64, f64);

/// A form with fill and outline.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) form: Form,
    pub(super) fill: Option<Ink>,
    pub(super) opacity: f64, // of the fill
    pub(super) outline: Option<Pen>,
}

#[derive(Debug, Clone)]
pub(super) enum Form {
    Rectangle {
        at: Point,
        size: Point,
    },
    Line(Vec<Point>),
    Polygon(Vec<Point>),
    Circle {
        center: Point,
        radius: f64,
    },
    Text {
        at: Point,
        text: String,
        font: Font,
        upwards: bool,
    },
    Image {
        at: Point,
        size: Point,
        raster: Raster,
    },
    /// Shapes of another drawing, moved down by this many pixels.
    Below(f64, Vec<Shape>),
}

/// A list of shapes; later ones are on top. Coordinates are CSS pixels from the top left corner.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// The accessible name.
    pub(super) title: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

impl Drawing {
    /// An empty drawing.
    pub(super) fn new(title: impl Into<String>, width: f64, height: f64) -> Self {
        let mut drawing = Self { title: title.into(), width, height, shapes: Vec::new() };
        drawing.rectangle((0.0, 0.0), (width, height), Some(Ink::Ground), None);
        drawing
    }

    fn add(&mut self, form: Form, fill: Option<Ink>, outline: Option<Pen>) {
        self.shapes.push(Shape { form, fill, opacity: 1.0, outline });
    }

    /// Adds a rectangle with its top left corner at `at`.
    pub(super) fn rectangle(&mut self, at: Point, size: Point, fill: Option<Ink>, frame: Option<Pen>) {
        self.add(Form::Rectangle { at, size }, fill, frame);
    }

    /// Adds a translucent rectangle.
    pub(super) fn cell(&mut self, at: Point, size: Point, ink: Ink, opacity: f64) {
        let form = Form::Rectangle { at, size };
        self.shapes.push(Shape { form, fill: Some(ink), opacity, outline: None });
    }

    /// Adds a line through `points`, if there are at least two.
    pub(super) fn line(&mut self, points: Vec<Point>, pen: Pen) {
        if points.len() > 1 {
            self.add(Form::Line(points), None, Some(pen));
        }
    }

    pub(super) fn polygon(&mut self, points: Vec<Point>, fill: Ink) {
        self.add(Form::Polygon(points), Some(fill), None);
    }

    pub(super) fn circle(&mut self, center: Point, radius: f64, fill: Option<Ink>, outline: Option<Pen>) {
        self.add(Form::Circle { center, radius }, fill, outline);
    }

    /// Adds a line of text whose baseline goes through `at`.
    pub(super) fn text(&mut self, at: Point, text: &str, font: Font) {
        self.add(Form::Text { at, text: text.to_owned(), font, upwards: false }, Some(font.ink), None);
    }

    /// Adds text rotated to read upwards.
    pub(super) fn text_upwards(&mut self, at: Point, text: &str, font: Font) {
        self.add(Form::Text { at, text: text.to_owned(), font, upwards: true }, Some(font.ink), None);
    }

    /// Adds a title whose baseline goes through `at` and a note below it, both truncated to `room`.
    pub(super) fn heading(&mut self, at: Point, title: &str, note: &str, room: f64) {
        self.text(at, &text::fit(title, TITLE.size, room), TITLE);
        self.text((at.0, at.1 + LINE), &text::fit(note, NOTE.size, room), NOTE);
    }

    /// Adds a pixel image, scaled without smoothing.
    pub(super) fn image(&mut self, at: Point, size: Point, raster: Raster) {
        self.add(Form::Image { at, size, raster }, None, None);
    }

    /// Stacks another drawing below this one.
    pub(super) fn above(mut self, other: Self) -> Self {
        self.add(Form::Below(self.height, other.shapes), None, None);
        Self { width: self.width.max(other.width), height: self.height + other.height, ..self }
    }

    /// The contents of all text elements of the SVG.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<String> {
        let svg = self.svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        texts.filter_map(|node| node.text().map(str::to_owned)).collect()
    }
}
