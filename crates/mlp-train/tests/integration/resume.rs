//! A training that is interrupted, saved and resumed ends with the same bits as an uninterrupted
//! one.

use std::path::Path;

use mlp_core::{Mlp, Precision, Reduction, StreamKind};
use mlp_data::Dataset;
use mlp_train::{
    Checkpoint, Control, EpochRecord, Error, Event, Every, Examples, Kernel, Metadata, Number, Observer,
    OptimizerName, Origin, RunDir, RunSetup, ScheduleName, TrainConfig, Trainer,
};
use sha2::Digest as _;

struct Sets {
    train: Dataset,
    validation: Dataset,
}

fn sets() -> Sets {
    let (train, validation) =
        mlp_data::synthetic::digits(260, 10, 2).train.split_stratified(0.25, 0).unwrap();
    Sets { train, validation }
}

/// Three epochs of five steps, the last one smaller, with every option on.
fn config() -> TrainConfig {
    TrainConfig {
        hidden: vec![20, 12],
        epochs: 3,
        batch_size: 40,
        drop_last: false,
        loss_reduction: Reduction::Mean,
        learning_rate: 0.1,
        dropout: 0.2,
        input_dropout: 0.1,
        augment: true,
        label_smoothing: 0.1,
        adversarial: Some(0.5),
        weight_decay: Some(0.01),
        clip_norm: Some(1.0),
        ema_decay: Some(0.9),
        step_size: 1,
        plateau_patience: 1,
        ..TrainConfig::default()
    }
}

/// Stops after this many steps, or never.
struct StopAfter(Option<usize>);

impl Observer for StopAfter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let (Event::StepDone { .. }, Some(left)) = (event, &mut self.0) {
            *left -= 1;
            if *left == 0 {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }
}

/// What must be the same; wall time is not.
#[derive(Debug, PartialEq)]
struct Ended<A> {
    network: Mlp<A>,
    trace: Vec<EpochRecord>,
    best: Option<(usize, f64)>,
}

fn origin() -> Origin {
    Origin::new("synthetic", "0", "test")
}

/// Trains in parts of so many steps each, on a different number of threads.
fn train<A: Number>(config: &TrainConfig, sets: &Sets, parts: &[usize], path: &Path) -> Ended<A> {
    let plan = config.clone().validate(&sets.train).unwrap();
    let mut is_begun = false;
    for (number, part) in parts.iter().map(|&part| Some(part)).chain([None]).enumerate() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + number % 3).build().unwrap();
        let done = pool.install(|| {
            let examples = Examples::<A>::new(&plan, &sets.train);
            let (plan, validation) = (plan.clone(), Some(&sets.validation));
            let mut trainer = if is_begun {
                let checkpoint = Checkpoint::load(path).unwrap();
                assert_eq!(checkpoint.origin(), &origin());
                Trainer::resume(checkpoint, plan, &examples, validation, None).unwrap()
            } else {
                Trainer::with_sets(plan, &examples, validation, None).unwrap()
            };
            trainer.run(&mut StopAfter(part)).unwrap();
            trainer.checkpoint(&origin()).save(path).unwrap();
            is_begun = true;
            let trace = trainer.trace().iter().map(|record| EpochRecord { seconds: 0.0, ..*record });
            Ended { trace: trace.collect(), best: trainer.best(), network: trainer.network().clone() }
        });
        if part.is_none() {
            return done;
        }
    }
    unreachable!("the last part has no limit")
}

#[test]
fn training_resumes_after_any_step() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    for (rng, shards) in StreamKind::ALL.into_iter().zip([1, 3]) {
        let config = TrainConfig { rng, shards, optimizer: OptimizerName::Nesterov, ..config() };
        let expected = train::<f32>(&config, &sets, &[], &path);
        assert_eq!(expected.trace.len(), 3);
        for step in 1..=15 {
            assert_eq!(train::<f32>(&config, &sets, &[step], &path), expected, "{rng}, after step {step}");
        }
        assert_eq!(train::<f32>(&config, &sets, &[1; 15], &path), expected, "{rng}, after every step");
    }
}

#[test]
fn training_resumes_with_every_optimizer_and_schedule() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    for optimizer in OptimizerName::ALL {
        for schedule in ScheduleName::ALL {
            let learning_rate = if optimizer == OptimizerName::Sgd { 0.5 } else { 0.01 };
            let config = TrainConfig { optimizer, schedule, learning_rate, ..config() };
            let expected = train::<f32>(&config, &sets, &[], &path);
            assert_eq!(train::<f32>(&config, &sets, &[2, 3, 4], &path), expected, "{optimizer} {schedule}");
        }
    }
    for kernel in [Kernel::Auto, Kernel::Portable] {
        let config = TrainConfig { kernel, precision: Precision::F64, ..config() };
        let expected = train::<f64>(&config, &sets, &[], &path);
        assert_eq!(train::<f64>(&config, &sets, &[7, 5], &path), expected, "{kernel}");
    }
}

#[test]
fn a_finished_training_has_nothing_to_resume() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    let expected = train::<f32>(&config(), &sets, &[], &path);
    let plan = config().validate(&sets.train).unwrap();
    let examples = Examples::<f32>::new(&plan, &sets.train);
    let checkpoint = Checkpoint::load(&path).unwrap();
    assert_eq!(checkpoint.position(), (3, 0));
    let mut trainer = Trainer::resume(checkpoint, plan, &examples, Some(&sets.validation), None).unwrap();
    assert_eq!(trainer.run(&mut ()).unwrap().len(), 3);
    assert_eq!(trainer.network(), &expected.network);
}

#[test]
fn a_training_can_get_more_epochs_at_any_time() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    let expected = train::<f32>(&TrainConfig { epochs: 5, ..config() }, &sets, &[], &path);
    let plan = |epochs| TrainConfig { epochs, ..config() }.validate(&sets.train).unwrap();
    let examples = Examples::<f32>::new(&plan(3), &sets.train);
    let resume = |epochs| {
        let checkpoint = Checkpoint::load(&path).unwrap();
        Trainer::resume(checkpoint, plan(epochs), &examples, Some(&sets.validation), None)
    };
    // Complete after three epochs, or stopped in the second.
    for steps in [None, Some(7)] {
        let mut trainer = Trainer::with_sets(plan(3), &examples, Some(&sets.validation), None).unwrap();
        trainer.run(&mut StopAfter(steps)).unwrap();
        trainer.checkpoint(&origin()).save(&path).unwrap();
        let mut trainer = resume(5).unwrap();
        assert_eq!(trainer.run(&mut ()).unwrap().len(), 5);
        assert_eq!(trainer.network(), &expected.network);
    }
    let error = resume(1).unwrap_err().to_string();
    assert_eq!(error, "cannot resume: epochs is 1, and the run has completed 1 epoch; expected at least 2");
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before_it() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("run");
    let run = RunDir::create(&path).unwrap();
    let plan = config().validate(&sets.train).unwrap();
    let examples = Examples::<f32>::new(&plan, &sets.train);
    let metadata = Metadata::new("synthetic", vec![String::new(); 10], sets.train.shape(), "test");
    let mut setup = RunSetup::new(origin(), metadata);
    setup.checkpoint_every = Some(Every::Steps(2));
    setup.waits_for_disk = true;
    let (all, last) = (Some(&sets.validation), run.checkpoint_path());
    let mut trainer = Trainer::with_sets(plan.clone(), &examples, all, None).unwrap();
    run.train(&mut trainer, &setup, &mut StopAfter(Some(9))).unwrap();
    assert_eq!(run.checkpoint::<f32>().unwrap().unwrap().position(), (1, 4));
    for damage in [&|bytes: &mut Vec<u8>| bytes[300] ^= 1, &|bytes: &mut Vec<u8>| bytes.truncate(100)]
        as [&dyn Fn(&mut Vec<u8>); 2]
    {
        let mut bytes = std::fs::read(&last).unwrap();
        damage(&mut bytes);
        std::fs::write(&last, &bytes).unwrap();
        let checkpoint = run.checkpoint::<f32>().unwrap().unwrap();
        assert_eq!(checkpoint.position(), (1, 3));
        let note = checkpoint.fallback().unwrap().to_owned();
        assert!(note.contains("checkpoint.mlp: ") && note.contains("resuming from"), "{note}");
        // The damaged one does not become the previous one.
        let mut trainer = Trainer::resume(checkpoint, plan.clone(), &examples, all, None).unwrap();
        run.train(&mut trainer, &setup, &mut StopAfter(Some(1))).unwrap();
        assert_eq!(run.checkpoint::<f32>().unwrap().unwrap().position(), (1, 4));
    }
    std::fs::remove_file(&last).unwrap();
    assert!(run.checkpoint::<f32>().unwrap().unwrap().fallback().unwrap().contains("no such file"));
    std::fs::write(path.join("checkpoint.previous.mlp"), "junk").unwrap();
    std::fs::write(&last, "junk").unwrap();
    let error = run.checkpoint::<f32>().err().unwrap().to_string();
    assert!(error.contains("checkpoint.mlp: not a checkpoint file"), "{error}");
}

#[test]
fn a_checkpoint_of_another_configuration_is_an_error_of_one_line() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    train::<f32>(&config(), &sets, &[], &path);
    let load = || Checkpoint::<f32>::load(&path).unwrap();

    let other = TrainConfig { seed: 1, ..config() };
    let plan = other.validate(&sets.train).unwrap();
    let examples = Examples::new(&plan, &sets.train);
    let error = Trainer::resume(load(), plan, &examples, Some(&sets.validation), None).unwrap_err();
    assert_eq!(error.to_string(), "cannot resume: the checkpoint has another configuration");

    let error = Checkpoint::<f64>::load(&path).err().unwrap().to_string();
    assert!(error.contains(": not a checkpoint file: it begins with \"\\x89C32"), "{error}");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = Checkpoint::<f32>::load(&path).err().unwrap();
    assert!(matches!(error, Error::FileChecksum { .. }), "{error}");
}

#[test]
fn a_checkpoint_with_a_correct_checksum_and_an_impossible_state_is_refused() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    let plan = config().validate(&sets.train).unwrap();
    let examples = Examples::<f32>::new(&plan, &sets.train);
    let mut trainer = Trainer::with_sets(plan.clone(), &examples, Some(&sets.validation), None).unwrap();
    trainer.run(&mut StopAfter(Some(7))).unwrap();
    trainer.checkpoint(&origin()).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // The content ends with the times (seconds and nanoseconds, twice) and the next stage.
    let is_refused = |from_end: usize, value: &[u8]| {
        let mut content = bytes[52..].to_vec();
        let at = content.len() - from_end;
        content.splice(at..(at + value.len()).min(content.len()), value.iter().copied());
        let digest = sha2::Sha256::digest(&content);
        let length = (content.len() as u64).to_le_bytes();
        std::fs::write(&path, [&bytes[..12], &length, &digest, &content].concat()).unwrap();
        let resumed = Checkpoint::<f32>::load(&path).and_then(|checkpoint| {
            Trainer::resume(checkpoint, plan.clone(), &examples, Some(&sets.validation), None)
        });
        resumed.is_err()
    };
    assert!(!is_refused(4, &1_u32.to_le_bytes()), "the state as it was");
    for stage in [0_u32, 2, 4, 5, u32::MAX] {
        assert!(is_refused(4, &stage.to_le_bytes()), "stage {stage}");
    }
    for from_end in [28, 16] {
        assert!(is_refused(from_end, &u64::MAX.to_le_bytes()), "a time of {} seconds", u64::MAX);
    }
}
