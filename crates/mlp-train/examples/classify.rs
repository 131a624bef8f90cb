//! Loads a model and says what it takes some images for.
//!
//! `cargo run -p mlp-train --example classify [MODEL]`: a file that `mlp train` or the example
//! `train_and_save` wrote, of images of 28x28. Without one a network is trained first, for a
//! second.

use std::error::Error;
use std::path::Path;

use mlp_core::argmax;
use mlp_data::synthetic;
use mlp_train::{Examples, Kernel, Model, Network, TrainConfig, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    // Digits that no training has seen.
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

    // Pixels are bytes; the library scales them as it did in training.
    let probabilities = network.probabilities(images.images(), Kernel::Auto)?; // (images, classes)
    let mut right = 0;
    for (row, &label) in probabilities.rows().into_iter().zip(images.labels()) {
        let class = argmax(row.iter().copied());
        println!("a drawn {label}: predicted as {} with probability {:.3}", class_names[class], row[class]);
        right += usize::from(class == usize::from(label));
    }
    println!("{right} of {} right", images.len());
    Ok(())
}
