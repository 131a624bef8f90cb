//! Micro-benchmarks of the kernels, through the public API: products with sparse and dense rows from the narrowest layer to the widest
//! and from one example to thousands, and the element-wise work. `cargo bench -p mlp-core` runs them in less than three minutes.
//!
//! What to look at is the throughput, down a column of sizes: a cliff in it is a size that a kernel does badly. It is in multiply-adds a
//! second, two operations each, or in numbers a second where nothing is multiplied. Whole epochs on real data, and other
//! programs, are the business of `mlp bench` and `cargo xtask bench`.

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
    // About 270 benchmarks. Shorter ones would measure how threads come to their cores; the command line overrides both times.
    let (least, most) = (Duration::from_millis(150), Duration::from_millis(350));
    divan::Divan::default().min_time(least).max_time(most).config_with_args().main();
}

/// The sizes that are measured: of the hidden layer, in batches of [`BATCH`]; and of the batch, with [`HIDDEN`] hidden units.
const HIDDEN_SIZES: [usize; 8] = [10, 32, 100, 128, 300, 512, 1000, 2048];
const BATCH_SIZES: [usize; 8] = [1, 4, 16, 64, 100, 256, 1000, 4096];
const BATCH: usize = 100;
const HIDDEN: usize = 100;
const INPUTS: usize = 784;
const CLASSES: usize = 10;
const THREADS: [usize; 2] = [1, 2];
/// The share of MNIST's pixels that are not zero.
const DENSITY: f64 = 0.19;
/// So small that the networks stay as they are. It is not 0, for which BLAS does nothing.
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

/// A whole step of training.
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

/// What is done with each number, on one thread, in networks whose products are as small as they can be.
#[divan::bench_group]
mod element_wise {
    use super::*;

    /// The same layer with each activation: what one takes beyond the ReLU is its own.
    #[divan::bench(args = Activation::ALL)]
    fn activations(bencher: Bencher<'_, '_>, activation: Activation) {
        let (network, mut workspace) = network(1, &[1024], 1, activation, Compute::default(), BATCH);
        let x = uniform(BATCH, 1);
        bencher
            .counter(ItemsCount::new(BATCH * 1024))
            .bench_local(|| black_box(network.logits(x.view(), &mut workspace))[[0, 0]]);
    }

    /// Logits, softmax and loss of so many classes.
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

/// The rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    Csr,
    Dense,
}

/// A network of one hidden layer and its batch.
#[derive(Clone, Copy)]
struct Case {
    rows: Rows,
    /// Who multiplies dense matrices.
    backend: MatmulBackend,
    threads: usize,
    hidden: usize,
    batch: usize,
}

/// As the tables name it, and filters on the command line.
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

    /// Both kinds of rows with each backend of this build, on each number of threads.
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
        // Of the hidden layer Z and the gradient of W, of the output layer also that of H.
        bencher
            .counter(self.multiply_adds(&data, 2, 3))
            .bench_local(|| black_box(network.train_step(x, &labels, LEARNING_RATE, &mut workspace)));
    }

    fn network(self) -> (Mlp<f32>, Workspace<f32>) {
        let kernels = Compute::default().with_backend(self.backend).with_threads(self.threads);
        network(INPUTS, &[self.hidden], CLASSES, Activation::Logistic, kernels, self.batch)
    }

    /// Those that are done in so many products of each layer: with zeros, sparse rows do none.
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
    kernels: Compute,
    batch: usize,
) -> (Mlp<f32>, Workspace<f32>) {
    let architecture = Architecture::new(inputs, hidden, outputs).with_activation(activation);
    let network = Mlp::new(&architecture, Init::Xavier, &mut NativeStream::new(0)).expect("sizes from 1");
    (network, Workspace::with_compute(&architecture, batch, kernels))
}

/// Numbers from 0 to 1, (rows, columns).
fn uniform(rows: usize, columns: usize) -> Array2<f32> {
    let mut stream = NativeStream::new(1);
    Array2::from_shape_simple_fn((rows, columns), || stream.uniform() as f32)
}

fn labels(batch: usize, classes: usize) -> Vec<u8> {
    (0..batch).map(|example| (example % classes) as u8).collect()
}
