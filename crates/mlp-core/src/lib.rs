//! Small, exact and fast multilayer perceptrons for CPUs. All gradients are derived by hand
//! ([`gradients`]), written next to the forward pass, and checked against central differences
//! ([`gradcheck`]).
//!
//! The crate takes and returns arrays. It knows nothing about datasets, files, clocks or terminals:
//! the training loop, evaluation and model files are in `mlp-train`, and the program is `mlp`.
//!
//! # Train XOR
//!
//! An [`Mlp`] is a network. [`Init`] and a [`RandomStream`] set its initial parameters. Training
//! steps use the buffers of a [`Workspace`], so they allocate nothing. The [`prelude`] exports what
//! most programs need.
//!
//! ```
//! use mlp_core::ndarray::array;
//! use mlp_core::prelude::*;
//!
//! let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]; // (examples, inputs)
//! let labels = [0, 1, 1, 0];
//!
//! let architecture = Architecture::new(2, &[8], 2);
//! let mut network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
//! let mut workspace = Workspace::new(&architecture, 4);
//!
//! for _ in 0..2000 {
//!     network.train_step(x.view(), &labels, 0.5, &mut workspace);
//! }
//!
//! let logits = network.logits(x.view(), &mut workspace);
//! let rows = logits.rows().into_iter();
//! let predictions: Vec<usize> = rows.map(|row| argmax(row.iter().copied())).collect();
//! assert_eq!(predictions, [0, 1, 1, 0]);
//! # Ok::<(), NetworkError>(())
//! ```
//!
//! # Load a model and classify
//!
//! With the feature `safetensors`, `Mlp::from_safetensors` and `Mlp::to_safetensors` read and write
//! networks with the tensor names and shapes of PyTorch's `nn.Sequential`. `Tensors` reads files
//! written by PyTorch. `mlp export` converts a model trained by `mlp train`.
//!
//! ```
//! # #[cfg(feature = "safetensors")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mlp_core::ndarray::array;
//! use mlp_core::prelude::*;
//!
//! # // XOR: h = relu(x1 + x2 - (0, 1)), logits (1/2, h1 - 2 h2).
//! # let hidden = Layer::new(array![[1.0_f32, 1.0], [1.0, 1.0]], array![0.0, -1.0]);
//! # let output = Layer::new(array![[0.0, 1.0], [0.0, -2.0]], array![0.5, 0.0]);
//! # let bytes = Mlp::from_layers(vec![hidden, output], Activation::Relu)?.to_safetensors(&[]);
//! // let bytes = std::fs::read("xor.safetensors")?;
//! let network = Mlp::<f32>::from_safetensors(&bytes)?;
//! let x = array![[0.0, 1.0], [1.0, 1.0]]; // (examples, inputs)
//! let mut workspace = Workspace::new(&network.architecture(), x.nrows());
//! let probabilities = network.probabilities(x.view(), &mut workspace); // (examples, classes)
//! let rows = probabilities.rows().into_iter();
//! let classes: Vec<usize> = rows.map(|row| argmax(row.iter().copied())).collect();
//! assert_eq!(classes, [1, 0]);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "safetensors"))]
//! # fn main() {}
//! ```
//!
//! # What to read next
//!
//! | to | read |
//! |---|---|
//! | see where the gradients come from | [`gradients`], [`oracle`] (plain loops), `src/passes.rs` |
//! | train with momentum, Adam, weight decay, clipping | [`Optimizer`], [`OptimizerKind`], [`Ema`] |
//! | choose the loss, dropout, label smoothing | [`Objective`], [`Workspace::set_objective`] |
//! | use the gradients yourself | [`Mlp::forward`], [`Mlp::backward`], [`Gradients`], [`Mlp::descend`] |
//! | check our gradients or yours | [`gradcheck::gradcheck`], [`gradcheck::check_gradients`] |
//! | train on adversarial examples | [`Adversary`] |
//! | sum gradients over parts of a batch | [`Workspace::set_shards`] |
//! | train on sparse rows or several threads | [`CsrMatrix`], [`Compute`], [`Workspace::with_compute`] |
//! | inspect a pass | [`Layer`], [`Workspace::activations`], [`Workspace::deltas`] |
//! | reproduce NumPy's random numbers | [`NumpyStream`] |
//! | watch gradient descent in one dimension | [`descent`] |
//!
//! `examples/` contains `xor`, `gradcheck` and `spiral`, which you run with
//! `cargo run -p mlp-core --example spiral`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `openblas` | yes | dense products by the system's OpenBLAS, set to one thread |
//! | `openblas-static` | | the same, built from source (use with `--no-default-features`) |
//! | `safetensors` | | reading and writing networks |
//! | `serde` | | `Serialize` and `Deserialize` for the configuration types |
//!
//! Products with sparse rows always use this crate's kernels. So do dense products in a build
//! without OpenBLAS or with [`MatmulBackend::Portable`]; such a build needs no C or Fortran
//! compiler.
//!
//! # Speed and accuracy
//!
//! An epoch of MNIST (60,000 images, 784-100-10, batches of 100, `f32`) takes 0.074 s on two cores
//! of an AMD EPYC (Zen 4) with sparse rows, compared with 0.350 s in eager PyTorch and 0.324 s in
//! NumPy. `mlp bench` measures your machine.
//!
//! All gradients agree with central differences in `f64` to a relative error below 10⁻⁷. The same
//! seed gives the same network: no result depends on the number of threads, and with
//! [`MatmulBackend::Portable`] none depends on the processor ([`Isa`]). OpenBLAS may round
//! differently on another processor. The loss is computed from the logits and is finite for any
//! finite logits.
// Not `forbid`: the kernels, the thread pool and the BLAS boundary allow it.
#![deny(unsafe_code)]

#[cfg(feature = "_blas")]
extern crate blas_src as _;

mod activation;
mod architecture;
pub mod gradcheck;
mod inputs;
mod instances;
#[allow(unsafe_code)]
mod kernels;
mod layer;
mod linalg;
mod loss;
mod names;
mod network;
mod objective;
mod ops;
mod optim;
pub mod oracle;
#[allow(unsafe_code)]
mod parallel;
mod passes;
pub mod prelude;
mod random;
#[cfg(feature = "safetensors")]
mod safetensors;
mod scalar;
mod shards;
mod workspace;

#[doc = include_str!("../docs/gradients.md")]
pub mod gradients {}

/// The array library used in this crate's public API.
pub use ndarray;

pub use activation::Activation;
pub use architecture::{Architecture, NetworkError};
pub use inputs::Adversary;
pub use kernels::{Isa, Real};
pub use layer::{Gradients, Layer, parameter_names};
pub use linalg::blas::{faster_openblas_core, one_blas_thread, openblas_core};
pub use linalg::csr::{Columns, CsrMatrix, Features, Values};
pub use linalg::qr::orthonormal_factor;
pub use loss::{Reduction, Score, argmax, softmax};
pub use names::UnknownName;
pub use network::Mlp;
pub use objective::Objective;
pub use ops::compute::{Compute, MatmulBackend};
pub use optim::descent;
pub use optim::ema::Ema;
pub use optim::kind::OptimizerKind;
pub use optim::optimizer::Optimizer;
pub use random::init::Init;
pub use random::{NativeStream, NumpyStream, RandomStream, SeedTooLarge, Stream, StreamKind, StreamState};
#[cfg(feature = "safetensors")]
pub use safetensors::{SafetensorsError, Tensors, f16_to_f64};
pub use scalar::{Precision, Scalar};
pub use shards::{Peers, Shards, add_nodes};
pub use workspace::Workspace;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
