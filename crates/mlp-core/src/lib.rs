//! Multilayer perceptrons on a CPU: a small, exact library whose every gradient is derived by hand ([`gradients`]), written
//! in one file next to its forward pass, and checked against central differences ([`gradcheck`]).
//!
//! It knows no dataset, no path, no clock and no terminal: arrays go in, arrays come out. The whole loop, with mini-batches, evaluation and
//! model files, is in `mlp-train`; the program is `mlp`.
//!
//! # Train XOR
//!
//! A network is an [`Mlp`]; its random beginning is an [`Init`] and a [`RandomStream`]; a step takes a [`Workspace`] that the caller owns, and
//! allocates nothing. What nearly every program needs is in the [`prelude`].
//!
//! ```
//! use mlp_core::ndarray::array;
//! use mlp_core::prelude::*;
//!
//! let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]; // (examples, inputs)
//! let labels = [0, 1, 1, 0];
//!
//! let architecture = Architecture { inputs: 2, hidden: vec![8], outputs: 2, activation: Activation::Logistic };
//! let mut network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
//! let mut workspace = Workspace::new(&architecture, 4);
//!
//! for _ in 0..2000 {
//!     network.train_step(x.view(), &labels, Reduction::Sum, 0.5, &mut workspace);
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
//! With the feature `safetensors` a network is read from bytes and written into bytes, in names and shapes those of PyTorch's
//! `nn.Sequential`: `Mlp::from_safetensors`, `Mlp::to_safetensors`, and `Tensors` for files that PyTorch has written. `mlp export` writes such a
//! file of a model that `mlp train` has trained.
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
//! | see how the gradients come about | [`gradients`], the derivation; `src/network.rs`, where each statement cites its equation |
//! | train with momentum, Adam, decay, clipping | [`Optimizer`] and [`Rule`]; [`Ema`] of the weights |
//! | add dropout or label smoothing | [`Regularization`], [`Workspace::regularize`] |
//! | take the gradients yourself | [`Mlp::forward`], [`Mlp::backward`], [`Gradients`], [`Mlp::descend`] |
//! | check gradients, ours or your own | [`gradcheck::gradcheck`], [`gradcheck::check_gradients`] |
//! | compare with plain loops | [`oracle`] |
//! | feed sparse rows, or use several threads | [`CsrMatrix`]; [`Compute`], [`Workspace::with_compute`] |
//! | look inside | [`Layer`], [`Workspace::activations`], [`Workspace::deltas`] |
//! | have NumPy's random numbers | [`NumpyStream`] |
//! | watch gradient descent itself | [`descent`] |
//!
//! The directory `examples/` has `xor`, `gradcheck` and `spiral`, each of one page: `cargo run -p mlp-core --example spiral`.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `openblas` | yes | matrix products on the system's OpenBLAS (`libopenblas-dev`, `openblas-devel`, …). The library sets it to one thread, once, because OpenBLAS's threads would get in the way of the caller's |
//! | `openblas-static` | | the same, built from source and linked in. It takes the place of the default: `--no-default-features --features openblas-static` |
//! | `safetensors` | | networks from bytes and into bytes |
//! | `serde` | | `Serialize` and `Deserialize` for the configuration types |
//!
//! Without the first two dense rows go through this crate's own kernels, as sparse rows always do: no C compiler, no Fortran, no library to install.
//!
//! # How fast, how exact
//!
//! An epoch of MNIST (60,000 images, 784-100-10, batches of 100, `f32`) takes 0.064 s on two cores of an AMD EPYC (Zen 4), the sparse rows being multiplied as such; eager
//! PyTorch takes 0.348 s there, and NumPy 0.326 s. `mlp bench` measures your machine.
//!
//! Every gradient agrees with central differences in `f64` to a relative error below 10⁻⁷, at every depth and with every activation, and with the plain loops
//! of [`oracle`] to the rounding of their sums. The same seed gives the same network: random numbers are a function of seed and position, and in this crate's own kernels
//! the bits of a result depend neither on the number of threads nor on the instructions of the processor ([`Isa`]). OpenBLAS may round
//! otherwise on another processor. The loss is computed from the logits and is finite for any finite logits. A step allocates
//! nothing; a test counts.
// `deny`, not `forbid`: the kernels need it, the BLAS boundary has one call, and ndarray's `s!` has an inner `allow`.
#![deny(unsafe_code)]

#[cfg(feature = "_blas")]
extern crate blas_src as _;

mod activation;
mod average;
#[cfg_attr(any(feature = "openblas", feature = "openblas-static"), allow(unsafe_code))]
mod blas;
pub mod descent;
mod error;
mod features;
pub mod gradcheck;
mod init;
#[allow(unsafe_code)]
mod kernels;
mod layers;
mod loss;
mod matrix;
mod names;
mod network;
mod optimizer;
pub mod oracle;
mod orthonormal;
pub mod prelude;
mod products;
mod random;
mod regularization;
#[cfg(feature = "safetensors")]
mod safetensors;
mod scalar;
mod step;
mod workspace;

#[doc = include_str!("../docs/gradients.md")]
pub mod gradients {}

/// The array library in whose types this crate speaks.
pub use ndarray;

pub use activation::Activation;
pub use average::Ema;
#[cfg(feature = "safetensors")]
pub use error::SafetensorsError;
pub use error::{NetworkError, SeedTooLarge, UnknownName};
pub use features::{Columns, CsrMatrix, Features, Values};
pub use init::Init;
pub use kernels::Isa;
pub use layers::{Architecture, Layer};
pub use loss::{Reduction, Score, argmax, softmax};
pub use network::Mlp;
pub use optimizer::{Optimizer, Rule};
pub use products::{Compute, MatmulBackend, backend};
pub use random::{NativeStream, NumpyStream, RandomStream, Stream, StreamKind, StreamState};
pub use regularization::{Objective, Regularization};
#[cfg(feature = "safetensors")]
pub use safetensors::Tensors;
pub use scalar::{Precision, Scalar};
pub use workspace::{Gradients, Workspace};
