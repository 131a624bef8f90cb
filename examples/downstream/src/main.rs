//! Classifies two interleaved spirals with one hidden layer. This program uses only `mlp-core` and
//! shows the library from a user's point of view.
#![forbid(unsafe_code)]

use mlp_core::gradcheck::gradcheck;
use mlp_core::{
    Activation, Architecture, Init, MatmulBackend, Mlp, NativeStream, NetworkError, Objective, Reduction,
    Workspace,
};
use ndarray::Array2;

/// Points on each spiral.
const POINTS: usize = 100;

/// Returns the points x (2·POINTS×2) and the spiral of each, 0 or 1.
fn spirals() -> (Array2<f64>, Vec<u8>) {
    let mut x = Array2::zeros((2 * POINTS, 2));
    let mut labels = Vec::with_capacity(2 * POINTS);
    for (i, mut point) in x.rows_mut().into_iter().enumerate() {
        let spiral = i % 2;
        let along = (i / 2) as f64 / POINTS as f64;
        // One turn outward; the second spiral is rotated by half a turn.
        let angle = std::f64::consts::TAU * (along + 0.5 * spiral as f64);
        point[0] = (0.2 + along) * angle.cos();
        point[1] = (0.2 + along) * angle.sin();
        labels.push(spiral as u8);
    }
    (x, labels)
}

/// Trains on the spirals. Returns the accuracy and the worst relative error of the final gradients.
fn learn() -> Result<(f64, f64), NetworkError> {
    let (x, labels) = spirals();
    let architecture = Architecture::new(2, &[24], 2).with_activation(Activation::Tanh);
    let mut network = Mlp::<f64>::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;

    // We own the buffers, so a step allocates nothing.
    let mut workspace = Workspace::new(&architecture, labels.len());
    workspace.set_objective(Objective::mean());
    for _ in 0..2000 {
        network.train_step(x.view(), &labels, 0.5, &mut workspace);
    }
    let accuracy = network.score(x.view(), &labels, &mut workspace).accuracy();

    // Check the gradients against central differences.
    let report = gradcheck(&network, x.view(), &labels, Reduction::Mean);
    Ok((accuracy, report.worst_error()))
}

fn main() -> Result<(), NetworkError> {
    let (accuracy, error) = learn()?;
    let backend = MatmulBackend::default();
    println!("backend {backend}: accuracy {accuracy:.3}, gradient error {error:.1e}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn spirals_are_learned_with_correct_gradients() {
        let (accuracy, error) = learn().unwrap();
        assert!(accuracy > 0.99, "accuracy {accuracy}");
        assert!(error < mlp_core::gradcheck::TOLERANCE, "relative error {error}");
    }

    const EXAMPLES: usize = 100;
    const INPUTS: usize = 784;
    const HIDDEN: usize = 100;

    /// The shortest time of some calls.
    fn shortest(mut call: impl FnMut()) -> Duration {
        let time = |_| {
            let start = Instant::now();
            call();
            start.elapsed()
        };
        (0..5).map(time).min().unwrap()
    }

    /// The profile in Cargo.toml optimizes mlp-core and not this file, whose loop computes one of
    /// the products of a step. Without the profile, the step takes several times as long as the
    /// loop.
    #[test]
    #[cfg_attr(not(debug_assertions), ignore = "compares with unoptimized code")]
    fn a_step_in_a_debug_build_is_much_faster_than_one_product_in_plain_loops() {
        let architecture = Architecture::new(INPUTS, &[HIDDEN], 10);
        let mut network = Mlp::<f32>::new(&architecture, Init::Normal, &mut NativeStream::new(0)).unwrap();
        let x = Array2::from_shape_fn((EXAMPLES, INPUTS), |(i, j)| ((i + j) % 7) as f32 / 7.0);
        let labels: Vec<u8> = (0..EXAMPLES).map(|i| (i % 10) as u8).collect();
        let mut workspace = Workspace::new(&architecture, EXAMPLES);
        workspace.set_objective(Objective::mean());
        let step = shortest(|| {
            network.train_step(x.view(), &labels, 0.1, &mut workspace);
        });

        let (x, weights) = (vec![0.5_f32; EXAMPLES * INPUTS], vec![0.5_f32; INPUTS * HIDDEN]);
        let mut z = vec![0.0_f32; EXAMPLES * HIDDEN];
        let product = shortest(|| {
            for i in 0..EXAMPLES {
                for j in 0..INPUTS {
                    for k in 0..HIDDEN {
                        z[i * HIDDEN + k] += x[i * INPUTS + j] * weights[j * HIDDEN + k];
                    }
                }
            }
            black_box(&mut z);
        });
        println!("a step took {step:?}, one product in plain loops {product:?}");
        assert!(10 * step < product, "a step took {step:?}, one product in plain loops {product:?}");
    }
}
