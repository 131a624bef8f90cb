//! What a chart shows, as plain data.
//!
//! A file of its own because it is the one thing that figures and renderers share. It holds no pixels, no colors and no fonts:
//! a series says which part it plays ([`Role`]), and the renderer knows what that looks like on light and on dark ground.

/// A figure with two axes: a loss curve, the path of a descent, several runs overlaid, a reliability diagram.
///
/// Points that cannot be drawn (not finite, or not positive on a logarithmic axis) leave a gap in their line; points outside
/// a given range are cut off at the frame. No series at all is a chart too: an empty one.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// The heading, also the picture's accessible name.
    pub(crate) title: String,
    /// One smaller line under the heading; empty for none.
    pub(crate) subtitle: String,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
    /// The series, the last one on top. A legend appears when two or more of them have labels.
    pub(crate) series: Vec<Series>,
    /// Remarks, each on a line of its own below the axes.
    pub(crate) notes: Vec<String>,
}

/// One axis: what it measures and how.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// The quantity, with its unit if it has one.
    pub(crate) label: String,
    /// How values are spread along the axis.
    pub(crate) scale: Scale,
    /// Whether it counts something, so that only whole numbers are worth a tick (on a linear scale).
    pub(crate) whole: bool,
    /// The values at its two ends. `None` fits the axis to the series, with a small margin.
    pub(crate) range: Option<(f64, f64)>,
}

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Equal differences take equal space.
    Linear,
    /// Equal ratios take equal space. Values that are not positive have no place.
    Log,
}

/// Points in order, drawn as a line, as markers, or as both.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// The name in the legend; empty to leave the series out of it.
    pub(crate) label: String,
    /// (x, y) in the axes' own units.
    pub(crate) points: Vec<(f64, f64)>,
    /// The part the series plays, which decides its color.
    pub(crate) role: Role,
    /// The line through the points, if any. Where it leaves the frame for a point outside, it ends in an arrowhead
    /// if the series has markers: a marked point that cannot be shown is thus never lost silently.
    pub(crate) stroke: Option<Stroke>,
    /// The sign at each point, if any.
    pub(crate) marker: Option<Marker>,
}

/// The part that a series plays in its chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Something to compare with, kept in the background.
    Reference,
    /// The data, in the n-th color of the palette (which starts anew when it is used up).
    Data(usize),
}

/// A kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// Without gaps.
    Solid,
    /// Broken.
    Dashed,
}

/// A sign at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// A filled disc; smaller where there are many.
    Dot,
    /// A wide ring, for a point that must be found at once.
    Ring,
    /// The series' label, which then is in no legend.
    Name,
}
