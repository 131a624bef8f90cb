//! A batch in shards: its gradient is the sum of the gradients of its parts, each computed as a
//! batch of its own, in the order of a fixed tree; and nothing else about a step changes.

use std::ops::Range;
use std::sync::{Barrier, Mutex};
use std::thread;

use mlp_core::gradcheck::gradcheck_in;
use mlp_core::{
    Activation, Architecture, Compute, CsrMatrix, Features, Gradients, Init, Isa, MatmulBackend, Mlp,
    NativeStream, Objective, Optimizer, OptimizerKind, Peers, RandomStream, Reduction, Scalar, Score, Shards,
    Workspace, add_nodes,
};
use ndarray::{Array2, Axis, Slice, s};

const INPUTS: usize = 40;
const CLASSES: usize = 5;
const BATCH: usize = 30;
const COUNTS: [usize; 8] = [1, 2, 3, 4, 5, 7, 8, 30];

/// A batch of labeled examples with a third of the values nonzero, in dense and sparse form.
struct Batch<A> {
    dense: Array2<A>,
    offsets: Vec<usize>,
    columns: Vec<u16>,
    values: Vec<A>,
    labels: Vec<u8>,
}

impl<A: Scalar> Batch<A> {
    fn new(examples: usize) -> Self {
        let mut stream = NativeStream::new(5);
        let mut value =
            || if stream.uniform() < 1.0 / 3.0 { A::from_f64(stream.uniform()) } else { A::zero() };
        let dense = Array2::from_shape_simple_fn((examples, INPUTS), &mut value);
        let labels = (0..examples).map(|i| (i * i % CLASSES) as u8).collect();
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in dense.rows() {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != A::zero()) {
                columns.push(column as u16);
                values.push(value);
            }
            offsets.push(columns.len());
        }
        Self { dense, offsets, columns, values, labels }
    }

    /// Some of the examples.
    fn part(&self, own: Range<usize>) -> Self {
        let first = self.offsets[own.start];
        let entries = first..self.offsets[own.end];
        Self {
            dense: self.dense.slice_axis(Axis(0), Slice::from(own.clone())).to_owned(),
            offsets: self.offsets[own.start..=own.end].iter().map(|offset| offset - first).collect(),
            columns: self.columns[entries.clone()].to_vec(),
            values: self.values[entries].to_vec(),
            labels: self.labels[own].to_vec(),
        }
    }

    fn features(&self, is_sparse: bool) -> Features<'_, A> {
        if is_sparse {
            CsrMatrix::new(INPUTS, &self.offsets, &self.columns[..], &self.values[..]).into()
        } else {
            self.dense.view().into()
        }
    }
}

fn network<A: Scalar>(hidden: &[usize], activation: Activation) -> Mlp<A> {
    let architecture = Architecture::new(INPUTS, hidden, CLASSES).with_activation(activation);
    Mlp::new(&architecture, Init::Xavier, &mut NativeStream::new(7)).unwrap()
}

fn workspace<A: Scalar>(network: &Mlp<A>, shards: impl Into<Shards>, compute: Compute) -> Workspace<A> {
    let mut workspace = Workspace::with_compute(&network.architecture(), BATCH, compute);
    workspace.set_shards(shards);
    workspace
}

/// Every backend, with several numbers of threads and instruction sets.
fn computes() -> Vec<Compute> {
    let threads = |compute: Compute| [1, 2, 5].map(|threads| compute.with_threads(threads));
    let portable = Compute::default().with_backend(MatmulBackend::Portable);
    let isas = Isa::available().flat_map(|isa| threads(portable.with_isa(isa)));
    let blas = MatmulBackend::OpenBlas.is_available().then(|| threads(Compute::default()));
    isas.chain(blas.into_iter().flatten()).collect()
}

/// Weights and biases of each layer, the biases as one more row.
type Sums<A> = Vec<Array2<A>>;

fn arrays<A: Scalar>(gradients: &Gradients<A>) -> Sums<A> {
    let layers = gradients.layers().iter();
    layers
        .map(|layer| ndarray::concatenate![Axis(0), layer.weights(), layer.biases().insert_axis(Axis(0))])
        .collect()
}

fn gradient<A: Scalar>(
    network: &Mlp<A>,
    x: Features<'_, A>,
    labels: &[u8],
    workspace: &mut Workspace<A>,
) -> Sums<A> {
    let mut gradients = Gradients::new(&network.architecture());
    network.forward(x, labels, workspace);
    network.backward(x, workspace, &mut gradients);
    arrays(&gradients)
}

/// The definition of the sum, by plain recursion.
fn oracle<A: Scalar>(terms: &[Sums<A>]) -> Sums<A> {
    let [term] = terms else {
        let mut half = 1;
        while 2 * half < terms.len() {
            half *= 2;
        }
        let (left, right) = (oracle(&terms[..half]), oracle(&terms[half..]));
        return left.iter().zip(&right).map(|(left, right)| left + right).collect();
    };
    term.clone()
}

/// The examples of shard k of K.
fn part(examples: usize, k: usize, shards: usize) -> Range<usize> {
    examples * k / shards..examples * (k + 1) / shards
}

fn check_sums<A: Scalar>(hidden: &[usize], examples: usize) {
    let (batch, network) = (Batch::<A>::new(examples), network::<A>(hidden, Activation::Tanh));
    let mut distinct = Vec::new();
    for shards in COUNTS {
        for is_sparse in [false, true] {
            let terms = |compute: Compute| -> Vec<Sums<A>> {
                let term = |k| {
                    let part = batch.part(part(examples, k, shards));
                    let mut workspace = workspace(&network, 1, compute);
                    gradient(&network, part.features(is_sparse), &part.labels, &mut workspace)
                };
                (0..shards).map(term).collect()
            };
            for compute in computes() {
                let expected = oracle(&terms(compute.with_threads(1)));
                let mut workspace = workspace(&network, shards, compute);
                let x = batch.features(is_sparse);
                let found = gradient(&network, x, &batch.labels, &mut workspace);
                assert_eq!(found, expected, "{shards} shards, {examples} examples, {hidden:?}, {compute:?}");
                distinct.push(found);
            }
        }
    }
    distinct.dedup();
    assert!(examples < 8 || distinct.len() > 4, "the order of a sum does not show in its bits");
}

#[test]
fn the_gradient_is_the_sum_over_the_shards_in_the_order_of_the_tree() {
    for hidden in [&[20][..], &[33, 18], &[], &[8, 7, 6]] {
        check_sums::<f32>(hidden, BATCH);
        check_sums::<f64>(hidden, 29);
    }
}

#[test]
fn shards_without_examples_add_nothing() {
    for hidden in [&[20][..], &[33, 18], &[]] {
        check_sums::<f32>(hidden, 3);
        check_sums::<f64>(hidden, 1);
    }
}

#[test]
fn gradients_in_shards_agree_with_central_differences() {
    let batch = Batch::<f64>::new(11);
    for reduction in Reduction::ALL {
        let objective = Objective::from(reduction).with_label_smoothing(0.1).with_seed(3);
        for objective in [objective, objective.with_dropout(0.3).with_input_dropout(0.2)] {
            for (hidden, shards) in [(&[9][..], 2), (&[6, 5, 7], 3), (&[6, 5], 4), (&[], 11)] {
                let network = network::<f64>(hidden, Activation::Gelu);
                let mut workspace = workspace(&network, shards, Compute::default());
                workspace.set_objective(objective);
                for is_sparse in [false, true] {
                    let x = batch.features(is_sparse);
                    let report = gradcheck_in(&network, x, &batch.labels, &mut workspace);
                    assert!(report.passed(), "{shards} shards, {hidden:?}, {objective:?}: {report:?}");
                }
            }
        }
    }
}

#[test]
fn dropout_masks_do_not_depend_on_the_shards() {
    let (batch, network) = (Batch::<f32>::new(BATCH), network::<f32>(&[20, 12], Activation::Relu));
    let mut first = None;
    for shards in COUNTS {
        for compute in computes() {
            for is_sparse in [false, true] {
                let mut workspace = workspace(&network, shards, compute);
                workspace.set_objective(Objective::mean().with_dropout(0.3).with_input_dropout(0.2));
                let mut masks = Vec::new();
                for _ in 0..2 {
                    network.forward(batch.features(is_sparse), &batch.labels, &mut workspace);
                    masks.extend([0, 1].map(|l| workspace.dropout_mask(l)));
                    masks.push(workspace.dropped_inputs().unwrap());
                }
                assert_ne!(masks[0], masks[3], "the masks of two steps are equal");
                assert_ne!(masks[0].slice(s![..10, ..]), masks[0].slice(s![10..20, ..]));
                let expected = first.get_or_insert_with(|| masks.clone());
                assert!(masks == *expected, "{shards} shards, {compute:?}");
            }
        }
    }
}

#[test]
fn the_forward_pass_has_the_same_values_in_shards() {
    let (batch, network) = (Batch::<f64>::new(BATCH), network::<f64>(&[20, 12], Activation::Relu));
    let compute = Compute::default().with_backend(MatmulBackend::Portable);
    let run = |shards| {
        let mut workspace = workspace(&network, shards, compute.with_threads(2));
        let score = network.forward(batch.features(true), &batch.labels, &mut workspace);
        (
            score,
            workspace.losses().to_vec(),
            workspace.predictions().to_vec(),
            workspace.probabilities().to_owned(),
        )
    };
    let whole = run(1);
    for shards in COUNTS {
        let (score, losses, predictions, probabilities) = run(shards);
        assert_eq!(
            (&losses, &predictions, &probabilities),
            (&whole.1, &whole.2, &whole.3),
            "{shards} shards"
        );
        assert_eq!((score.correct, score.examples), (whole.0.correct, BATCH));
        let sums = (0..shards).map(|k| losses[part(BATCH, k, shards)].iter().sum::<f64>());
        assert_eq!(score.loss_sum, sums.sum::<f64>(), "the sums of the shards, in their order");
    }
}

#[test]
fn inference_is_not_split() {
    let (batch, network) = (Batch::<f32>::new(BATCH), network::<f32>(&[20], Activation::Tanh));
    let logits = |shards| {
        let mut workspace = workspace(&network, shards, Compute::default());
        let score = network.score(batch.features(false), &batch.labels, &mut workspace);
        (score, network.logits(batch.features(false), &mut workspace).to_owned())
    };
    assert_eq!(logits(4), logits(1));
}

/// A training with everything, and its weights.
fn train<A: Scalar>(kind: OptimizerKind, shards: usize, compute: Compute, is_plain: bool) -> Sums<A> {
    let (batch, mut network) = (Batch::<A>::new(BATCH), network::<A>(&[20, 12], Activation::Tanh));
    let mut workspace = workspace(&network, shards, compute);
    let mut optimizer = Optimizer::new(kind, &network.architecture());
    if !is_plain {
        optimizer = optimizer.with_weight_decay(0.01).with_clipping(0.5);
        workspace.set_objective(Objective::mean().with_dropout(0.2).with_label_smoothing(0.1));
    }
    for _ in 0..8 {
        let x = batch.features(true);
        optimizer.train_step(&mut network, x, &batch.labels, 0.01, &mut workspace);
    }
    let layers = network.layers().iter();
    layers
        .map(|layer| ndarray::concatenate![Axis(0), layer.weights(), layer.biases().insert_axis(Axis(0))])
        .collect()
}

const KINDS: [OptimizerKind; 5] = [
    OptimizerKind::Sgd,
    OptimizerKind::Momentum { momentum: 0.9 },
    OptimizerKind::Nesterov { momentum: 0.9 },
    OptimizerKind::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    OptimizerKind::RmsProp { decay: 0.99, epsilon: 1e-8 },
];

#[test]
fn training_in_shards_does_not_depend_on_threads_or_instructions() {
    for kind in KINDS {
        for shards in [2, 3, 8] {
            for backend in [MatmulBackend::Portable, MatmulBackend::OpenBlas] {
                let mut ways = computes().into_iter().filter(|compute| compute.backend == backend);
                let Some(first) = ways.next() else { continue };
                let expected = train::<f32>(kind, shards, first, false);
                for way in ways {
                    assert_eq!(train::<f32>(kind, shards, way, false), expected, "{kind:?} {shards} {way:?}");
                }
            }
        }
    }
}

#[test]
fn every_optimizer_takes_nearly_the_same_steps_with_any_number_of_shards() {
    let compute = Compute::default().with_threads(2);
    for kind in KINDS {
        for is_plain in [false, true] {
            let whole = train::<f64>(kind, 1, compute, is_plain);
            for shards in [2, 3, 8] {
                let found = train::<f64>(kind, shards, compute, is_plain);
                for (found, whole) in found.iter().zip(&whole) {
                    let difference = (found - whole).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
                    assert!(difference < 1e-11, "{kind:?}, {shards} shards: {difference:e}");
                }
            }
        }
    }
}

#[test]
fn both_forms_of_gradient_descent_take_the_same_steps() {
    let batch = Batch::<f32>::new(BATCH);
    for shards in [1, 3, 4] {
        let mut networks = [(), ()].map(|()| network::<f32>(&[20, 12], Activation::Tanh));
        let mut optimizer = Optimizer::new(OptimizerKind::Sgd, &networks[0].architecture());
        let compute = Compute::default().with_threads(3);
        let mut workspaces = [(), ()].map(|()| workspace(&networks[0], shards, compute));
        for _ in 0..5 {
            let x = batch.features(true);
            networks[0].train_step(x, &batch.labels, 0.1, &mut workspaces[0]);
            optimizer.train_step(&mut networks[1], x, &batch.labels, 0.1, &mut workspaces[1]);
        }
        assert_eq!(networks[0], networks[1], "{shards} shards");
    }
}

#[test]
#[should_panic(expected = "0 shards; expected at least 1")]
fn a_batch_has_at_least_one_shard() {
    workspace(&network::<f32>(&[3], Activation::Relu), 0, Compute::default());
}

#[test]
#[should_panic(expected = "backward needs a forward pass")]
fn a_backward_pass_needs_the_shards_of_its_forward_pass() {
    let (batch, network) = (Batch::<f32>::new(BATCH), network::<f32>(&[20], Activation::Tanh));
    let mut workspace = workspace(&network, 2, Compute::default());
    network.forward(batch.features(false), &batch.labels, &mut workspace);
    workspace.set_shards(3);
    network.backward(batch.features(false), &mut workspace, &mut Gradients::new(&network.architecture()));
}

/// The sums that the processes send, and their results.
struct Hub<A> {
    nodes: Vec<Range<usize>>,
    sent: Mutex<Vec<Vec<Vec<A>>>>, // (processes, layers)
    barrier: Barrier,
}

/// One of several threads that act as processes.
struct Process<'h, A> {
    hub: &'h Hub<A>,
    number: usize,
}

impl<A: Scalar> Peers<A> for Process<'_, A> {
    fn start(&mut self, layer: usize, sums: Vec<A>) {
        self.hub.sent.lock().unwrap()[self.number][layer] = sums;
    }

    fn finish(&mut self, layer: usize) -> Vec<A> {
        self.hub.barrier.wait();
        let mut own;
        {
            let sent = self.hub.sent.lock().unwrap();
            own = sent[self.number][layer].clone();
            let mut sums: Vec<A> = sent.iter().flat_map(|layers| layers[layer].clone()).collect();
            let len = sums.len() / self.hub.nodes.len();
            add_nodes(&self.hub.nodes, &mut sums);
            own[..len].copy_from_slice(&sums[..len]);
        }
        self.hub.barrier.wait();
        own
    }
}

/// The loss of all processes and the own correct predictions, of each step.
type Scores = Vec<(f64, usize)>;

/// Trains for some steps and returns the weights, and the score of each step.
fn train_in_processes<A: Scalar>(
    kind: OptimizerKind,
    (count, processes): (usize, usize),
    examples: usize,
    compute: Compute,
) -> Vec<(Mlp<A>, Scores)> {
    let batch = Batch::<A>::new(examples);
    let all: Vec<Shards> =
        (0..processes).map(|number| Shards::of_process(count, number, processes)).collect();
    let nodes = all.iter().flat_map(|shards| shards.nodes()).collect();
    let sent = Mutex::new(vec![vec![Vec::new(); 3]; processes]);
    let hub = Hub { nodes, sent, barrier: Barrier::new(processes) };
    let losses = Mutex::new(vec![vec![]; processes]);
    let work = |number: usize| {
        let mut network = network::<A>(&[20, 12], Activation::Tanh);
        let mut workspace = workspace(&network, all[number], compute.with_threads(1 + number % 3));
        let objective = Objective::mean().with_dropout(0.2).with_input_dropout(0.1);
        workspace.set_objective(objective.with_label_smoothing(0.1));
        let mut optimizer =
            Optimizer::new(kind, &network.architecture()).with_weight_decay(0.01).with_clipping(0.5);
        let own = batch.part(all[number].examples(examples));
        let mut scores = Vec::new();
        for step in 0..4 {
            let x = own.features(step % 2 == 0);
            let Score { correct, .. } = network.forward_own(x, &own.labels, examples, &mut workspace);
            losses.lock().unwrap()[number] = workspace.shard_losses().collect();
            hub.barrier.wait();
            scores.push((losses.lock().unwrap().iter().flatten().sum(), correct));
            hub.barrier.wait();
            let mut process = Process { hub: &hub, number };
            let peers: Option<&mut dyn Peers<A>> = if processes > 1 { Some(&mut process) } else { None };
            optimizer.descend_with(&mut network, x, 0.01, &mut workspace, peers);
        }
        (network, scores)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..processes).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn any_number_of_processes_takes_the_same_steps() {
    let backends = [MatmulBackend::Portable, MatmulBackend::OpenBlas];
    for backend in backends.into_iter().filter(|backend| backend.is_available()) {
        let compute = Compute::default().with_backend(backend);
        for (kind, count) in KINDS.into_iter().zip([2, 4, 5, 7, 8]) {
            for examples in [BATCH, 11, 3] {
                let one = train_in_processes::<f32>(kind, (count, 1), examples, compute).remove(0);
                for processes in 2..=count {
                    let found = train_in_processes::<f32>(kind, (count, processes), examples, compute);
                    for (network, scores) in &found {
                        assert_eq!(*network, one.0, "{kind:?}, {count} shards, {processes} processes");
                        assert!(scores.iter().zip(&one.1).all(|(score, expected)| score.0 == expected.0));
                    }
                    for step in 0..4 {
                        let correct: usize = found.iter().map(|(_, scores)| scores[step].1).sum();
                        assert_eq!(correct, one.1[step].1);
                    }
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "30 examples; the shards of a batch of 30 have 15")]
fn a_process_takes_only_its_own_examples() {
    let (batch, network) = (Batch::<f32>::new(BATCH), network::<f32>(&[20], Activation::Tanh));
    let mut workspace = workspace(&network, Shards::of_process(2, 0, 2), Compute::default());
    network.forward(batch.features(false), &batch.labels, &mut workspace);
}

#[test]
#[should_panic(expected = "with other processes: false")]
fn a_gradient_of_some_shards_is_not_used_alone() {
    let (batch, network) = (Batch::<f32>::new(BATCH).part(0..15), network::<f32>(&[20], Activation::Tanh));
    let mut workspace = workspace(&network, Shards::of_process(2, 0, 2), Compute::default());
    network.forward_own(batch.features(false), &batch.labels, BATCH, &mut workspace);
    network.backward(batch.features(false), &mut workspace, &mut Gradients::new(&network.architecture()));
}
