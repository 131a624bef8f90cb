//! Checks the library's gradients against central differences, then gradients with a mistake, which
//! the check finds and locates.
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

    // Your own backward pass goes here. This one doubles the gradient of the last biases.
    let mut workspace = Workspace::new(&architecture, labels.len());
    workspace.set_objective(Objective::mean());
    let mut gradients = Gradients::new(&architecture);
    network.forward(x.view(), &labels, &mut workspace);
    network.backward(x.view(), &mut workspace, &mut gradients);
    let (_weights, mut biases) = gradients.layer_mut(2);
    biases *= 2.0;

    println!("\ngradients with a mistake:");
    let report = check_gradients(&network, &gradients, x.view(), &labels, Reduction::Mean);
    show(&report);
    assert!(!report.passed());
    Ok(())
}

/// Prints a line per tensor: equation, number of entries and worst error.
fn show(report: &GradientReport) {
    for tensor in &report.tensors {
        let error = tensor.worst.map_or(0.0, |entry| entry.relative_error);
        let verdict = if error < mlp_core::gradcheck::TOLERANCE { "ok" } else { "WRONG" };
        println!(
            "  {:5} {}  {:2} entries  relative error {error:.1e}  {verdict}",
            tensor.name, tensor.equation, tensor.checked
        );
    }
}
