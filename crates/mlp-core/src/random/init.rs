//! Initialization of a layer's parameters. Values are drawn in `f64` and then rounded, so a seed
//! gives the same network in both precisions.

use ndarray::{Array1, Array2};

use super::stream::RandomStream;
use crate::layer::Layer;
use crate::linalg::qr::orthonormal_factor;
use crate::names::named;
use crate::scalar::Scalar;

/// The initial distribution of a layer's weights (d inputs, k outputs) and biases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Init {
    /// Weights and biases from N(0, 1), as in the chapter.
    #[default]
    Normal,
    /// Weights uniform on ±√(6/(d+k)), biases 0 (Glorot and Bengio 2010, equation 16). For logistic
    /// and tanh.
    Xavier,
    /// Weights from N(0, 2/d), biases 0 (He et al. 2015, equation 10). For the ReLU family.
    He,
    /// Uniformly distributed orthonormal columns (rows if k > d), biases 0 (Saxe et al. 2014).
    Orthogonal,
}

impl Init {
    /// Draws a layer's parameters: the weights row by row, then the biases.
    pub(crate) fn layer<A: Scalar>(
        self,
        inputs: usize,
        outputs: usize,
        stream: &mut dyn RandomStream,
    ) -> Layer<A> {
        let shape = (inputs, outputs);
        let weights = match self {
            Self::Normal => normal(shape, 1.0, stream),
            Self::Xavier => {
                let limit = (6.0 / (inputs + outputs) as f64).sqrt();
                Array2::from_shape_simple_fn(shape, || limit * (2.0 * stream.uniform() - 1.0))
            }
            Self::He => normal(shape, (2.0 / inputs as f64).sqrt(), stream),
            Self::Orthogonal if outputs > inputs => {
                orthonormal_factor(&normal((outputs, inputs), 1.0, stream)).reversed_axes()
            }
            Self::Orthogonal => orthonormal_factor(&normal(shape, 1.0, stream)),
        };
        let biases = match self {
            Self::Normal => Array1::from_shape_simple_fn(outputs, || stream.standard_normal()),
            Self::Xavier | Self::He | Self::Orthogonal => Array1::zeros(outputs),
        };
        // Copied in row order, because a transpose leaves another layout.
        let weights = Array2::from_shape_fn(shape, |index| A::from_f64(weights[index]));
        Layer::new(weights, biases.mapv(A::from_f64))
    }
}

fn normal(shape: (usize, usize), deviation: f64, stream: &mut dyn RandomStream) -> Array2<f64> {
    Array2::from_shape_simple_fn(shape, || deviation * stream.standard_normal())
}

named!(Init, "initialization", Normal => "normal", Xavier => "xavier", He => "he", Orthogonal => "orthogonal");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::native::NativeStream;

    /// Mean and variance of the weights. Their standard errors are at most sd/√n and var·√(2/n).
    fn moments(init: Init, inputs: usize, outputs: usize) -> (f64, f64) {
        let layer: Layer<f64> = init.layer(inputs, outputs, &mut NativeStream::new(3));
        let n = layer.weights().len() as f64;
        let mean = layer.weights().sum() / n;
        (mean, layer.weights().mapv(|w| (w - mean) * (w - mean)).sum() / n)
    }

    #[test]
    fn variances_match_the_papers() {
        let (inputs, outputs) = (300, 200);
        for (init, variance) in [
            (Init::Normal, 1.0),
            (Init::Xavier, 2.0 / 500.0),
            (Init::He, 2.0 / 300.0),
            (Init::Orthogonal, 1.0 / 300.0),
        ] {
            let (mean, found) = moments(init, inputs, outputs);
            let n = (inputs * outputs) as f64;
            assert!(mean.abs() < 5.0 * (variance / n).sqrt(), "{init}: mean {mean}");
            assert!((found - variance).abs() < 5.0 * variance * (2.0 / n).sqrt(), "{init}: variance {found}");
        }
    }

    #[test]
    fn orthogonal_weights_are_orthonormal_for_tall_and_wide_shapes() {
        for (inputs, outputs) in [(30, 12), (12, 30), (20, 20), (500, 300), (300, 500)] {
            let layer: Layer<f64> = Init::Orthogonal.layer(inputs, outputs, &mut NativeStream::new(5));
            let w = layer.weights();
            let gram = if inputs >= outputs { w.t().dot(&w) } else { w.dot(&w.t()) };
            for ((i, j), &value) in gram.indexed_iter() {
                let expected = f64::from(u8::from(i == j));
                assert!((value - expected).abs() < 1e-13, "{inputs}x{outputs} at {i},{j}: {value}");
            }
        }
    }

    /// The same in a build with OpenBLAS and in one without, on any processor.
    #[test]
    fn the_bits_of_orthogonal_weights_are_pinned() {
        let hashes = [(30, 12), (12, 30), (784, 100)].map(|(inputs, outputs)| {
            let layer: Layer<f64> = Init::Orthogonal.layer(inputs, outputs, &mut NativeStream::new(5));
            layer.weights().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, w| {
                (hash ^ w.to_bits()).wrapping_mul(0x0100_0000_01b3)
            })
        });
        assert_eq!(hashes, [0x1a22_c32b_1ba7_de31, 0x4e74_a8d7_422d_3701, 0x00b2_ea0a_45ac_917c]);
    }

    #[test]
    fn orthogonal_weights_in_f32_are_orthonormal_to_single_precision() {
        for (inputs, outputs) in [(784, 100), (100, 784)] {
            let layer: Layer<f32> = Init::Orthogonal.layer(inputs, outputs, &mut NativeStream::new(5));
            let w = layer.weights().mapv(f64::from);
            let gram = if inputs >= outputs { w.t().dot(&w) } else { w.dot(&w.t()) };
            let error = gram - Array2::<f64>::eye(100);
            assert!(error.iter().all(|error| error.abs() < 1e-6), "{inputs}x{outputs}");
        }
    }

    #[test]
    fn only_normal_draws_biases_and_both_precisions_start_from_the_same_numbers() {
        for init in Init::ALL {
            let wide: Layer<f64> = init.layer(6, 4, &mut NativeStream::new(1));
            let narrow: Layer<f32> = init.layer(6, 4, &mut NativeStream::new(1));
            assert_eq!(wide.weights().mapv(|w| w as f32), narrow.weights());
            assert_eq!(wide.biases().iter().all(|&b| b == 0.0), init != Init::Normal);
            assert_eq!(init.name().parse(), Ok(init));
        }
    }
}
