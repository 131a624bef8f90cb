//! The IDX format: a magic number (two zero bytes, element type, rank), the dimensions as
//! big-endian `u32`, then the elements, big-endian, in row-major order.
//!
//! # Example
//! ```
//! use mlp_data::idx::{Idx, IdxData, parse};
//! use std::path::Path;
//!
//! let array = Idx::new(vec![2, 3], IdxData::I16(vec![1, 2, 3, -1, -2, -3]));
//! let mut bytes = Vec::new();
//! array.write_to(&mut bytes)?;
//! assert_eq!(bytes[..4], [0, 0, 0x0b, 2]);
//! assert_eq!(parse(&bytes, Path::new("in memory"))?, array);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
mod array;
mod read;
mod write;

pub use array::{ElementType, Idx, IdxData};
#[cfg(feature = "fetch")]
pub(crate) use read::read_idx_at_most;
pub(crate) use read::{MappedIdx, map_idx};
pub use read::{parse, read_idx};
pub use write::write_idx;
pub(crate) use write::{header, write_bytes};
