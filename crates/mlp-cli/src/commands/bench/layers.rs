//! `mlp bench --layers`: dense products by the size of a layer, with OpenBLAS and with the built-in
//! kernels of each instruction set.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use mlp_core::{Architecture, Compute, Init, Isa, MatmulBackend, Mlp, NativeStream, RandomStream, Workspace};
use ndarray::Array2;
use serde::Serialize;

use super::machine::Machine;
use super::report::dense_flop;
use crate::output::messages::note;
use crate::output::table::Table;

/// Inputs and units of the layers.
const SIZES: [usize; 6] = [64, 128, 256, 512, 1024, 2048];
const CLASSES: usize = 10;
/// Small enough to leave the network unchanged. BLAS skips the work if it is 0.
const LEARNING_RATE: f64 = 1e-9;

/// The throughput of training steps in f32, on one thread.
#[derive(Debug, Serialize)]
pub(super) struct Layers {
    machine: Machine,
    batch_size: usize,
    kernels: Vec<String>,
    layers: Vec<Layer>,
}

/// A layer with as many units as inputs.
#[derive(Debug, Serialize)]
struct Layer {
    size: usize,
    /// The median for each kernel.
    gflops: Vec<f64>,
}

/// Measures each size for about `time` per kernel.
pub(super) fn measure(batch_size: usize, time: Duration) -> Layers {
    let kernels = kernels();
    let layer = |size| {
        note(&format!("bench: layers of {size} units"));
        let gflops = kernels.iter().map(|&(_, compute)| gflops(size, batch_size, compute, time)).collect();
        Layer { size, gflops }
    };
    Layers {
        machine: Machine::this(),
        batch_size,
        layers: SIZES.into_iter().map(layer).collect(),
        kernels: kernels.iter().map(|(name, _)| name.clone()).collect(),
    }
}

/// OpenBLAS, and the built-in kernels except plain loops.
fn kernels() -> Vec<(String, Compute)> {
    let name = |core| format!("openblas {core}");
    let blas = mlp_core::openblas_core().map(|core| (name(core), MatmulBackend::OpenBlas, Isa::best()));
    let sets = Isa::available().filter(|isa| !isa.is_generic() || *isa == Isa::best());
    let own = sets.map(|isa| (format!("portable {}", isa.name()), MatmulBackend::Portable, isa));
    let compute = |backend, isa| Compute::default().with_backend(backend).with_isa(isa);
    blas.into_iter().chain(own).map(|(name, backend, isa)| (name, compute(backend, isa))).collect()
}

/// GFLOP/s of training steps of a layer with dense inputs, and a small output layer.
fn gflops(size: usize, batch_size: usize, compute: Compute, time: Duration) -> f64 {
    let architecture = Architecture::new(size, &[size], CLASSES);
    let mut stream = NativeStream::new(0);
    let mut network: Mlp<f32> = Mlp::new(&architecture, Init::Xavier, &mut stream).expect("sizes from 1");
    let mut workspace = Workspace::with_compute(&architecture, batch_size, compute);
    let x = Array2::from_shape_simple_fn((batch_size, size), || stream.uniform() as f32);
    let labels: Vec<u8> = (0..batch_size).map(|example| (example % CLASSES) as u8).collect();
    let mut step = || {
        let start = Instant::now();
        black_box(network.train_step(x.view(), &labels, LEARNING_RATE, &mut workspace));
        start.elapsed()
    };
    let (first, start) = (step(), Instant::now());
    let mut times = vec![first];
    while start.elapsed() < time {
        times.push(step());
    }
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    dense_flop(&architecture, batch_size) / median.as_secs_f64() / 1e9
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, batch_size, kernels, layers } = self;
        writeln!(f, "{}, one thread, batches of {batch_size}, f32, GFLOP/s\n", machine.cpu)?;
        let header = ["layer"].into_iter().chain(kernels.iter().map(String::as_str));
        let mut table = Table::of(header);
        for Layer { size, gflops } in layers {
            let name = format!("{size}x{size}");
            table.row([name].into_iter().chain(gflops.iter().map(|gflops| format!("{gflops:.1}"))));
        }
        write!(f, "{table}")
    }
}
