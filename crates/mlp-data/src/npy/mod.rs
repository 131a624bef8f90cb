//! Arrays as NumPy stores them, alone (.npy) or in an archive (.npz).

mod archive;
mod array;

pub use archive::Npz;
pub use array::{Array, Values};
