//! The figure of `mlp lr-find`: the loss by learning rate.

use mlp_train::range_test::RangePoint;

use super::chart::{Axis, Chart, Marker, Role, Scale, Series};
use super::ticks::number;

/// The loss of each step and the smoothed loss, with a ring where it falls fastest. The explosion
/// at the end is cut off at one and a half times the first loss.
pub(crate) fn range_chart(points: &[RangePoint], steepest: Option<f64>, recipe: &str) -> Chart {
    let line =
        |value: fn(&RangePoint) -> f64| points.iter().map(move |p| (p.learning_rate, value(p))).collect();
    let first = points.first().map_or(1.0, |point| point.smoothed);
    let lowest = points.iter().map(|point| point.smoothed).fold(first, f64::min);
    let ring = points.iter().filter(|point| Some(point.learning_rate) == steepest);
    let ring = ring.map(|point| (point.learning_rate, point.smoothed)).collect();
    let subtitle = match steepest {
        Some(rate) => format!("{recipe}: the loss falls fastest at {}", number(rate, 3)),
        None => format!("{recipe}: the loss never falls"),
    };
    let loss = Axis::linear("loss of a batch")
        .between(lowest - 0.1 * (first - lowest), first + 0.5 * (first - lowest).max(0.1 * first));
    let series = vec![
        Series::line("each step", Role::Reference, line(|point| point.loss)),
        Series::line("smoothed", Role::Data(0), line(|point| point.smoothed)),
        Series::markers("falls fastest", Role::Data(1), Marker::Ring, ring),
    ];
    let rate = Axis::new("learning rate", Scale::Log);
    Chart { subtitle, ..Chart::new("Loss by learning rate", rate, loss, series) }
}
