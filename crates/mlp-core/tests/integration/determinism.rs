//! Training gives the same weights on any number of threads and, with this crate's kernels, any
//! instruction set. These tests compare hashes of whole trainings; `csr_matrix.rs` tests single
//! values.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use mlp_core::{
    Activation, Adversary, Architecture, Compute, CsrMatrix, Features, Init, Isa, MatmulBackend, Mlp,
    NativeStream, Objective, RandomStream, Scalar, Workspace,
};
use ndarray::Array2;

const ROWS: usize = 300;
const CLASSES: usize = 10;
const THREADS: [usize; 5] = [1, 2, 3, 5, 8];

/// Labeled examples with a fifth of the values nonzero, in sparse and dense form.
struct Data<A> {
    offsets: Vec<usize>,
    columns: Vec<u16>,
    values: Vec<A>,
    dense: Array2<A>,
    labels: Vec<u8>,
    order: Vec<u32>,
}

impl<A: Scalar> Data<A> {
    fn new(inputs: usize) -> Self {
        let mut stream = NativeStream::new(inputs as u64);
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for _ in 0..ROWS {
            for column in 0..inputs {
                if stream.uniform() < 0.2 {
                    columns.push(column as u16);
                    values.push(A::from_f64(stream.uniform()));
                }
            }
            offsets.push(columns.len());
        }
        let dense = CsrMatrix::new(inputs, &offsets, columns.as_slice(), values.as_slice()).to_dense();
        let labels = (0..ROWS).map(|_| (stream.next_u64() % CLASSES as u64) as u8).collect();
        let mut order = vec![0; ROWS];
        stream.permutation(&mut order);
        Self { offsets, columns, values, dense, labels, order }
    }

    fn sparse(&self) -> CsrMatrix<'_, A> {
        let (columns, values) = (self.columns.as_slice(), self.values.as_slice());
        CsrMatrix::new(self.dense.ncols(), &self.offsets, columns, values)
    }

    fn network(&self, hidden: &[usize], activation: Activation) -> Mlp<A> {
        let architecture = Architecture::new(self.dense.ncols(), hidden, CLASSES).with_activation(activation);
        Mlp::new(&architecture, Init::Xavier, &mut NativeStream::new(7)).unwrap()
    }

    /// Trains an epoch in random order. The last batch is smaller.
    fn train(&self, network: &mut Mlp<A>, rows: Rows, workspace: &mut Workspace<A>) {
        for batch in self.order.chunks(workspace.capacity()) {
            self.step(batch, rows, |x, labels| {
                network.train_step(x, labels, 0.5, workspace);
            });
        }
    }

    /// Gathers a batch for a step.
    fn step(&self, batch: &[u32], rows: Rows, step: impl FnOnce(Features<'_, A>, &[u8])) {
        let labels: Vec<u8> = batch.iter().map(|&row| self.labels[row as usize]).collect();
        match rows {
            Rows::Sparse => step(self.sparse().select(batch).into(), &labels),
            Rows::Dense => {
                let batch: Vec<usize> = batch.iter().map(|&row| row as usize).collect();
                step(self.dense.select(ndarray::Axis(0), &batch).view().into(), &labels);
            }
        }
    }
}

/// The form of the batches.
#[derive(Clone, Copy, Debug)]
enum Rows {
    Sparse,
    Dense,
}

/// A hash of the bits of all weights and biases. (`f32` converts to `f64` exactly.)
fn hash<A: Scalar>(network: &Mlp<A>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for layer in network.layers() {
        layer.weights().iter().for_each(|w| w.into_f64().to_bits().hash(&mut hasher));
        layer.biases().iter().for_each(|b| b.into_f64().to_bits().hash(&mut hasher));
    }
    hasher.finish()
}

fn workspace<A: Scalar>(network: &Mlp<A>, batch_size: usize, compute: Compute) -> Workspace<A> {
    let mut workspace = Workspace::with_compute(&network.architecture(), batch_size, compute);
    workspace.set_objective(Objective::mean());
    workspace
}

fn own(threads: usize) -> Compute {
    Compute::default().with_backend(MatmulBackend::Portable).with_threads(threads)
}

/// All combinations of threads and the given instruction sets. Plain loops, unless there is nothing
/// else, run with two numbers of threads only: they are much slower.
fn matrix(backend: MatmulBackend, isas: impl Iterator<Item = Isa>) -> Vec<Compute> {
    isas.flat_map(|isa| {
        let is_slow = isa.is_generic() && isa != Isa::best();
        let threads = if is_slow { &THREADS[1..3] } else { &THREADS };
        threads
            .iter()
            .map(move |&threads| Compute::default().with_backend(backend).with_isa(isa).with_threads(threads))
    })
    .collect()
}

/// Trains an epoch in every way and compares the results.
fn check<A: Scalar>(inputs: usize, rows: Rows, ways: &[Compute]) {
    let data = Data::<A>::new(inputs);
    for (hidden, activation) in
        [(&[100][..], Activation::Logistic), (&[40, 24], Activation::Tanh), (&[], Activation::Identity)]
    {
        for batch_size in [100, 37] {
            let start = data.network(hidden, activation);
            let mut first = None;
            for &way in ways {
                let mut network = start.clone();
                let mut workspace = workspace(&network, batch_size, way);
                data.train(&mut network, rows, &mut workspace);
                let found = hash(&network);
                assert_ne!(found, hash(&start), "nothing was learned");
                let expected = *first.get_or_insert(found);
                assert_eq!(found, expected, "{} {rows:?} {hidden:?} {batch_size} {way:?}", A::PRECISION);
            }
        }
    }
}

#[test]
fn training_on_sparse_rows_does_not_depend_on_threads_or_instructions() {
    check::<f32>(784, Rows::Sparse, &matrix(MatmulBackend::Portable, Isa::available()));
    check::<f64>(784, Rows::Sparse, &matrix(MatmulBackend::Portable, Isa::available()));
}

/// Threads with many units sort the entries of a batch by column, others do not.
#[test]
fn training_wide_layers_on_sparse_rows_does_not_depend_on_threads_or_instructions() {
    fn check<A: Scalar>() {
        let data = Data::<A>::new(150);
        for hidden in [&[420][..], &[420, 300]] {
            let start = data.network(hidden, Activation::Relu);
            let mut first = None;
            for way in matrix(MatmulBackend::Portable, Isa::available()) {
                let mut network = start.clone();
                data.train(&mut network, Rows::Sparse, &mut workspace(&start, ROWS / 2, way));
                let found = hash(&network);
                assert_eq!(found, *first.get_or_insert(found), "{} {hidden:?} {way:?}", A::PRECISION);
            }
            assert_ne!(first, Some(hash(&start)), "nothing was learned");
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn training_on_dense_rows_does_not_depend_on_threads_or_instructions() {
    check::<f32>(150, Rows::Dense, &matrix(MatmulBackend::Portable, Isa::available()));
    check::<f64>(150, Rows::Dense, &matrix(MatmulBackend::Portable, Isa::available()));
}

#[test]
fn training_with_openblas_does_not_depend_on_threads() {
    if MatmulBackend::OpenBlas.is_available() {
        for rows in [Rows::Dense, Rows::Sparse] {
            let ways = matrix(MatmulBackend::OpenBlas, std::iter::once(Isa::best()));
            check::<f32>(150, rows, &ways);
            check::<f64>(150, rows, &ways);
        }
    }
}

/// OpenBLAS sums small and large products in different orders, and splitting changes the sizes.
#[test]
fn training_wide_layers_with_openblas_does_not_depend_on_threads() {
    if MatmulBackend::OpenBlas.is_available() {
        let data = Data::<f32>::new(150);
        for hidden in [&[1100][..], &[200, 1100], &[1100, 200]] {
            let start = data.network(hidden, Activation::Logistic);
            let hashes = THREADS.map(|threads| {
                let compute = Compute::default().with_backend(MatmulBackend::OpenBlas).with_threads(threads);
                let mut network = start.clone();
                let mut workspace = workspace(&network, ROWS, compute);
                data.train(&mut network, Rows::Dense, &mut workspace);
                hash(&network)
            });
            assert_eq!(hashes, [hashes[0]; THREADS.len()], "{hidden:?}");
            assert_ne!(hashes[0], hash(&start), "nothing was learned");
        }
    }
}

#[test]
fn dropout_and_smoothing_do_not_depend_on_threads_instructions_or_sparsity() {
    let data = Data::<f32>::new(150);
    for hidden in [&[100][..], &[40, 24], &[]] {
        let start = data.network(hidden, Activation::Relu);
        let mut first = None;
        for rows in [Rows::Sparse, Rows::Dense] {
            for compute in matrix(MatmulBackend::Portable, Isa::available()) {
                let (mut network, mut workspace) = (start.clone(), workspace(&start, 37, compute));
                let (dropout, input_dropout) = (0.3, 0.2);
                let objective = Objective::mean().with_dropout(dropout).with_input_dropout(input_dropout);
                workspace.set_objective(objective.with_label_smoothing(0.1).with_seed(4));
                data.train(&mut network, rows, &mut workspace);
                let (found, step) = (hash(&network), workspace.step());
                assert_eq!(found, *first.get_or_insert(found), "{hidden:?} {rows:?} {compute:?}");
                assert_eq!(step, 9, "forward passes in training");
            }
        }
        let mut plain = start.clone();
        data.train(&mut plain, Rows::Sparse, &mut workspace(&start, 37, own(1)));
        assert_ne!(first, Some(hash(&plain)), "nothing was dropped");
    }
}

/// Trains an epoch on adversarial examples.
fn train_adversarially<A: Scalar>(
    data: &Data<A>,
    network: &mut Mlp<A>,
    rows: Rows,
    workspace: &mut Workspace<A>,
) {
    let mut adversary = Adversary::new(&network.architecture(), workspace.capacity(), 1.5);
    for batch in data.order.chunks(workspace.capacity()) {
        data.step(batch, rows, |x, labels| {
            let x = adversary.perturb(network, x, labels, workspace);
            network.train_step(x, labels, 0.5, workspace);
        });
    }
}

#[test]
fn adversarial_training_does_not_depend_on_threads_instructions_or_sparsity() {
    fn check<A: Scalar>() {
        let data = Data::<A>::new(150);
        for hidden in [&[100][..], &[300], &[40, 24], &[]] {
            let start = data.network(hidden, Activation::Relu);
            let mut first = None;
            for rows in [Rows::Sparse, Rows::Dense] {
                for compute in matrix(MatmulBackend::Portable, Isa::available()) {
                    let (mut network, mut workspace) = (start.clone(), workspace(&start, 37, compute));
                    train_adversarially(&data, &mut network, rows, &mut workspace);
                    let expected = first.get_or_insert_with(|| network.clone());
                    // Values, not hashes: the sign of zeros may differ.
                    assert_eq!(&network, expected, "{hidden:?} {rows:?} {compute:?}");
                }
            }
            let mut plain = start.clone();
            data.train(&mut plain, Rows::Sparse, &mut workspace(&start, 37, own(1)));
            assert_ne!(first, Some(plain), "nothing was moved");
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn adversarial_training_with_openblas_does_not_depend_on_threads() {
    if MatmulBackend::OpenBlas.is_available() {
        let data = Data::<f32>::new(150);
        for hidden in [&[100][..], &[1100], &[200, 1100], &[1100, 200]] {
            for rows in [Rows::Sparse, Rows::Dense] {
                let start = data.network(hidden, Activation::Relu);
                let hashes = THREADS.map(|threads| {
                    let compute =
                        Compute::default().with_backend(MatmulBackend::OpenBlas).with_threads(threads);
                    let mut network = start.clone();
                    let mut workspace = workspace(&network, 137, compute);
                    train_adversarially(&data, &mut network, rows, &mut workspace);
                    hash(&network)
                });
                assert_eq!(hashes, [hashes[0]; THREADS.len()], "{hidden:?} {rows:?}");
                assert_ne!(hashes[0], hash(&start), "nothing was learned");
            }
        }
    }
}

#[test]
fn sparse_and_dense_rows_give_the_same_training() {
    let data = Data::<f32>::new(150);
    let [sparsely, densely] = [Rows::Sparse, Rows::Dense].map(|rows| {
        let mut network = data.network(&[40, 24], Activation::Tanh);
        let mut workspace = workspace(&network, 37, own(2));
        data.train(&mut network, rows, &mut workspace);
        network
    });
    // Values, not hashes: the sign of zeros may differ.
    assert_eq!(sparsely, densely);
}

fn check_activations<A: Scalar>() {
    let data = Data::<A>::new(20);
    for activation in Activation::ALL {
        let mut first = None;
        for isa in Isa::available() {
            let mut network = data.network(&[17], activation);
            let mut workspace = workspace(&network, 37, own(2).with_isa(isa));
            data.train(&mut network, Rows::Sparse, &mut workspace);
            let found = hash(&network);
            assert_eq!(found, *first.get_or_insert(found), "{activation} with {}", isa.name());
        }
    }
}

#[test]
fn activations_do_not_depend_on_instructions() {
    check_activations::<f32>();
    check_activations::<f64>();
}

#[test]
fn training_continues_with_another_number_of_threads() {
    let data = Data::<f32>::new(784);
    for hidden in [&[100][..], &[40, 24], &[]] {
        let start = data.network(hidden, Activation::Logistic);
        let train = |parts: [Compute; 2]| {
            let mut network = start.clone();
            for compute in parts {
                let mut workspace = workspace(&network, 37, compute);
                data.train(&mut network, Rows::Sparse, &mut workspace);
            }
            network
        };
        let expected = train([own(1), own(1)]);
        for (before, after) in [(1, 3), (3, 1), (2, 5), (8, 2)] {
            let found = train([own(before), own(after)]);
            assert_eq!(hash(&found), hash(&expected), "{hidden:?}: {before} threads, then {after}");
            // Equality ignores the memory layout.
            assert_eq!(found, expected, "{hidden:?}: {before} threads, then {after}");
        }
    }
}

#[test]
fn a_clone_trains_like_its_original() {
    let data = Data::<f64>::new(150);
    let mut original = data.network(&[100], Activation::Tanh);
    let mut workspace = workspace(&original, 100, own(3));
    data.train(&mut original, Rows::Sparse, &mut workspace);
    let mut copy = original.clone();
    assert_eq!(copy, original);
    assert_eq!(hash(&copy), hash(&original));
    data.train(&mut original, Rows::Sparse, &mut workspace);
    assert_ne!(copy, original, "the copy changed with the original");
    data.train(&mut copy, Rows::Sparse, &mut workspace);
    assert_eq!(hash(&copy), hash(&original));
}

#[test]
fn weights_can_be_read_and_changed_between_steps() {
    let data = Data::<f32>::new(150);
    let mut network = data.network(&[100], Activation::Tanh);
    let mut workspace = workspace(&network, 100, own(3));
    data.train(&mut network, Rows::Sparse, &mut workspace);
    let (weights, mut changed) = (network.layers()[0].weights(), network.clone());
    assert_eq!(changed.layer_mut(0).0, weights);
    changed.layer_mut(0).0[[149, 99]] += 1.0;
    assert_eq!(changed.layers()[0].weights()[[149, 99]], weights[[149, 99]] + 1.0);
    assert_ne!(changed, network);
    changed.layer_mut(0).0[[149, 99]] = weights[[149, 99]];
    for network in [&mut network, &mut changed] {
        data.train(network, Rows::Sparse, &mut workspace);
    }
    assert_eq!(hash(&changed), hash(&network));
}

#[test]
fn inference_does_not_depend_on_threads() {
    let data = Data::<f32>::new(784);
    for hidden in [&[100][..], &[40, 24], &[]] {
        let mut network = data.network(hidden, Activation::Logistic);
        let mut trained = workspace(&network, 100, own(3));
        data.train(&mut network, Rows::Sparse, &mut trained);
        let logits = |compute| {
            let mut workspace = workspace(&network, ROWS, compute);
            let logits = network.logits(data.sparse(), &mut workspace);
            logits.iter().map(|z| z.to_bits()).collect::<Vec<_>>()
        };
        let expected = logits(own(1));
        assert_eq!(expected.len(), ROWS * CLASSES);
        for compute in matrix(MatmulBackend::Portable, Isa::available()) {
            assert!(logits(compute) == expected, "{hidden:?} {compute:?}");
        }
    }
}
