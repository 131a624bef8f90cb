//! The figure of `mlp lr-find`: the loss by learning rate.

use mlp_train::range_test::RangePoint;

use super::chart::{Axis, Chart, Marker, Role, Scale, Series, Stroke};
use super::ticks::number;

/// The loss of each step and its smoothed course, with a ring where it falls fastest. What explodes at the end is cut off at one and a half times
/// the first loss.
pub(crate) fn range_chart(points: &[RangePoint], steepest: Option<f64>, recipe: &str) -> Chart {
    let line =
        |value: fn(&RangePoint) -> f64| points.iter().map(move |p| (p.learning_rate, value(p))).collect();
    let smoothed = || points.iter().map(|point| point.smoothed);
    let first = points.first().map_or(1.0, |point| point.smoothed);
    let lowest = smoothed().fold(first, f64::min);
    let ring = points.iter().filter(|point| Some(point.learning_rate) == steepest);
    Chart {
        title: "Loss by learning rate".to_owned(),
        subtitle: match steepest {
            Some(rate) => format!("{recipe}: the loss falls fastest at {}", number(rate, 3)),
            None => format!("{recipe}: the loss never falls"),
        },
        x: Axis { label: "learning rate".to_owned(), scale: Scale::Log, whole: false, range: None },
        y: Axis {
            label: "loss of a batch".to_owned(),
            scale: Scale::Linear,
            whole: false,
            range: Some((lowest - 0.1 * (first - lowest), first + 0.5 * (first - lowest).max(0.1 * first))),
        },
        series: vec![
            Series {
                label: "each step".to_owned(),
                points: line(|point| point.loss),
                role: Role::Reference,
                stroke: Some(Stroke::Solid),
                marker: None,
            },
            Series {
                label: "smoothed".to_owned(),
                points: line(|point| point.smoothed),
                role: Role::Data(0),
                stroke: Some(Stroke::Solid),
                marker: None,
            },
            Series {
                label: "falls fastest".to_owned(),
                points: ring.map(|point| (point.learning_rate, point.smoothed)).collect(),
                role: Role::Data(1),
                stroke: None,
                marker: Some(Marker::Ring),
            },
        ],
        notes: Vec::new(),
    }
}
