//! Evaluation on labeled examples: loss, accuracy, confusion matrix, precision, recall and F1.

use mlp_core::{Architecture, Mlp, Score};
use mlp_data::Dataset;

use crate::config::memory::CHUNK;
use crate::model::passes::in_chunks;
use crate::{Error, Kernel, Number};

/// The result of [`evaluate`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Loss and accuracy.
    pub score: Score,
    /// The confusion matrix.
    pub confusion: ConfusionMatrix,
}

/// Counts of examples by label and prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>, // (label, prediction), row by row
}

/// Precision, recall and F1 of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClassReport {
    /// The class number.
    pub class: usize,
    /// True positives / predicted; NaN if the class is never predicted.
    pub precision: f64,
    /// True positives / actual; NaN if the class never occurs.
    pub recall: f64,
    /// 2·true positives / (predicted + actual), the harmonic mean of precision and recall; NaN if
    /// the class neither occurs nor is predicted.
    pub f1: f64,
    /// The number of examples of this class.
    pub support: u64,
}

impl ConfusionMatrix {
    /// Creates an empty matrix.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one example.
    ///
    /// # Panics
    /// If either number is not below the number of classes.
    #[track_caller]
    pub fn add(&mut self, label: usize, prediction: usize) {
        assert!(
            label < self.classes && prediction < self.classes,
            "{label}, {prediction} of {} classes",
            self.classes
        );
        self.counts[label * self.classes + prediction] += 1;
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns how many examples with this label got this prediction.
    ///
    /// # Panics
    /// If either number is not below the number of classes.
    pub fn count(&self, label: usize, prediction: usize) -> u64 {
        self.row(label)[prediction]
    }

    /// Returns the counts of each prediction for the examples labeled `label`.
    ///
    /// # Panics
    /// If `label` is not below the number of classes.
    pub fn row(&self, label: usize) -> &[u64] {
        &self.counts[label * self.classes..(label + 1) * self.classes]
    }

    /// Returns precision, recall and F1 of every class.
    pub fn report(&self) -> Vec<ClassReport> {
        (0..self.classes)
            .map(|class| {
                let hits = self.count(class, class) as f64;
                let support: u64 = self.row(class).iter().sum();
                let predicted: u64 = (0..self.classes).map(|label| self.count(label, class)).sum();
                ClassReport {
                    class,
                    precision: hits / predicted as f64,
                    recall: hits / support as f64,
                    f1: 2.0 * hits / (predicted + support) as f64,
                    support,
                }
            })
            .collect()
    }
}

/// Checks that a dataset is not empty and that its pixels and classes fit a network.
pub(crate) fn check_fits(architecture: &Architecture, data: &Dataset) -> Result<(), Error> {
    let (inputs, outputs) = (architecture.inputs, architecture.outputs);
    let (pixels, classes) = (data.pixels(), data.classes());
    if inputs != pixels || classes > outputs {
        return Err(Error::DoesNotFit { inputs, outputs, pixels, classes });
    }
    if data.is_empty() { Err(Error::Empty) } else { Ok(()) }
}

/// Evaluates `network` on `data`. The result does not depend on the number of threads.
///
/// # Errors
/// [`Error::DoesNotFit`] if the image size differs or there are too many classes, [`Error::Empty`]
/// if there are no examples, [`Error::Config`] from [`Kernel::resolve`], [`Error::Data`] if the
/// file of the images changed.
pub fn evaluate<A: Number>(network: &Mlp<A>, data: &Dataset, kernel: Kernel) -> Result<Evaluation, Error> {
    let architecture = network.architecture();
    check_fits(&architecture, data)?;
    let chunks = in_chunks(network, data, kernel, |x, labels, workspace| {
        (network.score(x, labels, workspace), workspace.predictions().to_vec())
    })?;
    data.check_unchanged()?;
    let mut score = Score::default();
    let mut confusion = ConfusionMatrix::new(architecture.outputs);
    for (chunk, labels) in chunks.iter().zip(data.labels().chunks(CHUNK)) {
        score += chunk.0;
        for (&label, &prediction) in labels.iter().zip(&chunk.1) {
            confusion.add(usize::from(label), usize::from(prediction));
        }
    }
    Ok(Evaluation { score, confusion })
}

#[cfg(test)]
mod tests {
    use mlp_core::{Architecture, Init, NativeStream};

    use super::*;

    fn network(inputs: usize, outputs: usize) -> Mlp<f32> {
        let architecture = Architecture::new(inputs, &[20], outputs);
        Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap()
    }

    #[test]
    fn the_report_follows_the_definitions_of_precision_recall_and_f1() {
        let mut confusion = ConfusionMatrix::new(3);
        for (label, prediction, count) in [(0, 0, 4), (0, 1, 1), (1, 1, 2), (1, 0, 2)] {
            (0..count).for_each(|_| confusion.add(label, prediction));
        }
        let report = confusion.report();
        assert_eq!((report[0].precision, report[0].recall, report[0].support), (4.0 / 6.0, 4.0 / 5.0, 5));
        let (p, r) = (report[0].precision, report[0].recall);
        assert!((report[0].f1 - 2.0 * p * r / (p + r)).abs() < 1e-15);
        assert_eq!((report[1].precision, report[1].recall), (2.0 / 3.0, 2.0 / 4.0));
        assert!(report[2].precision.is_nan() && report[2].recall.is_nan() && report[2].f1.is_nan());
        assert_eq!(confusion.row(1), [2, 2, 0]);
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let data = mlp_data::synthetic::digits(10, 1203, 0).test;
        for kernel in [Kernel::Auto, Kernel::Portable] {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| evaluate(&network(784, 10), &data, kernel)).unwrap()
            };
            let one = run(1);
            assert_eq!(one.score.examples, 1203);
            assert_eq!((0..10).map(|c| one.confusion.count(c, c)).sum::<u64>(), one.score.correct as u64);
            for threads in [2, 3, 8] {
                assert_eq!(run(threads), one, "{kernel}, {threads} threads");
            }
        }
    }

    #[test]
    fn a_dataset_that_does_not_fit_is_an_error() {
        let data = mlp_data::synthetic::digits(10, 10, 0).test;
        let error = evaluate(&network(783, 10), &data, Kernel::Auto).unwrap_err().to_string();
        assert!(error.starts_with("the network has 783 inputs and 10 classes; the dataset has 784 pixels"));
        let empty = data.take(0);
        assert!(matches!(evaluate(&network(784, 10), &empty, Kernel::Auto), Err(Error::Empty)));
    }
}
