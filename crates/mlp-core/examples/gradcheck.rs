//! Are these gradients right? Central differences of the loss know. First the library's own backward pass is checked; then one "of your own" with a
//! mistake in it, to see that the check finds it and says where.
//!
//! `cargo run -p mlp-core --example gradcheck`

use mlp_core::gradcheck::{GradientReport, check_gradients, gradcheck};
use mlp_core::ndarray::array;
use mlp_core::prelude::*;

fn main() -> Result<(), NetworkError> {
    let x = array![[0.5, -1.0, 2.0], [1.0, 0.0, 0.25]]; // (examples, inputs)
    let labels = [0, 1];
    let architecture = Architecture::new(3, &[5, 4], 2).with_activation(Activation::Gelu);
    let network = Mlp::<f64>::new(&architecture, Init::Xavier, &mut NativeStream::new(1))?;

    println!("the library's gradients:");
    let report = gradcheck(&network, x.view(), &labels, Reduction::Mean);
    show(&report);
    assert!(report.passed());

    // A backward pass of your own goes here. This one is the library's, with the biases' gradient of the last layer doubled.
    let mut workspace = Workspace::new(&architecture, labels.len());
    workspace.set_objective(Objective::mean());
    let mut gradients = Gradients::new(&architecture);
    network.forward(x.view(), &labels, &mut workspace);
    network.backward(x.view(), &mut workspace, &mut gradients);
    let (_weights, mut biases) = gradients.layer_mut(2);
    biases *= 2.0;

    println!("\ngradients with a mistake in them:");
    let report = check_gradients(&network, &gradients, x.view(), &labels, Reduction::Mean);
    show(&report);
    assert!(!report.passed());
    Ok(())
}

/// A line for each tensor: its equation, how many entries were compared, and the worst of them.
fn show(report: &GradientReport) {
    for tensor in &report.tensors {
        let error = tensor.worst.map_or(0.0, |entry| entry.relative_error);
        let verdict = if error < mlp_core::gradcheck::TOLERANCE { "right" } else { "WRONG" };
        println!(
            "  {:5} {}  {:2} entries  relative error {error:.1e}  {verdict}",
            tensor.name, tensor.equation, tensor.checked
        );
    }
}
