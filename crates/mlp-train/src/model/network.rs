//! What a network says of images: probabilities, and what its hidden units do. Unlike evaluation this asks for no labels, and it answers in
//! `f64` whatever the network's precision.

use mlp_core::{Mlp, Workspace};
use mlp_data::levels;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

use crate::config::kernel::Kernel;
use crate::model::metadata::Network;
use crate::number::Number;

/// Images that go through a network at a time.
const CHUNK: usize = 500;

impl Network {
    /// The probabilities Ŷ (images, classes) of images given as their pixels, one after the other.
    ///
    /// # Panics
    /// If there are not as many pixels as make whole images.
    ///
    /// # Example
    /// ```
    /// use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream};
    /// use mlp_train::Network;
    ///
    /// let architecture = Architecture { inputs: 784, hidden: vec![16], outputs: 10, activation: Activation::Relu };
    /// let network = Network::F32(Mlp::new(&architecture, Init::He, &mut NativeStream::new(0))?);
    /// let digits = mlp_data::synthetic::digits(1, 3, 0).test;
    /// let probabilities = network.probabilities(digits.images());
    /// assert_eq!(probabilities.dim(), (3, 10));
    /// assert!((probabilities.row(0).sum() - 1.0).abs() < 1e-6);
    /// # Ok::<(), mlp_core::NetworkError>(())
    /// ```
    #[track_caller]
    pub fn probabilities(&self, images: &[u8]) -> Array2<f64> {
        match self {
            Self::F32(network) => probabilities(network, images),
            Self::F64(network) => probabilities(network, images),
        }
    }

    /// The activations H (images, units) of hidden layer `l`, counted from 0, for images as [`Network::probabilities`] takes them.
    ///
    /// # Panics
    /// If there are not as many pixels as make whole images, or there is no such hidden layer.
    #[track_caller]
    pub fn activations(&self, images: &[u8], l: usize) -> Array2<f64> {
        match self {
            Self::F32(network) => activations(network, images, l),
            Self::F64(network) => activations(network, images, l),
        }
    }
}

#[track_caller]
fn probabilities<A: Number>(network: &Mlp<A>, images: &[u8]) -> Array2<f64> {
    let classes = network.architecture().outputs;
    through(network, images, classes, |x, workspace| network.probabilities(x, workspace).mapv(A::into_f64))
}

#[track_caller]
fn activations<A: Number>(network: &Mlp<A>, images: &[u8], l: usize) -> Array2<f64> {
    let hidden = network.architecture().hidden;
    assert!(l < hidden.len(), "hidden layer {l} of {}", hidden.len());
    through(network, images, hidden[l], |x, workspace| {
        network.logits(x, workspace);
        workspace.activations(l).mapv(A::into_f64)
    })
}

/// The rows of what `look` finds for each chunk of images, one under the other. A chunk is a function of the images alone, so that
/// the number of threads does not matter.
#[track_caller]
fn through<A: Number>(
    network: &Mlp<A>,
    images: &[u8],
    columns: usize,
    look: impl Fn(ArrayView2<'_, A>, &mut Workspace<A>) -> Array2<f64> + Sync,
) -> Array2<f64> {
    let architecture = network.architecture();
    let pixels = architecture.inputs;
    assert!(images.len().is_multiple_of(pixels), "{} pixels in images of {pixels}", images.len());
    let capacity = CHUNK.min(images.len() / pixels).max(1);
    let levels: [A; 256] = levels();
    let chunks: Vec<Array2<f64>> = images
        .par_chunks(CHUNK * pixels)
        .map_init(
            || Workspace::with_compute(&architecture, capacity, Kernel::Dense.kernels(1)),
            |workspace, chunk| {
                let features: Vec<A> = chunk.iter().map(|&byte| levels[usize::from(byte)]).collect();
                let x = ArrayView2::from_shape((chunk.len() / pixels, pixels), &features);
                look(x.expect("rows times pixels numbers"), workspace)
            },
        )
        .collect();
    let views: Vec<_> = chunks.iter().map(|chunk| chunk.view()).collect();
    if views.is_empty() {
        Array2::zeros((0, columns))
    } else {
        concatenate(Axis(0), &views).expect("one width")
    }
}

#[cfg(test)]
mod tests {
    use mlp_core::{Activation, Architecture, Init, NativeStream, argmax};

    use super::*;
    use crate::model::evaluate::evaluate;

    fn network(hidden: &[usize]) -> Mlp<f32> {
        let hidden = hidden.to_vec();
        let architecture =
            Architecture { inputs: 784, hidden, outputs: 10, activation: Activation::Logistic };
        Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(1)).unwrap()
    }

    #[test]
    fn the_predictions_are_those_of_the_evaluation_whatever_the_threads() {
        let data = mlp_data::synthetic::digits(1, 1203, 0).test;
        let found = evaluate(&network(&[20]), &data).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Network::from(network(&[20])).probabilities(data.images()))
        };
        let one = run(1);
        let predictions = one.rows().into_iter().map(|row| argmax(row.iter().copied()));
        let correct =
            predictions.zip(data.labels()).filter(|&(prediction, &label)| prediction == usize::from(label));
        assert_eq!((one.nrows(), correct.count()), (1203, found.score.correct));
        assert_eq!(run(3), one);
    }

    #[test]
    fn activations_are_those_of_the_layer_in_either_precision() {
        let data = mlp_data::synthetic::digits(1, 7, 0).test;
        let (single, double) =
            (Network::from(network(&[20, 6])), Network::from(network(&[20, 6]).cast::<f64>()));
        for (l, units) in [(0, 20), (1, 6)] {
            let (h, exact) = (single.activations(data.images(), l), double.activations(data.images(), l));
            assert_eq!(h.dim(), (7, units));
            // A sum of 784 products in f32; the logistic function makes its error no larger.
            let most = (&h - &exact).fold(0.0_f64, |most, d| most.max(d.abs()));
            assert!(most > 0.0 && most <= 784.0 * 8.0 * f64::from(f32::EPSILON), "{most}");
        }
    }

    #[test]
    fn no_images_are_no_rows() {
        assert_eq!(Network::from(network(&[5])).probabilities(&[]).dim(), (0, 10));
    }

    #[test]
    #[should_panic(expected = "hidden layer 1 of 1")]
    fn a_layer_that_is_not_there_panics() {
        Network::from(network(&[5])).activations(&[], 1);
    }
}
