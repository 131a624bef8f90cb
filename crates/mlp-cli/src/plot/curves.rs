//! Loss and accuracy by epoch, of one run or of several over each other.

use mlp_train::EpochRecord;

use super::chart::{Axis, Chart, Marker, Role, Scale, Series, Stroke};
use super::drawing::Drawing;
use super::ticks::number;

/// A run as its curves show it.
pub(crate) struct Curves<'a> {
    pub(crate) name: String,
    pub(crate) records: &'a [EpochRecord],
    /// The epoch that is worth a ring.
    pub(crate) best: Option<usize>,
}

/// Two charts, loss above accuracy. A single run has a color for each of its sets; of several, each has a color of its own, its training set
/// dashed where there is a validation set.
pub(crate) fn curves(runs: &[Curves<'_>]) -> Drawing {
    let title = match runs {
        [run] => run.name.clone(),
        _ => runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", "),
    };
    let loss = panel(runs, "Loss", format!("{title}: loss"), &|set| set.0);
    let accuracy = panel(runs, "Accuracy", format!("{title}: accuracy"), &|set| set.1);
    Drawing::column(&[loss, accuracy], &format!("{title}: loss and accuracy"))
}

/// Loss and accuracy of a set.
type Found = (f64, f64);

/// What a record says of a set, if it says anything.
type Of = fn(&EpochRecord) -> Option<Found>;

/// The sets that a record may speak of.
const SETS: [(&str, Of); 3] = [
    ("training", |record| Some((record.loss, record.accuracy))),
    ("validation", |record| record.validation.map(|found| (found.loss, found.accuracy))),
    ("test", |record| record.test.map(|found| (found.loss, found.accuracy))),
];

fn panel(runs: &[Curves<'_>], label: &str, title: String, value: &dyn Fn(Found) -> f64) -> Chart {
    let mut series = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let is_validated = run.records.iter().any(|record| record.validation.is_some());
        for (place, (set, of)) in SETS.iter().enumerate() {
            let points: Vec<(f64, f64)> = run
                .records
                .iter()
                .filter_map(|record| Some((record.epoch as f64, value(of(record)?))))
                .collect();
            if points.is_empty() {
                continue;
            }
            let several = runs.len() > 1;
            let is_dashed = several && is_validated && place == 0;
            series.push(Series {
                label: if several { format!("{} {set}", run.name) } else { (*set).to_owned() },
                marker: (points.len() < 2).then_some(Marker::Dot),
                points,
                role: Role::Data(if several { number } else { place }),
                stroke: Some(if is_dashed { Stroke::Dashed } else { Stroke::Solid }),
            });
        }
        if let Some(record) = run.best.and_then(|best| run.records.iter().find(|record| record.epoch == best))
        {
            let of = if is_validated { SETS[1].1 } else { SETS[0].1 };
            series.push(Series {
                label: if runs.len() > 1 { String::new() } else { "best epoch".to_owned() },
                points: of(record).map(|found| (record.epoch as f64, value(found))).into_iter().collect(),
                role: Role::Data(if runs.len() > 1 { number } else { 3 }),
                stroke: None,
                marker: Some(Marker::Ring),
            });
        }
    }
    let values =
        || series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|v| v.is_finite());
    let (least, most) = values().fold((f64::INFINITY, 0.0), |(lo, hi), v| (f64::min(lo, v), f64::max(hi, v)));
    // A loss falls by factors, an accuracy creeps up to 1.
    let scale =
        if label == "Loss" && least > 0.0 && most > 20.0 * least { Scale::Log } else { Scale::Linear };
    Chart {
        title,
        subtitle: last_values(runs, label, value),
        x: Axis { label: "epoch".to_owned(), scale: Scale::Linear, whole: true, range: None },
        y: Axis { label: label.to_owned(), scale, whole: false, range: None },
        series,
        notes: Vec::new(),
    }
}

/// What a single run ended with.
fn last_values(runs: &[Curves<'_>], label: &str, value: &dyn Fn(Found) -> f64) -> String {
    let ([run], Some(record)) = (runs, runs.first().and_then(|run| run.records.last())) else {
        return String::new();
    };
    let sets = SETS.iter().filter_map(|(set, of)| Some(format!("{set} {}", number(value(of(record)?), 4))));
    let sets: Vec<String> = sets.collect();
    format!("{} after epoch {} of {}: {}", label, record.epoch, run.name, sets.join(", "))
}

#[cfg(test)]
mod tests {
    use mlp_train::Outcome;
    use resvg::usvg::roxmltree::Document;

    use super::*;

    fn records(epochs: usize, validated: bool) -> Vec<EpochRecord> {
        let record = |epoch: usize| {
            let (loss, accuracy) = (1.0 / epoch as f64, 1.0 - 0.5 / epoch as f64);
            let validation = validated.then_some(Outcome { loss: loss + 0.1, accuracy: accuracy - 0.1 });
            EpochRecord { epoch, loss, accuracy, validation, ..EpochRecord::default() }
        };
        (1..=epochs).map(record).collect()
    }

    fn texts(drawing: &Drawing) -> Vec<String> {
        let document = Document::parse(drawing.svg()).unwrap();
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        texts.filter_map(|node| node.text().map(str::to_owned)).collect()
    }

    #[test]
    fn a_run_shows_its_sets_and_its_best_epoch_in_both_charts() {
        let records = records(10, true);
        let drawing = curves(&[Curves { name: "mnist".to_owned(), records: &records, best: Some(7) }]);
        let texts = texts(&drawing);
        for text in ["training", "validation", "best epoch"] {
            assert_eq!(texts.iter().filter(|found| *found == text).count(), 2, "{text}: {texts:?}");
        }
        assert!(texts.contains(&"Loss".to_owned()) && texts.contains(&"Accuracy".to_owned()));
        assert!(texts.iter().any(|text| text.contains("training 0.95, validation 0.85")), "{texts:?}");
    }

    #[test]
    fn several_runs_go_by_their_names() {
        let (a, b) = (records(5, true), records(3, false));
        let run = |name: &str, records| Curves { name: String::from(name), records, best: None };
        let texts = texts(&curves(&[run("a", &a), run("b", &b)]));
        for text in ["a training", "a validation", "b training"] {
            assert!(texts.contains(&text.to_owned()), "{text}: {texts:?}");
        }
    }

    #[test]
    fn no_epoch_one_epoch_and_losses_that_are_no_numbers_can_be_drawn() {
        let mut broken = records(3, false);
        broken[1].loss = f64::NAN;
        for records in [records(0, false), records(1, true), broken] {
            let drawing = curves(&[Curves { name: "run".to_owned(), records: &records, best: Some(1) }]);
            assert!(drawing.png().is_ok());
        }
    }
}
