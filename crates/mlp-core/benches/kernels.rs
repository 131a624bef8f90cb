//! Micro-benchmarks of products with sparse and dense rows and of element-wise work, through the
//! public API, for many layer and batch sizes. `cargo bench -p mlp-core` takes less than three
//! minutes.
//!
//! The throughput counts multiply-adds, or numbers for element-wise work. Look for sizes where it
//! drops. `mlp bench` and `cargo xtask bench` time whole epochs.

use std::fmt;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mlp_core::ndarray::Array2;
use mlp_core::{
    Activation, Architecture, Compute, CsrMatrix, Features, Init, MatmulBackend, Mlp, NativeStream,
    RandomStream, Values, Workspace,
};

fn main() {
    // About 270 benchmarks. Shorter times would mostly measure thread scheduling.
    let (min, max) = (Duration::from_millis(150), Duration::from_millis(350));
    divan::Divan::default().min_time(min).max_time(max).config_with_args().main();
}

/// Sizes of the hidden layer with [`BATCH`] examples, and of the batch with [`HIDDEN`] units.
const HIDDEN_SIZES: [usize; 8] = [10, 32, 100, 128, 300, 512, 1000, 2048];
const BATCH_SIZES: [usize; 8] = [1, 4, 16, 64, 100, 256, 1000, 4096];
const BATCH: usize = 100;
const HIDDEN: usize = 100;
const INPUTS: usize = 784;
const CLASSES: usize = 10;
const THREADS: [usize; 2] = [1, 2];
/// The fraction of nonzero pixels in MNIST.
const DENSITY: f64 = 0.19;
/// Small enough to leave the networks unchanged; BLAS skips the work if it is 0.
const LEARNING_RATE: f64 = 1e-9;

/// The forward pass, without labels.
#[divan::bench_group]
mod forward {
    use super::*;

    #[divan::bench(args = Case::of_hidden_sizes())]
    fn hidden_sizes(bencher: Bencher<'_, '_>, case: Case) {
        case.forward(bencher);
    }

    #[divan::bench(args = Case::of_batch_sizes())]
    fn batch_sizes(bencher: Bencher<'_, '_>, case: Case) {
        case.forward(bencher);
    }
}

/// A whole training step.
#[divan::bench_group]
mod step {
    use super::*;

    #[divan::bench(args = Case::of_hidden_sizes())]
    fn hidden_sizes(bencher: Bencher<'_, '_>, case: Case) {
        case.step(bencher);
    }

    #[divan::bench(args = Case::of_batch_sizes())]
    fn batch_sizes(bencher: Bencher<'_, '_>, case: Case) {
        case.step(bencher);
    }
}

/// Element-wise work, on one thread, in networks with minimal products.
#[divan::bench_group]
mod element_wise {
    use super::*;

    /// The same layer with each activation.
    #[divan::bench(args = Activation::ALL)]
    fn activations(bencher: Bencher<'_, '_>, activation: Activation) {
        let (network, mut workspace) = network(1, &[1024], 1, activation, Compute::default(), BATCH);
        let x = uniform(BATCH, 1);
        bencher
            .counter(ItemsCount::new(BATCH * 1024))
            .bench_local(|| black_box(network.logits(x.view(), &mut workspace))[[0, 0]]);
    }

    /// Logits, softmax and loss by number of classes.
    #[divan::bench(args = [2, 10, 26, 47, 62, 200])]
    fn softmax_and_loss(bencher: Bencher<'_, '_>, classes: usize) {
        let (network, mut workspace) =
            network(1, &[], classes, Activation::Logistic, Compute::default(), BATCH);
        let (x, labels) = (uniform(BATCH, 1), labels(BATCH, classes));
        bencher
            .counter(ItemsCount::new(BATCH * classes))
            .bench_local(|| black_box(network.score(x.view(), &labels, &mut workspace)));
    }
}

/// The form of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    Csr,
    Dense,
}

/// A network with one hidden layer, and its batch.
#[derive(Clone, Copy)]
struct Case {
    rows: Rows,
    backend: MatmulBackend,
    threads: usize,
    hidden: usize,
    batch: usize,
}

/// The name in tables and filters.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, backend, threads, hidden, batch } = self;
        let rows = if *rows == Rows::Csr { "csr" } else { "dense" };
        write!(f, "{rows} {}, t{threads}, {INPUTS}-{hidden}-{CLASSES}, batch {batch}", backend.name())
    }
}

impl Case {
    fn of_hidden_sizes() -> Vec<Self> {
        Self::all(|case| HIDDEN_SIZES.map(|hidden| Self { hidden, ..case }))
    }

    fn of_batch_sizes() -> Vec<Self> {
        Self::all(|case| BATCH_SIZES.map(|batch| Self { batch, ..case }))
    }

    /// All combinations of rows, available backends, threads and sizes.
    fn all<const N: usize>(sizes: impl Fn(Self) -> [Self; N]) -> Vec<Self> {
        let backends = MatmulBackend::ALL.into_iter().filter(|backend| backend.is_available());
        backends
            .flat_map(|backend| [Rows::Csr, Rows::Dense].map(|rows| (rows, backend)))
            .flat_map(|(rows, backend)| {
                THREADS.map(|threads| Self { rows, backend, threads, hidden: HIDDEN, batch: BATCH })
            })
            .flat_map(sizes)
            .collect()
    }

    fn forward(self, bencher: Bencher<'_, '_>) {
        let (network, mut workspace) = self.network();
        let data = Data::random(self.rows, self.batch);
        let x = data.features();
        bencher
            .counter(self.multiply_adds(&data, 1, 1))
            .bench_local(|| black_box(network.logits(x, &mut workspace))[[0, 0]]);
    }

    fn step(self, bencher: Bencher<'_, '_>) {
        let (mut network, mut workspace) = self.network();
        let (data, labels) = (Data::random(self.rows, self.batch), labels(self.batch, CLASSES));
        let x = data.features();
        // The hidden layer: Z and the gradient of W. The output layer: also that of H.
        bencher
            .counter(self.multiply_adds(&data, 2, 3))
            .bench_local(|| black_box(network.train_step(x, &labels, LEARNING_RATE, &mut workspace)));
    }

    fn network(self) -> (Mlp<f32>, Workspace<f32>) {
        let compute = Compute::default().with_backend(self.backend).with_threads(self.threads);
        network(INPUTS, &[self.hidden], CLASSES, Activation::Logistic, compute, self.batch)
    }

    /// Multiply-adds, given the number of products per layer. Sparse rows skip zeros.
    fn multiply_adds(self, data: &Data, of_hidden: usize, of_output: usize) -> ItemsCount {
        let inputs = match data.features() {
            Features::Dense(x) => x.len(),
            Features::Sparse(x) => x.non_zeros(),
        };
        ItemsCount::new(self.hidden * (of_hidden * inputs + of_output * self.batch * CLASSES))
    }
}

/// The examples of a batch.
enum Data {
    Dense(Array2<f32>),
    Sparse { offsets: Vec<usize>, columns: Vec<u16>, bytes: Vec<u8>, levels: Box<[f32; 256]> },
}

impl Data {
    fn random(rows: Rows, batch: usize) -> Self {
        if rows == Rows::Dense {
            return Self::Dense(uniform(batch, INPUTS));
        }
        let mut stream = NativeStream::new(2);
        let (mut offsets, mut columns, mut bytes) = (vec![0], Vec::new(), Vec::new());
        for _ in 0..batch {
            for column in 0..INPUTS as u16 {
                if stream.uniform() < DENSITY {
                    columns.push(column);
                    bytes.push(1 + (255.0 * stream.uniform()) as u8);
                }
            }
            offsets.push(columns.len());
        }
        let levels = Box::new(std::array::from_fn(|byte| byte as f32 / 255.0));
        Self::Sparse { offsets, columns, bytes, levels }
    }

    fn features(&self) -> Features<'_, f32> {
        match self {
            Self::Dense(x) => x.view().into(),
            Self::Sparse { offsets, columns, bytes, levels } => {
                CsrMatrix::new(INPUTS, offsets, columns.as_slice(), Values::Bytes { bytes, levels }).into()
            }
        }
    }
}

fn network(
    inputs: usize,
    hidden: &[usize],
    outputs: usize,
    activation: Activation,
    compute: Compute,
    batch: usize,
) -> (Mlp<f32>, Workspace<f32>) {
    let architecture = Architecture::new(inputs, hidden, outputs).with_activation(activation);
    let network = Mlp::new(&architecture, Init::Xavier, &mut NativeStream::new(0)).expect("sizes from 1");
    (network, Workspace::with_compute(&architecture, batch, compute))
}

/// Uniform random numbers (rows, columns).
fn uniform(rows: usize, columns: usize) -> Array2<f32> {
    let mut stream = NativeStream::new(1);
    Array2::from_shape_simple_fn((rows, columns), || stream.uniform() as f32)
}

fn labels(batch: usize, classes: usize) -> Vec<u8> {
    (0..batch).map(|example| (example % classes) as u8).collect()
}
