//! Lays out a chart as a drawing.
//!
//! The texts around the frame are measured first, so that labels cannot overlap or leave the
//! drawing, whatever the numbers are. The legend is above the frame, where it cannot hide data.

use std::collections::HashSet;

use super::chart::{Axis, Chart, Marker, Role, Scale, Series, Stroke};
use super::drawing::{Anchor, Drawing, EDGE, Font, HEADING, Ink, LINE, Pen};
use super::projection::{Frame, Projection};
use super::text;
use super::ticks::{Tick, ticks};

/// The width of every chart in CSS pixels. The height depends on the legend and notes.
const WIDTH: f64 = 720.0;
/// The height of the plot area.
const FRAME_HEIGHT: f64 = 340.0;
/// Minimum distance between ticks on the x and y axes.
const TICK_DISTANCE: (f64, f64) = (64.0, 48.0);
/// Length of the line sample in the legend.
const SAMPLE: f64 = 26.0;
/// Points closer than this, in pixels, count as one.
const SAME: f64 = 0.1;
/// Above this number of points, lines and markers are thinner.
const CROWD: usize = 240;

const LEGEND: Font = Font { size: 13.0, anchor: Anchor::Start, ink: Ink::Text };
const AXIS: Font = Font { size: 13.0, anchor: Anchor::Middle, ink: Ink::Text };
const TICK_X: Font = Font { size: 12.0, anchor: Anchor::Middle, ink: Ink::Muted };
const TICK_Y: Font = Font { size: 12.0, anchor: Anchor::End, ink: Ink::Muted };
const NAME: Font = Font { size: 15.0, anchor: Anchor::Middle, ink: Ink::Text };
const REMARK: Font = Font { size: 12.0, anchor: Anchor::Start, ink: Ink::Muted };

impl From<Chart> for Drawing {
    fn from(chart: Chart) -> Self {
        draw(&chart, left_of(&chart))
    }
}

impl Drawing {
    /// Stacks charts, with frames of equal width.
    pub(super) fn column(charts: &[Chart], title: &str) -> Self {
        let left = charts.iter().map(left_of).fold(0.0, f64::max);
        let panels = charts.iter().map(|chart| draw(chart, left));
        let whole = panels.reduce(Self::above).unwrap_or_else(|| Self::new("", 1.0, 1.0));
        Self { title: title.to_owned(), ..whole }
    }
}

/// Draws `chart` with the left edge of its frame at `left`, which is at least `left_of(chart)`.
fn draw(chart: &Chart, left: f64) -> Drawing {
    let y_ticks = y_ticks(chart);
    let right = WIDTH - EDGE;

    let legend = legend_rows(&chart.series, right - left);
    let subtitle_baseline = HEADING + if chart.subtitle.is_empty() { 0.0 } else { LINE };
    let top = subtitle_baseline + LINE * legend.len() as f64 + 16.0;
    let frame = Frame { left, top, right, bottom: top + FRAME_HEIGHT };
    let x = Projection::new(&chart.x, placed(chart).map(|p| p.0), (frame.left, frame.right));
    let y = Projection::new(&chart.y, placed(chart).map(|p| p.1), (frame.bottom, frame.top));
    let x_ticks = fitting_ticks(&chart.x, x.range(), frame.right - frame.left);

    let notes: Vec<String> =
        chart.notes.iter().flat_map(|note| text::wrap(note, REMARK.size, right - left)).collect();
    let note_top = frame.bottom + 42.0;
    let height = note_top + LINE * notes.len() as f64 + 16.0;

    let mut drawing = Drawing::new(&chart.title, WIDTH, height);
    drawing.heading((left, HEADING), &chart.title, &chart.subtitle, right - left);
    for (row, entries) in legend.iter().enumerate() {
        let baseline = subtitle_baseline + LINE * (row + 1) as f64 + 2.0;
        draw_legend_row(&mut drawing, entries, (left, baseline));
    }
    draw_axes(&mut drawing, chart, &frame, (&x_ticks, &x), (&y_ticks, &y));
    for series in &chart.series {
        draw_series(&mut drawing, series, &frame, &x, &y);
    }
    for (line, note) in notes.iter().enumerate() {
        drawing.text((left, note_top + LINE * (line + 1) as f64), note, REMARK);
    }
    drawing
}

/// The left edge of the frame, to the right of the y axis label and ticks.
fn left_of(chart: &Chart) -> f64 {
    let widest = y_ticks(chart).iter().map(|tick| text::width(&tick.label, TICK_Y.size)).fold(0.0, f64::max);
    EDGE + AXIS.size + 10.0 + widest + 8.0
}

fn y_ticks(chart: &Chart) -> Vec<Tick> {
    let range = Projection::new(&chart.y, placed(chart).map(|point| point.1), (0.0, 1.0)).range();
    ticks(&chart.y, range, (FRAME_HEIGHT / TICK_DISTANCE.1) as usize)
}

/// The points that both axes can show. Only these count for the ranges of the axes.
fn placed(chart: &Chart) -> impl Iterator<Item = (f64, f64)> {
    let has_place = |scale: Scale, v: f64| v.is_finite() && (scale == Scale::Linear || v > 0.0);
    let all = chart.series.iter().flat_map(|series| series.points.iter().copied());
    all.filter(move |&(x, y)| has_place(chart.x.scale, x) && has_place(chart.y.scale, y))
}

/// As many ticks as there is room for labels.
fn fitting_ticks(axis: &Axis, range: (f64, f64), length: f64) -> Vec<Tick> {
    let most = (length / TICK_DISTANCE.0) as usize;
    let fits = |ticks: &Vec<Tick>| {
        let widest = ticks.iter().map(|t| text::width(&t.label, TICK_X.size)).fold(0.0, f64::max);
        ticks.len() as f64 * (widest + 16.0) <= length
    };
    (1..=most).rev().map(|wanted| ticks(axis, range, wanted)).find(fits).unwrap_or_default()
}

/// The labeled series in rows that fit into `room`; no rows if there are fewer than two.
fn legend_rows(series: &[Series], room: f64) -> Vec<Vec<(&Series, String)>> {
    let named: Vec<&Series> = series
        .iter()
        .filter(|series| !series.label.is_empty() && series.marker != Some(Marker::Name))
        .collect();
    if named.len() < 2 {
        return Vec::new();
    }
    let mut rows: Vec<Vec<(&Series, String)>> = Vec::new();
    let mut used = 0.0;
    for series in named {
        let label = text::fit(&series.label, LEGEND.size, room - SAMPLE - 8.0);
        let width = entry_width(&label);
        match rows.last_mut() {
            Some(row) if used + width <= room => row.push((series, label)),
            _ => {
                rows.push(vec![(series, label)]);
                used = 0.0;
            }
        }
        used += width;
    }
    rows
}

/// The width of a legend entry, including the space after it.
fn entry_width(label: &str) -> f64 {
    SAMPLE + 8.0 + text::width(label, LEGEND.size) + 22.0
}

fn draw_legend_row(drawing: &mut Drawing, entries: &[(&Series, String)], (mut x, baseline): (f64, f64)) {
    for (series, label) in entries {
        let middle = baseline - 0.35 * LEGEND.size;
        if let Some(stroke) = series.stroke {
            drawing.line(vec![(x, middle), (x + SAMPLE, middle)], pen(series, stroke));
        }
        if let Some(marker) = series.marker {
            draw_marker(drawing, marker, series, (x + SAMPLE / 2.0, middle), 3.5);
        }
        drawing.text((x + SAMPLE + 8.0, baseline), label, LEGEND);
        x += entry_width(label);
    }
}

fn draw_axes(
    drawing: &mut Drawing,
    chart: &Chart,
    frame: &Frame,
    (x_ticks, x): (&[Tick], &Projection),
    (y_ticks, y): (&[Tick], &Projection),
) {
    let grid = Pen { width: 1.0, dashed: false, ink: Ink::Grid };
    for (tick, at) in x_ticks.iter().filter_map(|tick| Some((tick, x.pixel(tick.value)?))) {
        drawing.line(vec![(at, frame.top), (at, frame.bottom)], grid);
        drawing.text((at, frame.bottom + 18.0), &tick.label, TICK_X);
    }
    for (tick, at) in y_ticks.iter().filter_map(|tick| Some((tick, y.pixel(tick.value)?))) {
        drawing.line(vec![(frame.left, at), (frame.right, at)], grid);
        drawing.text((frame.left - 8.0, at + 0.35 * TICK_Y.size), &tick.label, TICK_Y);
    }
    let (width, height) = (frame.right - frame.left, frame.bottom - frame.top);
    let edge = Pen { width: 1.0, dashed: false, ink: Ink::Muted };
    drawing.rectangle((frame.left, frame.top), (width, height), None, Some(edge));
    let x_label = text::fit(&chart.x.label, AXIS.size, width);
    drawing.text((frame.left + width / 2.0, frame.bottom + 40.0), &x_label, AXIS);
    let y_label = text::fit(&chart.y.label, AXIS.size, height);
    drawing.text_upwards((EDGE + 0.5 * AXIS.size, frame.top + height / 2.0), &y_label, AXIS);
}

fn draw_series(drawing: &mut Drawing, series: &Series, frame: &Frame, x: &Projection, y: &Projection) {
    let points: Vec<Option<(f64, f64)>> =
        series.points.iter().map(|&(px, py)| Some((x.pixel(px)?, y.pixel(py)?))).collect();
    if let Some(stroke) = series.stroke {
        let (lines, exits) = clipped_lines(&points, frame);
        let mut pen = pen(series, stroke);
        if series.marker.is_some() && lines.iter().map(Vec::len).sum::<usize>() > CROWD {
            // A path that oscillates hundreds of times should not become a solid block.
            pen.width = 0.4;
        }
        for line in lines {
            drawing.line(line, pen);
        }
        for (from, to) in exits.into_iter().filter(|_| series.marker.is_some()) {
            draw_arrowhead(drawing, ink(series), from, to);
        }
    }
    if let Some(marker) = series.marker {
        let mut seen = HashSet::new();
        let mut distinct = |at: &(f64, f64)| seen.insert(((at.0 / SAME) as i64, (at.1 / SAME) as i64));
        let inside = points.into_iter().flatten().filter(|&at| frame.contains(at));
        let places: Vec<_> = inside.filter(|at| distinct(at)).collect();
        let radius = match places.len() {
            0..=60 => 3.5,
            61..=CROWD => 2.5,
            _ => 1.75,
        };
        for at in places {
            draw_marker(drawing, marker, series, at, radius);
        }
    }
}

/// A line from one pixel to another.
type Segment = ((f64, f64), (f64, f64));

/// Returns the lines through `points` inside the frame, and the segments that leave it.
///
/// Gaps break the line. Points too close to the previous one are skipped, so thousands of steps at
/// the same place cost nothing.
fn clipped_lines(points: &[Option<(f64, f64)>], frame: &Frame) -> (Vec<Vec<(f64, f64)>>, Vec<Segment>) {
    let (mut lines, mut exits) = (vec![Vec::new()], Vec::new());
    let mut from: Option<(f64, f64)> = None;
    for &point in points {
        let (Some(a), Some(b)) = (from, point) else {
            lines.push(Vec::new());
            from = point;
            continue;
        };
        if (b.0 - a.0).abs() < SAME && (b.1 - a.1).abs() < SAME {
            continue;
        }
        from = point;
        let Some((start, end)) = frame.clip(a, b) else { continue };
        match lines.last_mut() {
            Some(line) if line.last() == Some(&start) => line.push(end),
            _ => lines.push(vec![start, end]),
        }
        if frame.contains(a) && !frame.contains(b) {
            exits.push((start, end));
        }
    }
    (lines, exits)
}

/// Draws a triangle with its tip at `to`, pointing away from `from`.
fn draw_arrowhead(drawing: &mut Drawing, ink: Ink, from: (f64, f64), to: (f64, f64)) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length > 0.0 {
        let (ux, uy) = (dx / length, dy / length);
        let base = (to.0 - 12.0 * ux, to.1 - 12.0 * uy);
        let wings = [(base.0 - 5.0 * uy, base.1 + 5.0 * ux), (base.0 + 5.0 * uy, base.1 - 5.0 * ux)];
        drawing.polygon(vec![to, wings[0], wings[1]], ink);
    }
}

fn draw_marker(drawing: &mut Drawing, marker: Marker, series: &Series, at: (f64, f64), radius: f64) {
    let ink = ink(series);
    match marker {
        Marker::Dot => drawing.circle(at, radius, Some(ink), None),
        Marker::Ring => drawing.circle(at, 6.0, None, Some(Pen { width: 2.0, dashed: false, ink })),
        Marker::Name => {
            let (width, height) = (text::width(&series.label, NAME.size) + 8.0, NAME.size + 6.0);
            drawing.cell((at.0 - width / 2.0, at.1 - height / 2.0), (width, height), Ink::Ground, 0.8);
            drawing.text((at.0, at.1 + 0.35 * NAME.size), &series.label, NAME);
        }
    }
}

fn ink(series: &Series) -> Ink {
    match series.role {
        Role::Reference => Ink::Muted,
        Role::Data(n) => Ink::Palette(n),
    }
}

fn pen(series: &Series, stroke: Stroke) -> Pen {
    let width = if series.marker.is_some() || series.role == Role::Reference { 1.5 } else { 2.0 };
    Pen { width, dashed: stroke == Stroke::Dashed, ink: ink(series) }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    fn svg_of(chart: &Chart) -> String {
        Drawing::from(chart.clone()).svg()
    }

    fn axis(scale: Scale) -> Axis {
        Axis::new("a <label> & more", scale)
    }

    fn chart(scale: Scale, series: Vec<Series>) -> Chart {
        Chart::new("losses", axis(Scale::Linear), axis(scale), series)
    }

    fn series(label: &str, points: &[(f64, f64)]) -> Series {
        Series::line(label, Role::Data(0), points.to_vec()).with_dots()
    }

    /// The number of elements with this name.
    fn count(svg: &str, name: &str) -> usize {
        Document::parse(svg).unwrap().descendants().filter(|node| node.has_tag_name(name)).count()
    }

    #[test]
    fn any_series_can_be_plotted_with_all_coordinates_inside() {
        let sets: [&[(f64, f64)]; 9] = [
            &[],
            &[(1.0, 2.0)],
            &[(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)],
            &[(0.0, f64::NAN), (1.0, 1.0), (f64::INFINITY, 2.0)],
            &[(0.0, -1e300), (1.0, 1e300)],
            &[(f64::MIN, f64::MAX), (f64::MAX, f64::MIN)],
            &[(0.0, 1e-300), (1.0, 1e300)],
            &[(0.0, 25.0), (1.0, 1e307)],
            &[(0.0, 5e-324), (1e-320, 0.0)],
        ];
        for points in sets {
            for scale in [Scale::Linear, Scale::Log] {
                let svg = svg_of(&chart(scale, vec![series("a", points), series("b", points)]));
                let document = Document::parse(&svg).unwrap();
                let numbers = document
                    .descendants()
                    .flat_map(|node| ["points", "x", "y", "cx", "cy"].map(|name| node.attribute(name)))
                    .flatten()
                    .flat_map(|list| list.split([' ', ',']))
                    .map(|number| number.parse::<f64>().unwrap());
                for number in numbers {
                    assert!((0.0..=WIDTH).contains(&number), "{points:?} {scale:?} {number}");
                }
            }
        }
    }

    #[test]
    fn each_distinct_finite_point_gets_one_marker() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 4.0), (3.0, 9.0), (3.0, 9.0)];
        assert_eq!(count(&svg_of(&chart(Scale::Linear, vec![series("", &points)])), "circle"), 3);
    }

    #[test]
    fn a_point_that_is_not_finite_breaks_the_line() {
        let whole = [(0.0, 1.0), (1.0, 2.0), (2.0, 4.0), (3.0, 9.0), (4.0, 9.5)];
        let broken = whole.map(|(x, y)| (x, if x == 2.0 { f64::NAN } else { y }));
        let lines = |points: &[(f64, f64)]| {
            let mut chart = chart(Scale::Linear, vec![series("", points)]);
            (chart.x.range, chart.y.range) = (Some((0.0, 4.0)), Some((0.0, 10.0)));
            count(&svg_of(&chart), "polyline")
        };
        assert_eq!(lines(&broken), lines(&whole) + 1);
    }

    #[test]
    fn a_line_with_markers_ends_in_an_arrowhead_at_the_frame() {
        let points = [(0.0, 0.0), (1.0, 1.0), (2.0, 50.0)];
        let arrows = |top: f64| {
            let mut chart = chart(Scale::Linear, vec![series("", &points)]);
            chart.y.range = Some((0.0, top));
            count(&svg_of(&chart), "polygon")
        };
        assert_eq!((arrows(2.0), arrows(60.0)), (1, 0));
    }

    #[test]
    fn two_or_more_labeled_series_get_a_legend() {
        let points = [(0.0, 1.0), (1.0, 2.0)];
        let one = svg_of(&chart(Scale::Linear, vec![series("only one", &points)]));
        let two =
            svg_of(&chart(Scale::Linear, vec![series("the first", &points), series("the second", &points)]));
        assert!(!one.contains("only one") && two.contains("the first") && two.contains("the second"));
    }

    #[test]
    fn a_long_legend_wraps() {
        let all: Vec<Series> =
            (0..12).map(|run| series(&format!("a run with a long name, {run}"), &[(0.0, 1.0)])).collect();
        let rows = legend_rows(&all, 600.0);
        assert!(rows.len() > 3);
        for row in &rows {
            assert!(row.iter().map(|(_, label)| entry_width(label)).sum::<f64>() <= 600.0);
        }
        assert_eq!(rows.iter().map(Vec::len).sum::<usize>(), 12);
    }
}
