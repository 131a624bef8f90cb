//! Training curves: loss and accuracy per epoch of one or more runs.

use mlp_train::EpochRecord;

use super::chart::{Axis, Chart, Marker, Role, Scale, Series};
use super::drawing::Drawing;
use super::ticks::number;
use crate::runs::RunSummary;

/// The curves of one run.
struct Curves<'a> {
    name: String,
    records: &'a [EpochRecord],
    /// The epoch to mark.
    best: Option<usize>,
}

/// Plots loss above accuracy. A single run has one color per split. With several runs, each has one
/// color, and its training curve is dashed if there is a validation split.
pub(crate) fn curves(runs: &[RunSummary]) -> Drawing {
    // The directory name, or the whole path if two directories have the same name.
    let own = |run: &RunSummary| run.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_unique = |name: &String| runs.iter().filter(|run| own(run).as_ref() == Some(name)).count() == 1;
    let curves = |run| Curves {
        name: own(run).filter(is_unique).unwrap_or_else(|| run.path.display().to_string()),
        records: &run.records,
        best: run.result.as_ref().and_then(|result| Some(result.best?.epoch)),
    };
    draw(&runs.iter().map(curves).collect::<Vec<_>>())
}

fn draw(runs: &[Curves<'_>]) -> Drawing {
    let title = runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", ");
    let loss = panel(runs, "loss", format!("{title}: loss"), &|set| set.0);
    let accuracy = panel(runs, "accuracy", format!("{title}: accuracy"), &|set| set.1);
    Drawing::column(&[loss, accuracy], &format!("{title}: loss and accuracy"))
}

/// Loss and accuracy.
type Values = (f64, f64);

/// A split of a record: its name, and its values if there are any.
type Split = (&'static str, fn(&EpochRecord) -> Option<Values>);

/// The splits of a record.
const SPLITS: [Split; 3] = [
    ("training", |record| Some((record.loss, record.accuracy))),
    ("validation", |record| record.validation.map(|found| (found.loss, found.accuracy))),
    ("test", |record| record.test.map(|found| (found.loss, found.accuracy))),
];

fn panel(runs: &[Curves<'_>], label: &str, title: String, value: &dyn Fn(Values) -> f64) -> Chart {
    let several = runs.len() > 1;
    let mut series = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let is_validated = run.records.iter().any(|record| record.validation.is_some());
        for (place, (split, values)) in SPLITS.iter().enumerate() {
            let points: Vec<(f64, f64)> = run
                .records
                .iter()
                .filter_map(|record| Some((record.epoch as f64, value(values(record)?))))
                .collect();
            if points.is_empty() {
                continue;
            }
            let label = if several { format!("{} {split}", run.name) } else { (*split).to_owned() };
            let is_short = points.len() < 2;
            let mut line = Series::line(label, Role::Data(if several { number } else { place }), points);
            if several && is_validated && place == 0 {
                line = line.dashed();
            }
            series.push(if is_short { line.with_dots() } else { line });
        }
        if let Some(record) = run.best.and_then(|best| run.records.iter().find(|record| record.epoch == best))
        {
            let (_, values) = if is_validated { SPLITS[1] } else { SPLITS[0] };
            let point = values(record).map(|found| (record.epoch as f64, value(found)));
            let (label, role) = if several { ("", number) } else { ("best epoch", 3) };
            let points = point.into_iter().collect();
            series.push(Series::markers(label, Role::Data(role), Marker::Ring, points));
        }
    }
    let axis = if label == "loss" { loss_axis(&series) } else { accuracy_axis(&series) };
    let subtitle = last_values(runs, value);
    Chart { subtitle, ..Chart::new(title, Axis::linear("epoch").whole(), axis, series) }
}

/// The least and the greatest finite value after an epoch, and of the marked points.
fn range_after(epoch: f64, series: &[Series]) -> (f64, f64) {
    let counted = |series: &Series, x: f64| x > epoch || series.marker.is_some();
    let points = series.iter().flat_map(|s| s.points.iter().filter(move |point| counted(s, point.0)));
    let values = points.map(|point| point.1).filter(|value| value.is_finite());
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
}

/// Logarithmic if the losses have more than one order of magnitude.
fn loss_axis(series: &[Series]) -> Axis {
    let (least, most) = range_after(0.0, series);
    Axis::new("loss", if least > 0.0 && most > 20.0 * least { Scale::Log } else { Scale::Linear })
}

/// Where the first twentieth of the epochs would take more than three quarters of the axis, they
/// are clipped: the last tenths of a percent matter most.
fn accuracy_axis(series: &[Series]) -> Axis {
    let axis = Axis::linear("accuracy");
    let epochs = series.iter().flat_map(|series| &series.points).map(|point| point.0).fold(0.0, f64::max);
    let (all, later) = (range_after(0.0, series), range_after(epochs / 20.0, series));
    let height = later.1 - later.0;
    if height <= 0.0 || later.1 < all.1 || all.1 - all.0 <= 4.0 * height {
        return axis;
    }
    axis.between(later.0 - 0.05 * height, later.1 + 0.05 * height)
}

/// The last values of a single run.
fn last_values(runs: &[Curves<'_>], value: &dyn Fn(Values) -> f64) -> String {
    let ([_], Some(record)) = (runs, runs.first().and_then(|run| run.records.last())) else {
        return String::new();
    };
    let last = |(split, values): &Split| Some(format!("{split} {}", number(value(values(record)?), 4)));
    let splits: Vec<String> = SPLITS.iter().filter_map(last).collect();
    format!("After epoch {}: {}", record.epoch, splits.join(", "))
}

#[cfg(test)]
mod tests {
    use mlp_train::Outcome;

    use super::*;

    fn records(epochs: usize, validated: bool) -> Vec<EpochRecord> {
        let record = |epoch: usize| {
            let (loss, accuracy) = (1.0 / epoch as f64, 1.0 - 0.5 / epoch as f64);
            let validation = validated.then_some(Outcome { loss: loss + 0.1, accuracy: accuracy - 0.1 });
            EpochRecord { epoch, loss, accuracy, validation, ..EpochRecord::default() }
        };
        (1..=epochs).map(record).collect()
    }

    #[test]
    fn both_charts_show_the_splits_and_the_best_epoch() {
        let records = records(10, true);
        let drawing = draw(&[Curves { name: "mnist".to_owned(), records: &records, best: Some(7) }]);
        let texts = drawing.texts();
        for text in ["training", "validation", "best epoch"] {
            assert_eq!(texts.iter().filter(|found| *found == text).count(), 2, "{text}: {texts:?}");
        }
        assert!(texts.contains(&"loss".to_owned()) && texts.contains(&"accuracy".to_owned()));
        assert!(texts.iter().any(|text| text.contains("training 0.95, validation 0.85")), "{texts:?}");
    }

    #[test]
    fn the_first_epochs_do_not_flatten_the_accuracy_of_the_others() {
        let axis = |accuracy: fn(f64) -> f64, epochs: usize| {
            let points = (1..=epochs).map(|epoch| (epoch as f64, accuracy(epoch as f64))).collect();
            accuracy_axis(&[Series::line("", Role::Data(0), points)]).range
        };
        let (low, high) = axis(|epoch| 1.0 - 0.5 / epoch, 100).unwrap();
        assert!(low > 0.9 && low < 1.0 - 0.5 / 6.0 && high > 0.995, "{low} to {high}");
        // Few epochs, epochs that matter as much as the later ones, a run that was best at first.
        assert_eq!(axis(|epoch| 1.0 - 0.5 / epoch, 19), None);
        assert_eq!(axis(|epoch| epoch / 100.0, 100), None);
        assert_eq!(axis(|epoch| if epoch < 3.0 { 0.9 } else { 0.1 }, 100), None);
        assert_eq!(axis(|epoch| if epoch < 3.0 { 0.1 } else { 1.0 }, 100), None);
        assert_eq!(axis(|_| 0.1, 100), None);
        // The best epoch stays in sight.
        let line = (1..=100).map(|epoch| (f64::from(epoch), 1.0 - 0.5 / f64::from(epoch))).collect();
        let best = Series::markers("", Role::Data(3), Marker::Ring, vec![(1.0, 0.5)]);
        assert_eq!(accuracy_axis(&[Series::line("", Role::Data(0), line), best]).range, None);
    }

    #[test]
    fn several_runs_are_labeled_by_name() {
        let (a, b) = (records(5, true), records(3, false));
        let run = |name: &str, records| Curves { name: String::from(name), records, best: None };
        let texts = draw(&[run("a", &a), run("b", &b)]).texts();
        for text in ["a training", "a validation", "b training"] {
            assert!(texts.contains(&text.to_owned()), "{text}: {texts:?}");
        }
    }

    #[test]
    fn empty_short_and_diverged_runs_can_be_plotted() {
        let mut broken = records(3, false);
        broken[1].loss = f64::NAN;
        for records in [records(0, false), records(1, true), broken] {
            let drawing = draw(&[Curves { name: "run".to_owned(), records: &records, best: Some(1) }]);
            assert!(drawing.png().is_ok());
        }
    }
}
