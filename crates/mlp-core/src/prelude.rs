//! The types most programs need: `use mlp_core::prelude::*;`.
//!
//! ```
//! use mlp_core::prelude::*;
//!
//! let architecture = Architecture::new(2, &[8], 2);
//! let network = Mlp::<f64>::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
//! assert_eq!(network.architecture().parameters(), 42);
//! # Ok::<(), NetworkError>(())
//! ```

#[cfg(feature = "safetensors")]
pub use crate::Tensors;
pub use crate::{
    Activation, Adversary, Architecture, Ema, Gradients, Init, Layer, Mlp, NativeStream, NetworkError,
    Objective, Optimizer, OptimizerKind, Precision, RandomStream, Reduction, Scalar, Score, Workspace,
    argmax,
};
