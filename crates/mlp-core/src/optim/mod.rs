//! Optimizers: their formulas (`kind.rs`), their state and their steps (`optimizer.rs`), the moving average of the weights
//! (`ema.rs`), and gradient descent on a function of one variable (`descent.rs`).

pub mod descent;
pub(crate) mod ema;
pub(crate) mod kind;
pub(crate) mod optimizer;
