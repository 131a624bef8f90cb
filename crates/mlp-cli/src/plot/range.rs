//! The plot of `mlp lr-find`: loss against learning rate.

use mlp_train::range_test::RangePoint;

use super::chart::{Axis, Chart, Marker, Role, Scale, Series};
use super::ticks::number;

/// Plots the raw and the smoothed loss, and marks the steepest point. Where the loss explodes, it
/// is clipped at 1.5 times the first loss.
pub(crate) fn range_chart(points: &[RangePoint], steepest: Option<f64>, recipe: &str) -> Chart {
    let line =
        |value: fn(&RangePoint) -> f64| points.iter().map(move |p| (p.learning_rate, value(p))).collect();
    let first = points.first().map_or(1.0, |point| point.smoothed);
    let lowest = points.iter().map(|point| point.smoothed).fold(first, f64::min);
    let ring = points.iter().filter(|point| Some(point.learning_rate) == steepest);
    let ring = ring.map(|point| (point.learning_rate, point.smoothed)).collect();
    let subtitle = match steepest {
        Some(rate) => format!("{recipe}: steepest at learning rate {}", number(rate, 3)),
        None => format!("{recipe}: the loss never falls"),
    };
    let loss = Axis::linear("loss")
        .between(lowest - 0.1 * (first - lowest), first + 0.5 * (first - lowest).max(0.1 * first));
    let series = vec![
        Series::line("batch loss", Role::Reference, line(|point| point.loss)),
        Series::line("smoothed loss", Role::Data(0), line(|point| point.smoothed)),
        Series::markers("steepest", Role::Data(1), Marker::Ring, ring),
    ];
    let rate = Axis::new("learning rate", Scale::Log);
    Chart { subtitle, ..Chart::new("Learning rate range test", rate, loss, series) }
}
