//! Optimizers: kinds (`kind.rs`), steps (`optimizer.rs`), moving average of the weights (`ema.rs`).
//! `descent.rs` is gradient descent on a function of one variable.

pub mod descent;
pub(crate) mod ema;
pub(crate) mod kind;
pub(crate) mod optimizer;
