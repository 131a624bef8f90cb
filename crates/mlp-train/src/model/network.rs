//! A network of either precision and its inference. Probabilities and activations are always `f64`.

use mlp_core::{Architecture, Features, Mlp, Precision, Real, Workspace};
use mlp_data::{Dataset, ImageShape};
use ndarray::{Array2, Axis, concatenate};

use crate::model::passes::in_chunks;
use crate::{ConfigError, Error, Evaluation, Kernel, Number, evaluate};

/// A network of either precision.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// Single precision.
    F32(Mlp<f32>),
    /// Double precision.
    F64(Mlp<f64>),
}

/// `each!(network, mlp => expression)` evaluates the expression with the [`Mlp`] in a [`Network`].
macro_rules! each {
    ($network:expr, $mlp:ident => $result:expr) => {
        match $network {
            $crate::model::network::Network::F32($mlp) => $result,
            $crate::model::network::Network::F64($mlp) => $result,
        }
    };
}

pub(crate) use each;

impl Network {
    /// The precision.
    pub fn precision(&self) -> Precision {
        match self {
            Self::F32(_) => Precision::F32,
            Self::F64(_) => Precision::F64,
        }
    }

    /// The layer sizes and the activation.
    pub fn architecture(&self) -> Architecture {
        each!(self, mlp => mlp.architecture())
    }

    /// Evaluates the network on a dataset.
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn evaluate(&self, data: &Dataset, kernel: Kernel) -> Result<Evaluation, Error> {
        each!(self, mlp => evaluate(mlp, data, kernel))
    }

    /// Returns the probabilities Ŷ (images, classes) for the concatenated pixels of images.
    ///
    /// # Panics
    /// If the last image is incomplete.
    ///
    /// # Errors
    /// Those of [`Kernel::resolve`]; none with [`Kernel::Auto`].
    ///
    /// # Example
    /// ```
    /// use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
    /// use mlp_train::{Kernel, Network};
    ///
    /// let architecture = Architecture::new(784, &[16], 10).with_activation(Activation::Relu);
    /// let network = Network::F32(Mlp::new(&architecture, Init::He, &mut NativeStream::new(0))?);
    /// let digits = mlp_data::synthetic::digits(1, 3, 0).test;
    /// let probabilities = network.probabilities(digits.images(), Kernel::Auto)?;
    /// assert_eq!(probabilities.dim(), (3, 10));
    /// assert!((probabilities.row(0).sum() - 1.0).abs() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn probabilities(&self, images: &[u8], kernel: Kernel) -> Result<Array2<f64>, ConfigError> {
        let classes = self.architecture().outputs;
        each!(self, mlp => rows(mlp, images, kernel, classes, |x, workspace| {
            mlp.probabilities(x, workspace).mapv(Real::into_f64)
        }))
    }

    /// Returns the activations H (images, units) of hidden layer `l`, counted from 0.
    ///
    /// # Panics
    /// If the last image is incomplete, or there is no such hidden layer.
    ///
    /// # Errors
    /// Those of [`Network::probabilities`].
    #[track_caller]
    pub fn activations(&self, images: &[u8], l: usize, kernel: Kernel) -> Result<Array2<f64>, ConfigError> {
        let hidden = self.architecture().hidden;
        assert!(l < hidden.len(), "hidden layer {l} of {}", hidden.len());
        each!(self, mlp => rows(mlp, images, kernel, hidden[l], |x, workspace| {
            mlp.logits(x, workspace);
            workspace.activations(l).mapv(Real::into_f64)
        }))
    }
}

impl From<Mlp<f32>> for Network {
    fn from(network: Mlp<f32>) -> Self {
        Self::F32(network)
    }
}

impl From<Mlp<f64>> for Network {
    fn from(network: Mlp<f64>) -> Self {
        Self::F64(network)
    }
}

/// Concatenates the rows returned by `pass` for each chunk of images.
#[track_caller]
fn rows<A: Number>(
    network: &Mlp<A>,
    images: &[u8],
    kernel: Kernel,
    columns: usize,
    pass: impl Fn(Features<'_, A>, &mut Workspace<A>) -> Array2<f64> + Sync,
) -> Result<Array2<f64>, ConfigError> {
    let pixels = network.architecture().inputs;
    assert!(images.len().is_multiple_of(pixels), "{} pixels in images of {pixels}", images.len());
    // The labels are never read.
    let (shape, labels) = (ImageShape { height: 1, width: pixels }, vec![0; images.len() / pixels]);
    let data = Dataset::new(images.to_vec(), shape, labels, 1).expect("whole images of class 0");
    let chunks = in_chunks(network, &data, kernel, |x, _, workspace| pass(x, workspace))?;
    let views: Vec<_> = chunks.iter().map(|chunk| chunk.view()).collect();
    if views.is_empty() {
        return Ok(Array2::zeros((0, columns)));
    }
    Ok(concatenate(Axis(0), &views).expect("one width"))
}

#[cfg(test)]
mod tests {
    use mlp_core::{Architecture, Init, NativeStream, argmax};

    use super::*;

    fn network(hidden: &[usize]) -> Mlp<f32> {
        let architecture = Architecture::new(784, hidden, 10);
        Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap()
    }

    #[test]
    fn predictions_match_the_evaluation_on_any_number_of_threads() {
        let data = mlp_data::synthetic::digits(1, 1203, 0).test;
        let found = evaluate(&network(&[20]), &data, Kernel::Portable).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                Network::from(network(&[20])).probabilities(data.images(), Kernel::Portable).unwrap()
            })
        };
        let one = run(1);
        let predictions = one.rows().into_iter().map(|row| argmax(row.iter().copied()));
        let correct =
            predictions.zip(data.labels()).filter(|&(prediction, &label)| prediction == usize::from(label));
        assert_eq!((one.nrows(), correct.count()), (1203, found.score.correct));
        assert_eq!(run(3), one);
    }

    #[test]
    fn activations_agree_in_both_precisions() {
        let data = mlp_data::synthetic::digits(1, 7, 0).test;
        let (single, double) =
            (Network::from(network(&[20, 6])), Network::from(network(&[20, 6]).cast::<f64>()));
        for (l, units) in [(0, 20), (1, 6)] {
            let [h, exact] = [&single, &double]
                .map(|network| network.activations(data.images(), l, Kernel::Portable).unwrap());
            assert_eq!(h.dim(), (7, units));
            // A sum of 784 products in f32; the logistic function does not increase its error.
            let most = (&h - &exact).fold(0.0_f64, |most, d| most.max(d.abs()));
            assert!(most > 0.0 && most <= 784.0 * 8.0 * f64::from(f32::EPSILON), "{most}");
        }
    }

    #[test]
    fn no_images_give_no_rows() {
        assert_eq!(Network::from(network(&[5])).probabilities(&[], Kernel::Auto).unwrap().dim(), (0, 10));
    }

    #[test]
    #[should_panic(expected = "hidden layer 1 of 1")]
    fn a_missing_layer_panics() {
        let _ = Network::from(network(&[5])).activations(&[], 1, Kernel::Auto);
    }
}
