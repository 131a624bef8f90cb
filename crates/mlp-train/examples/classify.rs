//! Loads a model and classifies some images.
//!
//! `cargo run -p mlp-train --example classify [MODEL]`, with a model for 28x28 images written by
//! `mlp train` or the example `train_and_save`. By default, a network is trained first, for a
//! second.

use std::error::Error;
use std::path::Path;

use mlp_core::argmax;
use mlp_data::synthetic;
use mlp_train::{Examples, Kernel, Model, Network, TrainConfig, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    // Digits not used in training.
    let sets = synthetic::digits(4000, 8, 7);
    let images = &sets.test;

    let (network, class_names) = match std::env::args_os().nth(1) {
        Some(path) => {
            let model = Model::load(Path::new(&path))?;
            if model.metadata.image_shape != images.shape() {
                return Err(format!("the model takes images of {}", model.metadata.image_shape).into());
            }
            (model.network, model.metadata.class_names)
        }
        None => {
            let config = TrainConfig { epochs: 30, learning_rate: 0.03, ..TrainConfig::default() };
            let plan = config.validate(&sets.train)?;
            let examples = Examples::new(&plan, &sets.train);
            let mut trainer = Trainer::<f32>::new(plan, &examples)?;
            trainer.run(&mut ())?;
            (Network::F32(trainer.into_network()), sets.class_names.clone())
        }
    };

    // Pixels are bytes; the library scales them as in training.
    let probabilities = network.probabilities(images.images(), Kernel::Auto)?; // (images, classes)
    let mut right = 0;
    for (row, &label) in probabilities.rows().into_iter().zip(images.labels()) {
        let class = argmax(row.iter().copied());
        println!("label {label}: predicted {} with probability {:.3}", class_names[class], row[class]);
        right += usize::from(class == usize::from(label));
    }
    println!("{right} of {} correct", images.len());
    Ok(())
}
