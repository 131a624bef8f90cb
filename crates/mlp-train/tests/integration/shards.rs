//! Training with batches in shards: the bits depend on the number of shards and on nothing else.

use mlp_core::{Mlp, Precision, Reduction};
use mlp_data::Dataset;
use mlp_train::{
    Checkpoint, Control, Event, Examples, Kernel, Number, OptimizerName, Origin, TrainConfig, Trainer,
};

/// Two epochs of five steps, the last one smaller, with every option on.
fn config() -> TrainConfig {
    TrainConfig {
        hidden: vec![40, 12],
        epochs: 2,
        batch_size: 40,
        shards: 3,
        drop_last: false,
        loss_reduction: Reduction::Mean,
        optimizer: OptimizerName::Adam,
        learning_rate: 0.01,
        dropout: 0.2,
        input_dropout: 0.1,
        augment: true,
        label_smoothing: 0.1,
        adversarial: Some(0.5),
        clip_norm: Some(1.0),
        ema_decay: Some(0.9),
        ..TrainConfig::default()
    }
}

/// 197 digits, light on dark or dark on light.
fn digits(is_sparse: bool) -> Dataset {
    let data = mlp_data::synthetic::digits(197, 10, 2).train;
    let images = data.images().iter().map(|&pixel| if is_sparse { pixel } else { 255 - pixel }).collect();
    Dataset::new(images, data.shape(), data.labels().to_vec(), 10).unwrap()
}

/// The network, and the loss of each epoch.
fn train<A: Number>(config: &TrainConfig, data: &Dataset, threads: usize) -> (Mlp<A>, Vec<f64>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let plan = config.clone().validate(data).unwrap();
        let examples = Examples::new(&plan, data);
        let mut trainer = Trainer::new(plan, &examples).unwrap();
        let trace = trainer.run(&mut ()).unwrap();
        (trainer.into_network(), trace.iter().map(|record| record.loss).collect())
    })
}

#[test]
fn the_number_of_shards_decides_the_bits_and_the_threads_do_not() {
    for is_sparse in [true, false] {
        let data = digits(is_sparse);
        for kernel in [Kernel::Portable, Kernel::Auto] {
            let of = |shards| TrainConfig { kernel, shards, augment: !is_sparse, ..config() };
            let whole = train::<f32>(&of(1), &data, 1);
            for shards in [2, 40] {
                let found = train::<f32>(&of(shards), &data, 1);
                let case = format!("{shards} shards, {kernel}, sparse {is_sparse}");
                assert_eq!(train::<f32>(&of(shards), &data, 3), found, "{case}");
                assert_ne!(found.0, whole.0, "{case}");
                for (loss, expected) in found.1.iter().zip(&whole.1) {
                    assert!((loss - expected).abs() < 1e-4 * expected, "{loss}, {expected}: {case}");
                }
            }
        }
    }
}

#[test]
fn every_optimizer_and_precision_trains_in_shards_on_any_number_of_threads() {
    let data = digits(true);
    for optimizer in OptimizerName::ALL {
        let config = TrainConfig { optimizer, augment: false, ..config() };
        assert_eq!(train::<f32>(&config, &data, 3), train::<f32>(&config, &data, 1), "{optimizer}");
        let config = TrainConfig { precision: Precision::F64, ..config };
        assert_eq!(train::<f64>(&config, &data, 3), train::<f64>(&config, &data, 1), "{optimizer}");
    }
    let plain = TrainConfig { shards: 4, batch_size: 50, ..TrainConfig::default() };
    let plain = TrainConfig { epochs: 2, drop_last: false, ..plain };
    assert_eq!(train::<f32>(&plain, &data, 3), train::<f32>(&plain, &data, 1));
}

#[test]
fn a_training_resumes_only_with_its_number_of_shards() {
    let (scratch, data) = (tempfile::tempdir().unwrap(), digits(true));
    let path = scratch.path().join("checkpoint");
    let plan = |shards| TrainConfig { shards, ..config() }.validate(&data).unwrap();
    let examples = Examples::<f32>::new(&plan(3), &data);
    for stop in [1, 4, 5, 7] {
        let (mut trainer, mut steps) = (Trainer::new(plan(3), &examples).unwrap(), 0);
        trainer
            .drive(|_, event| {
                steps += usize::from(matches!(event, Event::StepDone { .. }));
                Ok(if steps == stop { Control::Stop } else { Control::Continue })
            })
            .unwrap();
        trainer.checkpoint(&Origin::new("synthetic", "0", "test")).save(&path).unwrap();
        let checkpoint = || Checkpoint::<f32>::load(&path).unwrap();
        assert_eq!(checkpoint().config().unwrap().shards, 3);
        let mut trainer = Trainer::resume(checkpoint(), plan(3), &examples, None, None).unwrap();
        trainer.run(&mut ()).unwrap();
        assert_eq!(*trainer.network(), train::<f32>(&config(), &data, 2).0, "stopped after step {stop}");
        let error = Trainer::resume(checkpoint(), plan(2), &examples, None, None).unwrap_err();
        assert_eq!(error.to_string(), "cannot resume: the checkpoint has another configuration");
    }
}
