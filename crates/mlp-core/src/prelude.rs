//! What nearly every program needs: `use mlp_core::prelude::*;`.
//!
//! ```
//! use mlp_core::prelude::*;
//!
//! let architecture = Architecture { inputs: 2, hidden: vec![8], outputs: 2, activation: Activation::Tanh };
//! let network = Mlp::<f64>::new(&architecture, Init::Xavier, &mut NativeStream::new(0))?;
//! assert_eq!(network.architecture().parameters(), 42);
//! # Ok::<(), NetworkError>(())
//! ```

#[cfg(feature = "safetensors")]
pub use crate::Tensors;
pub use crate::{
    Activation, Architecture, Gradients, Init, Layer, Mlp, NativeStream, NetworkError, Optimizer, Precision,
    RandomStream, Reduction, Rule, Scalar, Score, Workspace, argmax,
};
