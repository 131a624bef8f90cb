//! Charts as plain data, without pixels, colors or fonts. The renderer chooses the colors of a
//! series from its [`Role`].

/// A chart with two axes and any number of series.
///
/// Points that an axis cannot show (not finite, or not positive on a logarithmic axis) leave a gap
/// in the line. Lines are clipped to the range of the axes.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// The heading and accessible name.
    pub(super) title: String,
    /// A smaller line below the title; empty for none.
    pub(super) subtitle: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// The last series is on top. Two or more labeled series get a legend.
    pub(super) series: Vec<Series>,
    /// Sentences below the axes.
    pub(super) notes: Vec<String>,
}

impl Chart {
    pub(super) fn new(title: impl Into<String>, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { title: title.into(), subtitle: String::new(), x, y, series, notes: Vec::new() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) scale: Scale,
    /// Put ticks at whole numbers only (linear scale).
    pub(super) whole: bool,
    /// The values at the two ends; `None` fits the axis to the series, with a small margin.
    pub(super) range: Option<(f64, f64)>,
}

impl Axis {
    pub(super) fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), scale, whole: false, range: None }
    }

    pub(super) fn linear(label: impl Into<String>) -> Self {
        Self::new(label, Scale::Linear)
    }

    pub(super) fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    pub(super) fn between(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// Points in order, drawn as a line, as markers, or as both.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// The name in the legend; empty for no entry.
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) role: Role,
    /// The line through the points. If the series also has markers, the line ends in an arrowhead
    /// where it leaves the frame, so that no marked point is lost silently.
    pub(super) stroke: Option<Stroke>,
    /// The marker at each point.
    pub(super) marker: Option<Marker>,
}

impl Series {
    pub(super) fn line(label: impl Into<String>, role: Role, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), points, role, stroke: Some(Stroke::Solid), marker: None }
    }

    pub(super) fn markers(
        label: impl Into<String>,
        role: Role,
        marker: Marker,
        points: Vec<(f64, f64)>,
    ) -> Self {
        Self { label: label.into(), points, role, stroke: None, marker: Some(marker) }
    }

    pub(super) fn dashed(self) -> Self {
        Self { stroke: Some(Stroke::Dashed), ..self }
    }

    pub(super) fn with_dots(self) -> Self {
        Self { marker: Some(Marker::Dot), ..self }
    }
}

/// The role of a series, which determines its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A muted line for comparison.
    Reference,
    /// Data in the n-th color of the palette, which repeats.
    Data(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
}

/// The marker at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// A filled disc; smaller if there are many.
    Dot,
    /// A large ring for a special point.
    Ring,
    /// The label of the series, instead of a legend entry.
    Name,
}
