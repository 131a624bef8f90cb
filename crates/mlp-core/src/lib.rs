//! Multilayer perceptrons on a CPU: a small, exact library whose every gradient is derived by hand ([`gradients`]), written
//! in one file next to its forward pass, and checked against central differences ([`gradcheck`]).
//!
//! A network is an [`Mlp`]; its random beginning is an [`Init`] and a [`RandomStream`]; a step takes a [`Workspace`] that
//! the caller owns and allocates nothing.
//!
//! ```
//! use mlp_core::{Activation, Architecture, Init, Mlp, NativeStream, Reduction, Workspace};
//! use mlp_core::ndarray::array;
//!
//! let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]; // (examples, inputs)
//! let labels = [0, 1, 1, 0]; // XOR
//!
//! let architecture = Architecture { inputs: 2, hidden: vec![8], outputs: 2, activation: Activation::Logistic };
//! let mut network = Mlp::new(&architecture, Init::Normal, &mut NativeStream::new(0))?;
//! let mut workspace = Workspace::new(&architecture, 4);
//!
//! for _ in 0..2000 {
//!     network.train_step(x.view(), &labels, Reduction::Sum, 0.5, &mut workspace);
//! }
//! let logits = network.logits(x.view(), &mut workspace);
//! let guesses: Vec<usize> = logits.rows().into_iter().map(|row| mlp_core::argmax(row.iter().copied())).collect();
//! assert_eq!(guesses, [0, 1, 1, 0]);
//! # Ok::<(), mlp_core::NetworkError>(())
//! ```
//!
//! # Features
//! - `openblas` (default): matrix products on the system's OpenBLAS (`libopenblas-dev`, `openblas-devel`, …). The library
//!   sets it to one thread, once, because OpenBLAS's threads would get in the way of the caller's.
//! - `openblas-static`: the same, built from source and linked in. It takes the place of the default:
//!   `--no-default-features --features openblas-static`.
//! - `serde`: `Serialize` and `Deserialize` for the configuration types.
//!
//! Without the first two dense rows go through this crate's own kernels, as sparse rows always do.

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
mod optimiser;
pub mod oracle;
mod orthonormal;
mod products;
mod random;
mod regularisation;
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
pub use average::MovingAverage;
#[cfg(feature = "safetensors")]
pub use error::SafetensorsError;
pub use error::{NetworkError, SeedTooLarge, UnknownName};
pub use features::{Columns, Features, SparseRows, Values};
pub use init::Init;
pub use kernels::Isa;
pub use layers::{Architecture, Layer};
pub use loss::{Reduction, Score, argmax, softmax};
pub use network::Mlp;
pub use optimiser::{Optimiser, Rule};
pub use products::{Kernels, Products, backend};
pub use random::{NativeStream, NumpyStream, RandomStream, Stream, StreamKind, StreamState};
pub use regularisation::{Objective, Regularisation};
#[cfg(feature = "safetensors")]
pub use safetensors::Tensors;
pub use scalar::{Precision, Scalar};
pub use workspace::{Gradients, Workspace};
