//! Explains one example: every quantity of the forward and the backward pass, gradients checked by
//! central differences, and the effect of a step of gradient descent.
//!
//! ```text
//! passes, differences ──▶ explanation     numbers and formulas
//! words ──▶ terminal, html                their presentation, which knows nothing about networks
//! ```

mod check;
mod differences;
mod explanation;
mod formula;
mod html;
mod passes;
mod quantity;
mod terminal;
#[cfg(test)]
mod tests;
mod typeset;
mod words;

pub(crate) use explanation::{Explanation, Subject};
pub(crate) use html::page;
pub(crate) use terminal::Terminal;
