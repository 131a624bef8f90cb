//! The training loop: what it computes and reports, on any number of threads.

use mlp_core::{
    Activation, Compute, Init, MatmulBackend, Mlp, NumpyStream, Precision, RandomStream, Reduction,
    StreamKind, Workspace,
};
use mlp_data::Dataset;
use mlp_train::{Control, EpochRecord, Error, Event, Examples, Kernel, Observer, TrainConfig, Trainer};
use ndarray::Array2;

fn data() -> Dataset {
    mlp_data::synthetic::digits(530, 10, 0).train
}

/// Trains and returns the trace and the network.
fn train<O: Observer>(config: TrainConfig, data: &Dataset, observer: &mut O) -> (Vec<EpochRecord>, Mlp<f64>) {
    let plan = config.validate(data).unwrap();
    let examples = Examples::new(&plan, data);
    let mut trainer = Trainer::new(plan, &examples).unwrap();
    let trace = trainer.run(observer).unwrap();
    (trace, trainer.into_network())
}

/// The chapter's `run_train_loop`: copies the whole set in shuffled order and slices it into
/// batches.
fn chapter_loop(config: &TrainConfig, data: &Dataset) -> (Mlp<f64>, Vec<(f64, f64)>) {
    let mut stream = NumpyStream::new(config.seed as u32);
    let plan = config.clone().validate(data).unwrap();
    let mut network = Mlp::new(plan.architecture(), config.init, &mut stream).unwrap();
    let mut x = vec![0.0; data.len() * data.pixels()];
    data.features(0..data.len(), &mut x);
    let x = Array2::from_shape_vec((data.len(), data.pixels()), x).unwrap();
    let mut trace = Vec::new();
    for _ in 0..config.epochs {
        let mut order = vec![0; data.len()];
        stream.permutation(&mut order);
        let x_epoch = x.select(ndarray::Axis(0), &order.iter().map(|&i| i as usize).collect::<Vec<_>>());
        let labels: Vec<u8> = order.iter().map(|&i| data.labels()[i as usize]).collect();
        let (mut losses, mut accuracies) = (Vec::new(), Vec::new());
        for k in 0..data.len() / config.batch_size {
            let rows = k * config.batch_size..(k + 1) * config.batch_size;
            let batch = x_epoch.slice(ndarray::s![rows.clone(), ..]);
            // Dense rows; the trainer uses CSR rows, with the same bits.
            let kernels = Compute::default().with_backend(MatmulBackend::Portable);
            let mut workspace = Workspace::with_compute(plan.architecture(), config.batch_size, kernels);
            workspace.set_objective(config.loss_reduction.into());
            let rate = config.learning_rate;
            let score = network.train_step(batch, &labels[rows], rate, &mut workspace);
            losses.push(score.loss(config.loss_reduction));
            accuracies.push(score.accuracy());
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        trace.push((mean(&losses), mean(&accuracies)));
    }
    (network, trace)
}

#[test]
fn the_loop_matches_the_chapter() {
    let data = data();
    let config = TrainConfig {
        epochs: 3,
        rng: StreamKind::Numpy,
        precision: Precision::F64,
        hidden: vec![12, 9],
        activation: Activation::Tanh,
        seed: 3,
        kernel: Kernel::Portable,
        ..TrainConfig::default()
    };
    let (network, expected) = chapter_loop(&config, &data);
    let (trace, trained) = train(config, &data, &mut ());
    let found: Vec<_> = trace.iter().map(|record| (record.loss, record.accuracy)).collect();
    assert_eq!(found, expected);
    assert_eq!(trained, network);
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let data = data();
    let run = |threads, seed, rng| {
        let config = TrainConfig { epochs: 2, seed, rng, ..TrainConfig::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(config, &data, &mut ()).1)
    };
    for rng in StreamKind::ALL {
        let one = run(1, 5, rng);
        for threads in [2, 3, 5, 8] {
            assert_eq!(run(threads, 5, rng), one, "{rng} on {threads} threads");
        }
        assert_ne!(run(1, 6, rng), one, "{rng}: two seeds gave the same network");
    }
}

#[test]
fn an_incomplete_last_batch_is_trained_on_unless_dropped() {
    let data = data();
    let run = |drop_last| {
        let config = TrainConfig { epochs: 1, drop_last, ..TrainConfig::default() };
        let mut events = Events::default();
        train(config, &data, &mut events);
        events.steps
    };
    assert_eq!(run(true), [100; 5]);
    assert_eq!(run(false), [100, 100, 100, 100, 100, 30]);
}

#[derive(Default)]
struct Events {
    steps: Vec<usize>,
    records: Vec<EpochRecord>,
    seen: Vec<&'static str>,
    stop_after: Option<usize>,
}

impl Observer for Events {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match event {
            Event::Started { .. } => self.seen.push("started"),
            Event::StepDone { examples, .. } => self.steps.push(*examples),
            Event::EpochDone(record) => {
                self.seen.push("epoch");
                self.records.push(*record);
            }
            Event::Finished { .. } => self.seen.push("finished"),
            _ => {}
        }
        let stop = self.stop_after.is_some_and(|steps| self.steps.len() >= steps);
        Ok(if stop { Control::Stop } else { Control::Continue })
    }
}

#[test]
fn observers_receive_every_event_in_order() {
    let data = data();
    let mut events = Events::default();
    let config = TrainConfig {
        epochs: 2,
        loss_reduction: Reduction::Mean,
        init: Init::Xavier,
        ..TrainConfig::default()
    };
    let (trace, _) = train(config, &data, &mut events);
    assert_eq!(events.seen, ["started", "epoch", "epoch", "finished"]);
    assert_eq!(events.steps.len(), 10);
    assert_eq!(events.records, trace);
    assert!(trace[1].loss < trace[0].loss && trace.iter().all(|record| record.seconds > 0.0));
}

#[test]
fn an_observer_can_stop_training_at_any_step() {
    let data = data();
    for stop_after in [1, 5, 7] {
        let mut events = Events { stop_after: Some(stop_after), ..Events::default() };
        let config = TrainConfig { epochs: 4, ..TrainConfig::default() };
        let (trace, _) = train(config, &data, &mut events);
        assert_eq!(events.steps.len(), stop_after);
        // An incomplete epoch has no record.
        assert_eq!(trace.len(), (stop_after - 1) / 5);
        assert_eq!(events.seen.last(), Some(&"finished"));
    }
}

#[test]
fn an_error_of_an_observer_ends_training() {
    struct Failing;
    impl Observer for Failing {
        fn observe(&mut self, event: &Event) -> Result<Control, Error> {
            match event {
                Event::EpochDone(_) => Err(Error::Observer {
                    what: "cannot write the trace".to_owned(),
                    reason: std::io::Error::other("disk full"),
                }),
                _ => Ok(Control::Continue),
            }
        }
    }
    let data = data();
    let plan = TrainConfig::default().validate(&data).unwrap();
    let examples = Examples::<f64>::new(&plan, &data);
    let error = Trainer::new(plan, &examples).unwrap().run(&mut Failing).unwrap_err();
    assert_eq!(error.to_string(), "cannot write the trace: disk full");
}

#[test]
#[should_panic(expected = "the plan is for another training set")]
fn a_plan_for_another_dataset_panics() {
    let plan = TrainConfig::default().validate(&data()).unwrap();
    let other = mlp_data::synthetic::digits(529, 10, 0).train;
    let examples = Examples::<f32>::new(&plan, &other);
    let _ = Trainer::new(plan, &examples);
}
