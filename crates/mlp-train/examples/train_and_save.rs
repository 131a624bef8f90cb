//! Trains a network on synthetic digits, prints each epoch, and writes a model file for `mlp eval`,
//! `mlp summary` and the example `classify`.
//!
//! `cargo run -p mlp-train --example train_and_save [FILE]`, by default `digits.mlp` in the
//! temporary directory.

use std::error::Error;
use std::path::PathBuf;

use mlp_core::{Activation, Init};
use mlp_data::synthetic;
use mlp_train::{Control, Event, Examples, Kernel, Metadata, Model, Network, Observer, TrainConfig, Trainer};

/// Prints a line per epoch. The library itself never prints.
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
    // A plan is a valid configuration.
    let plan = config.clone().validate(&sets.train)?;
    let examples = Examples::new(&plan, &sets.train);
    let mut trainer = Trainer::<f32>::new(plan, &examples)?;
    trainer.run(&mut Lines)?;

    // A model is a network with its metadata.
    let (names, shape) = (sets.class_names.clone(), sets.train.shape());
    let mut metadata = Metadata::new(sets.name.clone(), names, shape, "example train_and_save");
    metadata.preprocessing = sets.preprocessing;
    metadata.config = Some(config);
    let model = Model { network: Network::F32(trainer.into_network()), metadata };
    let evaluation = model.evaluate(&sets.test, Kernel::Auto)?;
    println!("test: {} of {} correct", evaluation.score.correct, evaluation.score.examples);
    model.save(&path)?;
    println!("wrote {}; SHA-256 {}", path.display(), model.sha256());

    assert_eq!(Model::load(&path)?, model);
    assert!(evaluation.score.accuracy() > 0.8, "accuracy {}", evaluation.score.accuracy());
    Ok(())
}
