//! Options beyond the chapter's loop: optimizers, schedules, EMA, dropout, and why training ends.

use mlp_core::{Init, Mlp, Reduction};
use mlp_data::Dataset;
use mlp_train::{
    ConfigError, Control, Ending, EpochRecord, Error, Event, Examples, Kernel, Metric, Observer,
    OptimizerName, ScheduleName, Target, TrainConfig, Trainer,
};

/// 400 training, 100 validation and 50 test examples.
struct Sets {
    train: Dataset,
    validation: Dataset,
    test: Dataset,
}

fn sets() -> Sets {
    let all = mlp_data::synthetic::digits(500, 50, 1);
    let (train, validation) = all.train.split_stratified(0.2, 0).unwrap();
    Sets { train, validation, test: all.test }
}

/// Learns quickly.
fn config() -> TrainConfig {
    TrainConfig {
        hidden: vec![30],
        epochs: 8,
        batch_size: 40,
        init: Init::Xavier,
        loss_reduction: Reduction::Mean,
        learning_rate: 0.5,
        ..TrainConfig::default()
    }
}

struct Run {
    trace: Vec<EpochRecord>,
    rates: Vec<f64>,
    ending: Option<Ending>,
    best: Option<(usize, f64)>,
    network: Mlp<f32>,
}

#[derive(Default)]
struct Watcher {
    rates: Vec<f64>,
    ending: Option<Ending>,
}

impl Observer for Watcher {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match event {
            Event::StepDone { learning_rate, .. } => self.rates.push(*learning_rate),
            Event::Finished { ending, .. } => self.ending = Some(*ending),
            _ => {}
        }
        Ok(Control::Continue)
    }
}

fn train(config: TrainConfig, sets: &Sets) -> Result<Run, Error> {
    let plan = config.validate(&sets.train)?;
    let examples = Examples::new(&plan, &sets.train);
    let mut trainer = Trainer::with_sets(plan, &examples, Some(&sets.validation), Some(&sets.test))?;
    let mut watcher = Watcher::default();
    let trace = trainer.run(&mut watcher)?;
    let Watcher { rates, ending } = watcher;
    Ok(Run { trace, rates, ending, best: trainer.best(), network: trainer.into_network() })
}

fn losses(run: &Run) -> Vec<f64> {
    run.trace.iter().map(|record| record.validation.unwrap().loss).collect()
}

#[test]
fn every_optimizer_schedule_and_kernel_learns_the_same_bits_on_any_number_of_threads() {
    let sets = sets();
    for optimizer in OptimizerName::ALL {
        let learning_rate = match optimizer {
            OptimizerName::Sgd => 0.5,
            OptimizerName::Momentum | OptimizerName::Nesterov => 0.1,
            _ => 0.005,
        };
        for schedule in ScheduleName::ALL {
            let run = |threads, kernel| {
                let config = TrainConfig {
                    optimizer,
                    schedule,
                    learning_rate,
                    kernel,
                    step_size: 4,
                    gamma: 0.7,
                    dropout: 0.1,
                    input_dropout: 0.1,
                    label_smoothing: 0.05,
                    weight_decay: Some(1e-3),
                    clip_norm: Some(1.0),
                    ema_decay: Some(0.9),
                    ..config()
                };
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| train(config, &sets).unwrap())
            };
            for kernel in [Kernel::Portable, Kernel::Auto] {
                let one = run(1, kernel);
                let found = losses(&one);
                assert!(found[7] < 0.95 * found[0], "{optimizer} {schedule} {kernel}: {found:?}");
                assert_eq!(run(3, kernel).network, one.network, "{optimizer} {schedule} {kernel}");
            }
        }
    }
}

/// What makes the loss of an example rise is harder to learn, in training only.
#[test]
fn adversarial_examples_are_trained_on() {
    let sets = sets();
    let plain = train(config(), &sets).unwrap();
    let adversarial = train(TrainConfig { adversarial: Some(0.5), ..config() }, &sets).unwrap();
    let first = |run: &Run| run.trace[0].loss;
    assert!(first(&adversarial) > 1.05 * first(&plain), "{} {}", first(&adversarial), first(&plain));
    assert_ne!(adversarial.network, plain.network);
}

#[test]
fn the_ema_is_evaluated_and_kept() {
    let sets = sets();
    let plain = train(config(), &sets).unwrap();
    let ema = train(TrainConfig { ema_decay: Some(0.95), ..config() }, &sets).unwrap();
    assert_eq!(losses(&ema).len(), 8);
    assert_ne!(ema.network, plain.network);
    // The EMA does not affect training: the losses of the batches are the same.
    let train_losses = |run: &Run| run.trace.iter().map(|record| record.loss).collect::<Vec<_>>();
    assert_eq!(train_losses(&ema), train_losses(&plain));
    assert_ne!(losses(&ema), losses(&plain));
}

#[test]
fn records_cover_the_test_set_only_if_a_metric_needs_it() {
    let sets = sets();
    let run = train(config(), &sets).unwrap();
    assert!(run.trace.iter().all(|record| record.validation.is_some() && record.test.is_none()));
    let tested =
        train(TrainConfig { until: Some("test-accuracy=2".parse().unwrap()), ..config() }, &sets).unwrap();
    assert!(tested.trace.iter().all(|record| record.test.is_some()));
    assert_eq!(tested.ending, Some(Ending::Complete));
    assert_eq!(tested.network, run.network, "evaluation changed the network");
    // Scaled to a batch: the sum of its losses is the batch size times their mean.
    let sum = TrainConfig { loss_reduction: Reduction::Sum, learning_rate: 0.5 / 40.0, ..config() };
    let (sum, mean) = (losses(&train(sum, &sets).unwrap())[0], losses(&run)[0]);
    assert!((sum / mean - 40.0).abs() < 1e-3, "{sum} {mean}");
}

#[test]
fn training_ends_at_its_target() {
    let sets = sets();
    let full = train(config(), &sets).unwrap();
    let (loss, accuracy) = (losses(&full)[3], full.trace[3].accuracy);
    for target in [format!("validation-loss={loss}"), format!("train-accuracy={accuracy}")] {
        let target: Target = target.parse().unwrap();
        let run = train(TrainConfig { until: Some(target), ..config() }, &sets).unwrap();
        assert_eq!(run.ending, Some(Ending::TargetReached), "{target}");
        let first = full.trace.iter().position(|record| target.is_reached(record));
        assert_eq!(run.trace.len(), first.unwrap() + 1, "{target}");
    }
}

#[test]
fn patience_ends_training_and_plateaus_lower_the_rate() {
    let sets = sets();
    // The rate is far too large, so some epochs are worse than the best one before them.
    let wild = TrainConfig { epochs: 40, learning_rate: 30.0, ..config() };
    let full = losses(&train(wild.clone(), &sets).unwrap());
    let bad_after = |index: usize| {
        let best = (0..=index).min_by(|&a, &b| full[a].total_cmp(&full[b])).unwrap();
        index - best
    };
    let end = (0..40).find(|&index| bad_after(index) == 2).expect("two bad epochs in a row");
    let run = train(TrainConfig { patience: Some(2), ..wild.clone() }, &sets).unwrap();
    assert_eq!((run.ending, run.trace.len()), (Some(Ending::OutOfPatience), end + 1));
    assert_eq!(run.best, Some((end - 1, full[end - 2])), "epochs count from 1");

    let plateau = TrainConfig { schedule: ScheduleName::Plateau, plateau_patience: 2, gamma: 0.25, ..wild };
    let run = train(plateau, &sets).unwrap();
    let rate = |epoch: usize| run.rates[epoch * 10];
    assert_eq!((rate(end), rate(end + 1)), (30.0, 7.5));
}

#[test]
fn training_ends_at_its_time_limit() {
    let sets = sets();
    let config = TrainConfig { epochs: 1_000_000, max_seconds: Some(0.05), ..config() };
    let run = train(config, &sets).unwrap();
    assert_eq!(run.ending, Some(Ending::OutOfTime));
    assert!(!run.rates.is_empty());
}

#[test]
fn a_loss_that_is_not_finite_ends_training_and_says_where() {
    let sets = sets();
    let config = TrainConfig { learning_rate: 1e38, init: Init::Normal, ..config() };
    let error = train(config, &sets).err().expect("a diverging training").to_string();
    assert!(error.starts_with("the loss is ") && error.contains(" in epoch "), "{error}");
    assert!(error.contains(" is not finite; try a smaller learning rate or clip_norm"), "{error}");
}

#[test]
fn a_metric_without_its_dataset_is_an_error() {
    let sets = sets();
    let plan = |monitor| TrainConfig { monitor: Some(monitor), ..config() }.validate(&sets.train).unwrap();
    for (metric, set) in [(Metric::ValidationLoss, "validation"), (Metric::TestAccuracy, "test")] {
        let plan = plan(metric);
        let examples = Examples::<f32>::new(&plan, &sets.train);
        let error = Trainer::new(plan, &examples).expect_err("there is no such set");
        assert!(matches!(error, Error::Config(ConfigError::NoSuchSet { .. })));
        let text = error.to_string();
        assert!(text.starts_with(&format!("{metric} needs a {set} set, but there is none")), "{text}");
    }
}
