//! ONNX: `write.rs` exports, `read.rs` imports.

mod proto;
mod read;
mod rules;
mod tensor;
mod write;

pub(super) use read::read;
pub use write::{OPSET, Pixels, erf_in_single, to_onnx};
