//! Charts as plain data: what figures describe and the renderer draws. No pixels, colors or fonts:
//! a series has a [`Role`], and the renderer knows how that looks on light and on dark ground.

/// A figure with two axes.
///
/// Points that cannot be drawn (not finite, or not positive on a logarithmic axis) leave a gap in
/// their line. Points outside a given range are cut off at the frame. A chart may have no series.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// The heading, also the picture's accessible name.
    pub(super) title: String,
    /// A smaller line under the heading; empty for none.
    pub(super) subtitle: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// The series, the last one on top. A legend appears when two or more of them have labels.
    pub(super) series: Vec<Series>,
    /// Remarks, each on a line of its own below the axes.
    pub(super) notes: Vec<String>,
}

impl Chart {
    pub(super) fn new(title: impl Into<String>, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { title: title.into(), subtitle: String::new(), x, y, series, notes: Vec::new() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// The quantity, with its unit if it has one.
    pub(super) label: String,
    pub(super) scale: Scale,
    /// Only whole numbers get a tick (on a linear scale).
    pub(super) whole: bool,
    /// The values at the two ends. `None` fits the axis to the series, with a small margin.
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
    /// The name in the legend; empty to leave the series out of it.
    pub(super) label: String,
    /// (x, y) in the units of the axes.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) role: Role,
    /// The line through the points. Where it leaves the frame for a point outside, it ends in an
    /// arrowhead if the series has markers: no marked point is lost silently.
    pub(super) stroke: Option<Stroke>,
    /// The sign at each point.
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

/// The part that a series plays in its chart, which decides its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Something to compare with, in the background.
    Reference,
    /// Data, in the n-th color of the palette (which starts again after the last).
    Data(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
}

/// A sign at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// A filled disc; smaller where there are many.
    Dot,
    /// A wide ring, for a point that must be found at once.
    Ring,
    /// The label of the series, which is left out of the legend.
    Name,
}
