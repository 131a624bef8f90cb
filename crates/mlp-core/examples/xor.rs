//! Learns XOR, which needs a hidden layer.
//!
//! `cargo run -p mlp-core --example xor`

use mlp_core::ndarray::array;
use mlp_core::prelude::*;

fn main() -> Result<(), NetworkError> {
    let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]; // (examples, inputs)
    let labels = [0, 1, 1, 0];

    let architecture = Architecture::new(2, &[8], 2).with_activation(Activation::Tanh);
    // The same seed gives the same network on any machine.
    let mut network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
    // The caller owns the buffers, so the loop allocates nothing.
    let mut workspace = Workspace::new(&architecture, labels.len());
    workspace.set_objective(Objective::mean());

    for step in 0..=500 {
        let score = network.train_step(x.view(), &labels, 0.5, &mut workspace);
        if step % 100 == 0 {
            let (loss, accuracy) = (score.loss(Reduction::Mean), score.accuracy());
            println!("step {step:3}  loss {loss:.4}  accuracy {accuracy:.2}");
        }
    }

    let probabilities = network.probabilities(x.view(), &mut workspace);
    for (input, probabilities) in x.rows().into_iter().zip(probabilities.rows()) {
        println!("{} xor {} = {}", input[0], input[1], argmax(probabilities.iter().copied()));
    }
    let score = network.score(x.view(), &labels, &mut workspace);
    assert_eq!(score.accuracy(), 1.0, "XOR was not learned");
    Ok(())
}
