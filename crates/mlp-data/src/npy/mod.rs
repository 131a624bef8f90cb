//! NumPy's array files: single arrays (.npy) and archives (.npz).

mod archive;
mod array;

pub use archive::Npz;
pub use array::{Array, Values};
