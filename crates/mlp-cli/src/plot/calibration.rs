//! Whether a network's probabilities can be believed: the reliability diagram.

use super::chart::{Axis, Chart, Marker, Role, Scale, Series, Stroke};
use super::drawing::Drawing;
use super::ticks::number;
use crate::judgement::Calibration;

/// How often predictions of a probability are right, against that probability, and below it how many predictions there are.
pub(crate) fn calibration(calibration: &Calibration, title: &str) -> Drawing {
    let filled = || calibration.bins.iter().filter(|bin| bin.count > 0);
    let axis = |label: &str, scale, range| Axis { label: label.to_owned(), scale, whole: false, range };
    let unit = Some((0.0, 1.0));
    let line = |label: &str, points, role, marker| Series {
        label: label.to_owned(),
        points,
        role,
        stroke: Some(if marker { Stroke::Solid } else { Stroke::Dashed }),
        marker: marker.then_some(Marker::Dot),
    };
    let reliability = Chart {
        title: title.to_owned(),
        subtitle: format!("expected calibration error (ECE) {}, 15 bins", number(calibration.error, 3)),
        x: axis("probability of the prediction", Scale::Linear, unit),
        y: axis("share of right predictions", Scale::Linear, unit),
        series: vec![
            line("as sure as right", vec![(0.0, 0.0), (1.0, 1.0)], Role::Reference, false),
            line(
                "this network",
                filled().map(|bin| (bin.confidence, bin.accuracy)).collect(),
                Role::Data(0),
                true,
            ),
        ],
        notes: vec![
            "Above the line the network is right more often than it says, below it less often.".to_owned(),
        ],
    };
    let counts = Chart {
        title: "How many predictions there are of each probability".to_owned(),
        subtitle: String::new(),
        x: axis("probability of the prediction", Scale::Linear, unit),
        y: axis("predictions", Scale::Log, None),
        series: vec![line(
            "",
            filled().map(|bin| (bin.confidence, bin.count as f64)).collect(),
            Role::Data(0),
            true,
        )],
        notes: Vec::new(),
    };
    Drawing::column(&[reliability, counts], title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::Bin;

    #[test]
    fn the_error_is_said_and_bins_without_predictions_are_left_out() {
        let mut bins = vec![Bin::default(); 15];
        bins[14] = Bin { count: 90, confidence: 0.97, accuracy: 0.9 };
        let drawing = calibration(&Calibration { bins, error: 0.0712 }, "calibration");
        assert!(drawing.svg().contains("(ECE) 0.0712, 15 bins"));
        let blue = drawing.svg().matches("<circle class='f-c0'").count();
        assert_eq!(blue, 3, "a dot in each chart and one in the legend");
        let empty = Calibration { bins: vec![Bin::default(); 15], error: 0.0 };
        assert!(calibration(&empty, "nothing").png().is_ok());
    }
}
