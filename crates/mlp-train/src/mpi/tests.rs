//! Trainings over several threads that act as processes: everything but MPI itself.

use std::any::Any;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use mlp_core::{Mlp, Reduction, Shards, add_nodes};
use mlp_data::Dataset;

use super::Message;
use super::all_reduce::{AllReduce, Link};
use crate::{
    Checkpoint, Control, Ending, EpochRecord, Error, Event, Examples, Kernel, Number, Observer,
    OptimizerName, Origin, Processes, ScheduleName, TrainConfig, Trainer,
};

/// A connection by channels, one from each process to each.
struct Channels {
    to: Vec<Sender<Box<dyn Any + Send>>>,
    from: Vec<Receiver<Box<dyn Any + Send>>>,
}

impl Link for Channels {
    fn exchange<N: Message>(&mut self, to: usize, message: &[N], from: usize, received: &mut [N]) {
        self.to[to].send(Box::new(message.to_vec())).unwrap();
        let found = self.from[from].recv().unwrap().downcast::<Vec<N>>().unwrap();
        received.copy_from_slice(&found);
    }
}

/// Calls `work` for each process on a thread of its own and returns the results.
fn in_processes<A: Number, R: Send>(
    shards: usize,
    count: usize,
    work: impl Fn(usize, AllReduce<A>) -> R + Sync,
) -> Vec<R> {
    let mut to: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    let mut from: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for sender in &mut to {
        for receiver in &mut from {
            let (send, receive) = mpsc::channel();
            sender.push(send);
            receiver.push(receive);
        }
    }
    let links = to.into_iter().zip(from).map(|(to, from)| Channels { to, from });
    let work = &work;
    thread::scope(|scope| {
        let threads = links.enumerate().map(|(number, link)| {
            scope.spawn(move || work(number, AllReduce::start(shards, number, count, move || link)))
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn totals_are_added_in_the_order_of_the_tree() {
    // The bits of such sums depend on their order.
    let term = |node: &Range<usize>, i: usize| (1.0 / (node.start * 7 + node.end + i + 1) as f32).exp();
    for shards in 1..=9 {
        for count in 1..=shards {
            for len in [0, 1, 2, 7, 100] {
                let nodes = |number| Shards::of_process(shards, number, count).nodes();
                let of = |nodes: Vec<Range<usize>>| -> Vec<f32> {
                    nodes.iter().flat_map(|node| (0..len).map(move |i| term(node, i))).collect()
                };
                let all: Vec<_> = (0..count).flat_map(nodes).collect();
                let mut expected = of(all.clone());
                add_nodes(&all, &mut expected);
                let found = in_processes(shards, count, |number, mut processes: AllReduce<f32>| {
                    let all = processes.gather(vec![number as f64, 0.5]);
                    assert!(all.chunks(2).enumerate().all(|(i, pair)| *pair == [i as f64, 0.5]));
                    use mlp_core::Peers;
                    processes.start(1, of(nodes(number)));
                    processes.start(0, of(nodes(number)));
                    [processes.finish(1), processes.finish(0)]
                });
                for sums in found.into_iter().flatten() {
                    assert_eq!(sums[..len], expected[..len], "{shards} shards, {count} processes");
                }
            }
        }
    }
}

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
        shards: 5,
        drop_last: false,
        loss_reduction: Reduction::Mean,
        optimizer: OptimizerName::Adam,
        schedule: ScheduleName::Plateau,
        plateau_patience: 1,
        learning_rate: 0.02,
        dropout: 0.2,
        input_dropout: 0.1,
        augment: true,
        label_smoothing: 0.1,
        adversarial: Some(0.5),
        weight_decay: Some(0.01),
        clip_norm: Some(1.0),
        ema_decay: Some(0.9),
        ..TrainConfig::default()
    }
}

/// Stops after this many steps, or at the end of the epoch if the flag is set.
struct StopAfter(Option<usize>, bool);

impl Observer for StopAfter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        if let (Event::StepDone { .. }, Some(left)) = (event, &mut self.0) {
            *left = left.saturating_sub(1);
        }
        let is_time = !self.1 || matches!(event, Event::EpochDone(_));
        Ok(if self.0 == Some(0) && is_time { Control::Stop } else { Control::Continue })
    }
}

#[derive(Debug, PartialEq)]
struct Ended<A> {
    network: Mlp<A>,
    best: Option<(usize, f64)>,
    trace: Vec<EpochRecord>,
}

/// Trains in parts, each with a number of processes and an end.
fn train<A: Number>(
    config: &TrainConfig,
    sets: &Sets,
    parts: &[(usize, StopAfter)],
    path: &Path,
) -> Ended<A> {
    let plan = config.clone().validate(&sets.train).unwrap();
    let mut ended = Vec::new();
    for (part, &(count, StopAfter(steps, at_epoch))) in parts.iter().enumerate() {
        let before: Option<Vec<u8>> = (part > 0).then(|| std::fs::read(path).unwrap());
        ended = in_processes(config.shards, count, |number, processes| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + number % 2).build().unwrap();
            let work = || {
                let examples = Examples::<A>::new(&plan, &sets.train);
                let (plan, validation) = (plan.clone(), Some(&sets.validation));
                let trainer = match &before {
                    None => Trainer::with_sets(plan, &examples, validation, None).unwrap(),
                    Some(bytes) => {
                        let copy = path.with_extension(number.to_string());
                        std::fs::write(&copy, bytes).unwrap();
                        let checkpoint = Checkpoint::load(&copy).unwrap();
                        Trainer::resume(checkpoint, plan, &examples, validation, None).unwrap()
                    }
                };
                let mut trainer =
                    if count > 1 { trainer.share(Box::new(processes)).unwrap() } else { trainer };
                // Only the first process can stop.
                let steps = if number == 0 { steps } else { None };
                trainer.run(&mut StopAfter(steps, at_epoch)).unwrap();
                if number == 0 {
                    trainer.checkpoint(&Origin::new("synthetic", "0", "test")).save(path).unwrap();
                }
                let trace = trainer.trace().iter().map(|record| EpochRecord { seconds: 0.0, ..*record });
                Ended { trace: trace.collect(), best: trainer.best(), network: trainer.network().clone() }
            };
            pool.install(work)
        });
        let (first, others) = ended.split_first().unwrap();
        if steps.is_none() {
            assert!(others.iter().all(|other| other == first), "the processes differ");
        }
    }
    ended.remove(0)
}

#[test]
fn any_number_of_processes_trains_the_same_network() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    for (kernel, augment) in [(Kernel::Portable, true), (Kernel::Auto, false)] {
        let config = TrainConfig { kernel, augment, ..config() };
        let whole = |count| [(count, StopAfter(None, false))];
        let expected = train::<f32>(&config, &sets, &whole(1), &path);
        assert_eq!((expected.trace.len(), expected.best.is_some()), (3, true));
        for count in 2..=5 {
            assert_eq!(train::<f32>(&config, &sets, &whole(count), &path), expected, "{count} processes");
        }
        let expected = train::<f64>(&config, &sets, &whole(1), &path);
        assert_eq!(train::<f64>(&config, &sets, &whole(3), &path), expected);
    }
}

#[test]
fn a_training_resumes_with_another_number_of_processes() {
    let (scratch, sets) = (tempfile::tempdir().unwrap(), sets());
    let path = scratch.path().join("checkpoint");
    let expected = train::<f32>(&config(), &sets, &[(1, StopAfter(None, false))], &path);
    for at_epoch in [false, true] {
        // In an epoch, at its last step, after its end.
        for steps in [1, 4, 5, 6] {
            let stop = || StopAfter(Some(steps), at_epoch);
            let parts = [(4, stop()), (1, stop()), (2, stop()), (5, StopAfter(None, false))];
            assert_eq!(train::<f32>(&config(), &sets, &parts, &path), expected, "{steps} {at_epoch}");
        }
    }
}

#[test]
fn the_first_process_decides_when_a_training_ends() {
    let sets = sets();
    for (change, ending) in [
        (TrainConfig { max_seconds: Some(1e-9), ..config() }, Ending::OutOfTime),
        (TrainConfig { patience: Some(1), learning_rate: 1e-12, ..config() }, Ending::OutOfPatience),
        (
            TrainConfig { until: Some("validation-loss=100".parse().unwrap()), ..config() },
            Ending::TargetReached,
        ),
    ] {
        let plan = change.validate(&sets.train).unwrap();
        let endings = in_processes(5, 3, |_, processes| {
            let examples = Examples::<f32>::new(&plan, &sets.train);
            let trainer = Trainer::with_sets(plan.clone(), &examples, Some(&sets.validation), None).unwrap();
            trainer.share(Box::new(processes)).unwrap().drive(|_, _| Ok(Control::Continue)).unwrap()
        });
        assert_eq!(endings[0], ending);
        assert!(endings[1..].iter().all(|other| [ending, Ending::Stopped].contains(other)), "{endings:?}");
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_all_processes() {
    let sets = sets();
    let config =
        TrainConfig { learning_rate: 1e30, optimizer: OptimizerName::Sgd, clip_norm: None, ..config() };
    let plan = config.validate(&sets.train).unwrap();
    let errors = in_processes(5, 3, |_, processes| {
        let examples = Examples::<f32>::new(&plan, &sets.train);
        let trainer = Trainer::with_sets(plan.clone(), &examples, Some(&sets.validation), None).unwrap();
        trainer.share(Box::new(processes)).unwrap().run(&mut ()).unwrap_err()
    });
    let steps: Vec<usize> = errors
        .iter()
        .map(|error| match error {
            Error::Diverged { step, .. } => *step,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(steps, [steps[0]; 3]);
}

#[test]
fn each_process_needs_a_shard() {
    let sets = sets();
    let plan = TrainConfig { shards: 2, ..config() }.validate(&sets.train).unwrap();
    let expected = "shards is 2; expected at least 3, the number of processes";
    assert_eq!(plan.check_processes(3).unwrap_err().to_string(), expected);
    assert!(plan.check_processes(2).is_ok());
}
