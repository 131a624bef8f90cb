//! Two spirals, one wound into the other: no straight line parts them, a network with one hidden layer does. This program
//! knows `mlp-core` and nothing else of the workspace; it shows how the library looks from outside.
#![forbid(unsafe_code)]

use mlp_core::gradcheck::gradcheck;
use mlp_core::{
    Activation, Architecture, Init, MatmulBackend, Mlp, NativeStream, NetworkError, Objective, Reduction,
    Workspace,
};
use ndarray::Array2;

/// Points on each spiral.
const POINTS: usize = 100;

/// The points x (2·POINTS×2) and the spiral that each is on, 0 or 1.
fn spirals() -> (Array2<f64>, Vec<u8>) {
    let mut x = Array2::zeros((2 * POINTS, 2));
    let mut labels = Vec::with_capacity(2 * POINTS);
    for (i, mut point) in x.rows_mut().into_iter().enumerate() {
        let spiral = i % 2;
        let along = (i / 2) as f64 / POINTS as f64;
        // One turn from the center outwards; the second spiral is the first turned by half a circle.
        let angle = std::f64::consts::TAU * (along + 0.5 * spiral as f64);
        point[0] = (0.2 + along) * angle.cos();
        point[1] = (0.2 + along) * angle.sin();
        labels.push(spiral as u8);
    }
    (x, labels)
}

/// Trains on the spirals and returns the accuracy, and the worst relative error of the gradients where training ends.
fn learn() -> Result<(f64, f64), NetworkError> {
    let (x, labels) = spirals();
    let architecture = Architecture::new(2, &[24], 2).with_activation(Activation::Tanh);
    let mut network = Mlp::<f64>::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;

    // The buffers of a step are ours, made once; a step allocates nothing.
    let mut workspace = Workspace::new(&architecture, labels.len());
    workspace.set_objective(Objective::mean());
    for _ in 0..2000 {
        network.train_step(x.view(), &labels, 0.5, &mut workspace);
    }
    let accuracy = network.score(x.view(), &labels, &mut workspace).accuracy();

    // Is the gradient that did this the derivative of the loss? Central differences say so.
    let report = gradcheck(&network, x.view(), &labels, Reduction::Mean);
    Ok((accuracy, report.worst_error()))
}

fn main() -> Result<(), NetworkError> {
    let (accuracy, error) = learn()?;
    println!(
        "products by {}: accuracy {accuracy:.3}, gradients right to {error:.1e}",
        MatmulBackend::default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spirals_are_learned_with_right_gradients() {
        let (accuracy, error) = learn().unwrap();
        assert!(accuracy > 0.99, "accuracy {accuracy}");
        assert!(error < mlp_core::gradcheck::TOLERANCE, "relative error {error}");
    }
}
