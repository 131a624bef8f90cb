//! ONNX: `write.rs` exports; `read.rs` imports by the rules in the other files.

mod activations;
mod answers;
mod fold;
mod layers;
mod map;
mod proto;
mod read;
mod rules;
mod shapes;
mod tensor;
#[cfg(test)]
mod tests;
mod write;

pub(super) use read::read;
#[cfg(test)]
pub(super) use tests::refusal;
pub use write::{OPSET, Pixels, erf_in_single, to_onnx};
