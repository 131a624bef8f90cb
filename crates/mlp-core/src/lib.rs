//! Multilayer perceptrons on CPUs: small, exact, fast. Every gradient is derived by hand ([`gradients`]), written next to its
//! forward pass, and checked against central differences ([`gradcheck`]).
//!
//! The crate knows no datasets, paths, clocks or terminals: arrays go in, arrays come out. The training loop, with mini-batches,
//! evaluation and model files, is in `mlp-train`; the program is `mlp`.
//!
//! # Train XOR
//!
//! A network is an [`Mlp`]. Its first parameters come from an [`Init`] and a [`RandomStream`]; its steps run in a [`Workspace`] that
//! the caller owns, and allocate nothing. The [`prelude`] has what most programs need.
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
//! let predictions: Vec<usize> = logits.rows().into_iter().map(|row| argmax(row.iter().copied())).collect();
//! assert_eq!(predictions, [0, 1, 1, 0]);
//! # Ok::<(), NetworkError>(())
//! ```
//!
//! # Load a model and classify
//!
//! With the feature `safetensors`, networks are read from and written to bytes with the names and shapes of PyTorch's
//! `nn.Sequential`: `Mlp::from_safetensors`, `Mlp::to_safetensors`, and `Tensors` for files that PyTorch has written. `mlp export`
//! writes such a file from a model that `mlp train` has trained.
//!
//! ```
//! # #[cfg(feature = "safetensors")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mlp_core::ndarray::array;
//! use mlp_core::prelude::*;
//!
//! # // h = relu(x1 + x2 - (0, 1)); the second logit is h1 - 2 h2 and the first a half: exclusive or.
//! # let hidden = Layer::new(array![[1.0_f32, 1.0], [1.0, 1.0]], array![0.0, -1.0]);
//! # let output = Layer::new(array![[0.0, 1.0], [0.0, -2.0]], array![0.5, 0.0]);
//! # let bytes = Mlp::from_layers(vec![hidden, output], Activation::Relu)?.to_safetensors(&[]);
//! // let bytes = std::fs::read("xor.safetensors")?;
//! let network = Mlp::<f32>::from_safetensors(&bytes)?;
//! let x = array![[0.0, 1.0], [1.0, 1.0]]; // (examples, inputs)
//! let mut workspace = Workspace::new(&network.architecture(), x.nrows());
//! let probabilities = network.probabilities(x.view(), &mut workspace); // (examples, classes)
//! let classes: Vec<usize> = probabilities.rows().into_iter().map(|row| argmax(row.iter().copied())).collect();
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
//! | see where the gradients come from | [`gradients`], the derivation; [`oracle`], the equations as plain loops; `src/passes.rs`, the passes |
//! | train with momentum, Adam, weight decay, clipping | [`Optimizer`] and [`OptimizerKind`]; [`Ema`], the average of the weights |
//! | choose the loss, dropout, label smoothing | [`Objective`], [`Workspace::set_objective`] |
//! | use the gradients yourself | [`Mlp::forward`], [`Mlp::backward`], [`Gradients`], [`Mlp::descend`] |
//! | check gradients, ours or your own | [`gradcheck::gradcheck`], [`gradcheck::check_gradients`] |
//! | train on sparse rows, or on several threads | [`CsrMatrix`]; [`Compute`], [`Workspace::with_compute`] |
//! | look inside | [`Layer`], [`Workspace::activations`], [`Workspace::deltas`] |
//! | draw NumPy's random numbers | [`NumpyStream`] |
//! | watch gradient descent itself | [`descent`] |
//!
//! The directory `examples/` has `xor`, `gradcheck` and `spiral`, one page each: `cargo run -p mlp-core --example spiral`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `openblas` | yes | dense products by the system's OpenBLAS (`libopenblas-dev`, `openblas-devel`, …). The library sets OpenBLAS to one thread, once, because its threads would compete with the caller's |
//! | `openblas-static` | | the same, built from source and linked statically: `--no-default-features --features openblas-static` |
//! | `safetensors` | | networks from and to bytes |
//! | `serde` | | `Serialize` and `Deserialize` for the configuration types |
//!
//! Products with sparse rows always use this crate's own kernels (BLAS has none). Without OpenBLAS, or with
//! [`MatmulBackend::Portable`], dense products do, too: no C compiler, no Fortran, no library to install.
//!
//! # How fast, how exact
//!
//! An epoch of MNIST (60,000 images, 784-100-10, batches of 100, `f32`) takes 0.064 s on two cores of an AMD EPYC (Zen 4) with sparse
//! rows; eager PyTorch takes 0.348 s there, and NumPy 0.326 s. `mlp bench` measures your machine.
//!
//! Every gradient agrees with central differences in `f64` to a relative error below 10⁻⁷, at every depth and with every activation,
//! and with the plain loops of [`oracle`] to the rounding of their sums. The same seed gives the same network: random numbers
//! are a function of seed and position, no result depends on the number of threads, and with [`MatmulBackend::Portable`] none
//! depends on the processor ([`Isa`]); OpenBLAS may round differently on another one. The loss is computed from the logits and
//! is finite for any finite logits. A step allocates nothing; a test counts.
// `deny`, not `forbid`: the kernels need it, the BLAS boundary has one call, and ndarray's `s!` has an inner `allow`.
#![deny(unsafe_code)]

#[cfg(feature = "_blas")]
extern crate blas_src as _;

mod activation;
mod architecture;
pub mod gradcheck;
#[allow(unsafe_code)]
mod kernels;
mod layer;
#[cfg(feature = "safetensors")]
mod layer_order;
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
mod workspace;

#[doc = include_str!("../docs/gradients.md")]
pub mod gradients {}

/// The array library in whose types this crate speaks.
pub use ndarray;

pub use activation::Activation;
pub use architecture::{Architecture, NetworkError};
pub use kernels::{Isa, Real};
pub use layer::{Gradients, Layer, parameter_names};
pub use linalg::blas::{faster_openblas_core, openblas_core};
pub use linalg::csr::{Columns, CsrMatrix, Features, Values};
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
pub use workspace::Workspace;
