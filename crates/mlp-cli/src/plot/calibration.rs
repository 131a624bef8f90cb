//! The reliability diagram of a model.

use super::chart::{Axis, Chart, Role, Scale, Series};
use super::drawing::Drawing;
use super::ticks::number;
use crate::predictions::Calibration;

/// Plots accuracy against confidence, and below it the number of predictions per bin.
pub(crate) fn calibration(calibration: &Calibration, set: &str) -> Drawing {
    let title = format!("Calibration on {set}");
    let filled = || calibration.bins.iter().filter(|bin| bin.count > 0);
    let confidence = || Axis::linear("confidence (probability of the predicted class)").between(0.0, 1.0);
    let accuracies = filled().map(|bin| (bin.confidence, bin.accuracy)).collect();
    let counts = filled().map(|bin| (bin.confidence, bin.count as f64)).collect();
    let reliability = Chart {
        subtitle: format!(
            "Expected calibration error (ECE) {}, {} bins",
            number(calibration.error, 3),
            calibration.bins.len()
        ),
        notes: vec!["Above the diagonal, the model is underconfident; below it, overconfident.".to_owned()],
        ..Chart::new(
            &title,
            confidence(),
            Axis::linear("accuracy").between(0.0, 1.0),
            vec![
                Series::line("perfectly calibrated", Role::Reference, vec![(0.0, 0.0), (1.0, 1.0)]).dashed(),
                Series::line("model", Role::Data(0), accuracies).with_dots(),
            ],
        )
    };
    let histogram = Chart::new(
        "Confidence histogram",
        confidence(),
        Axis::new("predictions", Scale::Log),
        vec![Series::line("", Role::Data(0), counts).with_dots()],
    );
    Drawing::column(&[reliability, histogram], &title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Bin;

    #[test]
    fn the_plot_shows_the_error_and_leaves_out_empty_bins() {
        let mut bins = vec![Bin::default(); 15];
        bins[14] = Bin { count: 90, confidence: 0.97, accuracy: 0.9 };
        let drawing = calibration(&Calibration { bins, error: 0.0712 }, "calibration");
        assert!(drawing.svg().contains("(ECE) 0.0712, 15 bins"));
        let svg = drawing.svg();
        let is_blue = |line: &&str| line.starts_with("<circle") && line.contains("class='f-c0'");
        let blue = svg.lines().filter(is_blue).count();
        assert_eq!(blue, 3, "a dot in each chart and one in the legend");
        let empty = Calibration { bins: vec![Bin::default(); 15], error: 0.0 };
        assert!(calibration(&empty, "nothing").png().is_ok());
    }
}
