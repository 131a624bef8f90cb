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
    use super::*;

    #[test]
    fn spirals_are_learned_with_correct_gradients() {
        let (accuracy, error) = learn().unwrap();
        assert!(accuracy > 0.99, "accuracy {accuracy}");
        assert!(error < mlp_core::gradcheck::TOLERANCE, "relative error {error}");
    }
}
