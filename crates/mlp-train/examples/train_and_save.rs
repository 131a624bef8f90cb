//! Trains a network on drawn digits, watches the epochs, and writes the model to a file that `mlp
//! eval`, `mlp summary` and the example `classify` read.
//!
//! `cargo run -p mlp-train --example train_and_save [FILE]`, by default `digits.mlp` in the
//! directory for temporary files.

use std::error::Error;
use std::path::PathBuf;

use mlp_core::{Activation, Init};
use mlp_data::synthetic;
use mlp_train::{Control, Event, Examples, Kernel, Metadata, Model, Network, Observer, TrainConfig, Trainer};

/// Prints a line for each epoch. The library itself never prints: it says what happens.
struct Lines;

impl Observer for Lines {
    fn observe(&mut self, event: &Event) -> Result<Control, mlp_train::Error> {
        if let Event::EpochDone(record) = event {
            println!("epoch {:2}  loss {:6.2}  accuracy {:.4}", record.epoch, record.loss, record.accuracy);
        }
        Ok(Control::Continue)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path =
        std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("digits.mlp"), PathBuf::from);
    let sets = synthetic::digits(4000, 500, 0);

    let config = TrainConfig {
        hidden: vec![32],
        activation: Activation::Relu,
        init: Init::He,
        epochs: 12,
        learning_rate: 0.002,
        ..TrainConfig::default()
    };
    // What can be wrong with a configuration is found here; a plan can only be valid.
    let plan = config.clone().validate(&sets.train)?;
    let examples = Examples::new(&plan, &sets.train);
    let mut trainer = Trainer::<f32>::new(plan, &examples)?;
    trainer.run(&mut Lines)?;

    // What others need to use the network, and to know where it came from.
    let (names, shape) = (sets.class_names.clone(), sets.train.shape());
    let mut metadata = Metadata::new(sets.name.clone(), names, shape, "example train_and_save");
    metadata.preprocessing = sets.preprocessing;
    metadata.config = Some(config);
    let model = Model { network: Network::F32(trainer.into_network()), metadata };
    let evaluation = model.evaluate(&sets.test, Kernel::Auto)?;
    println!("test: {} of {} right", evaluation.score.correct, evaluation.score.examples);
    model.save(&path)?;
    println!("written to {}; SHA-256 {}", path.display(), model.sha256());

    assert_eq!(Model::load(&path)?, model);
    assert!(evaluation.score.accuracy() > 0.8, "not learned");
    Ok(())
}
