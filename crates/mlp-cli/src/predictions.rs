//! A model's predictions for every example of a dataset, computed once for all figures of a report.

use mlp_core::argmax;
use mlp_data::Dataset;
use mlp_train::{ConfusionMatrix, Model};
use ndarray::Array2;

/// A model's predictions for a dataset.
pub(crate) struct Predictions {
    probabilities: Array2<f64>, // (examples, classes)
    classes: Vec<usize>,        // predicted classes
    labels: Vec<usize>,
    pub(crate) confusion: ConfusionMatrix,
}

/// A misclassified example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Misclassified {
    /// Index in the dataset.
    pub(crate) index: usize,
    pub(crate) label: usize,
    pub(crate) prediction: usize,
    /// Probability of the prediction.
    pub(crate) probability: f64,
}

/// The reliability of the predicted probabilities.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calibration {
    /// Bins of equal width from 0 to 1.
    pub(crate) bins: Vec<Bin>,
    /// Expected calibration error.
    pub(crate) error: f64,
}

/// The predictions in one range of probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bin {
    pub(crate) count: usize,
    /// Mean probability; 0 without predictions.
    pub(crate) confidence: f64,
    /// Fraction of correct predictions; 0 without predictions.
    pub(crate) accuracy: f64,
}

/// Number of bins, as in Guo, Pleiss, Sun and Weinberger 2017.
const BINS: usize = 15;

impl Predictions {
    /// Applies a model to a dataset in its classes.
    ///
    /// # Errors
    /// If the model does not fit the dataset; see [`Model::check_fits`].
    pub(crate) fn of(model: &Model, data: &Dataset) -> anyhow::Result<Self> {
        model.check_fits(data)?;
        let probabilities = model.network.probabilities(data.images(), model.kernel())?;
        Ok(Self::new(probabilities, data.labels()))
    }

    fn new(probabilities: Array2<f64>, labels: &[u8]) -> Self {
        let classes: Vec<usize> =
            probabilities.rows().into_iter().map(|row| argmax(row.iter().copied())).collect();
        let labels: Vec<usize> = labels.iter().map(|&label| usize::from(label)).collect();
        let mut confusion = ConfusionMatrix::new(probabilities.ncols());
        for (&label, &prediction) in labels.iter().zip(&classes) {
            confusion.add(label, prediction);
        }
        Self { probabilities, classes, labels, confusion }
    }

    /// The misclassified examples, most confident first.
    pub(crate) fn errors(&self) -> Vec<Misclassified> {
        let examples = self.labels.iter().zip(&self.classes).enumerate();
        let wrong = examples.filter(|(_, (label, prediction))| label != prediction);
        let mut errors: Vec<Misclassified> = wrong
            .map(|(index, (&label, &prediction))| {
                let probability = self.probabilities[[index, prediction]];
                Misclassified { index, label, prediction, probability }
            })
            .collect();
        errors.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));
        errors
    }

    /// The reliability of the predictions: ECE = Σ n_b/n · |accuracy_b - confidence_b| over bins b
    /// of equal width (Naeini, Cooper and Hauskrecht 2015; Guo, Pleiss, Sun and Weinberger 2017,
    /// equation 3).
    pub(crate) fn calibration(&self) -> Calibration {
        let mut bins = vec![Bin::default(); BINS];
        for (index, (&label, &prediction)) in self.labels.iter().zip(&self.classes).enumerate() {
            let probability = self.probabilities[[index, prediction]];
            // A bin includes its upper bound, as in the paper.
            let number = (probability * BINS as f64).ceil() as usize;
            let bin = &mut bins[number.clamp(1, BINS) - 1];
            bin.count += 1;
            bin.confidence += probability;
            bin.accuracy += f64::from(u8::from(label == prediction));
        }
        let mut error = 0.0;
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            error += (bin.accuracy - bin.confidence).abs() / self.labels.len() as f64;
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        Calibration { bins, error }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn predictions() -> Predictions {
        let probabilities = array![[0.9, 0.1], [0.2, 0.8], [0.35, 0.65], [0.05, 0.95]];
        Predictions::new(probabilities, &[0, 0, 1, 0])
    }

    #[test]
    fn errors_are_sorted_by_confidence() {
        let predictions = predictions();
        assert_eq!((predictions.confusion.count(0, 1), predictions.confusion.count(1, 1)), (2, 1));
        let expected = [
            Misclassified { index: 3, label: 0, prediction: 1, probability: 0.95 },
            Misclassified { index: 1, label: 0, prediction: 1, probability: 0.8 },
        ];
        assert_eq!(predictions.errors(), expected);
    }

    #[test]
    fn the_calibration_error_matches_its_definition() {
        let calibration = predictions().calibration();
        // 0.65 is in (9/15, 10/15], 0.8 is the upper bound of (11/15, 12/15], 0.9 is in
        // (13/15, 14/15], 0.95 in the last bin.
        let counts: Vec<usize> = calibration.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1]);
        // The mean of |1 - 0.65|, |0 - 0.8|, |1 - 0.9| and |0 - 0.95|.
        assert!((calibration.error - (0.35 + 0.8 + 0.1 + 0.95) / 4.0).abs() < 1e-15, "{}", calibration.error);
        assert_eq!(Predictions::new(Array2::zeros((0, 2)), &[]).calibration().error, 0.0);
    }

    #[test]
    fn a_probability_of_1_is_in_the_last_bin() {
        let calibration = Predictions::new(array![[1.0, 0.0]], &[0]).calibration();
        assert_eq!(calibration.bins[14], Bin { count: 1, confidence: 1.0, accuracy: 1.0 });
        assert_eq!(calibration.error, 0.0);
    }
}
