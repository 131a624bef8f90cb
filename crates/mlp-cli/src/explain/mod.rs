//! Explains one example: every quantity of the forward and backward passes, gradients checked by
//! central differences, and the effect of one gradient descent step.
//!
//! ```text
//! passes, differences ──▶ explanation     numbers and formulas
//! words ──▶ terminal, html                presentation
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
