//! Networks as safetensors bytes, with the tensor names and shapes of PyTorch's `nn.Sequential`.

mod error;
mod layers;
mod order;
mod read;
mod write;

pub use error::SafetensorsError;
pub use read::{Tensors, f16_to_f64};
