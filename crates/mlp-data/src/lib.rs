//! Labeled image datasets for `mlp`: reading, validating, converting and downloading them. Nothing
//! here knows about models, and nothing prints.
//!
//! - [`Dataset`]: images with labels, in memory or a mapped file; [`Datasets`]: a training set with
//!   its test set, loaded by name or from a directory (with an optional [`Description`]);
//! - [`catalog`] and `fetch`: the datasets known by name, and their downloads (feature `fetch`, on
//!   by default);
//! - [`synthetic`]: ten classes of drawn digits that need no files;
//! - [`Augmenter`]: random distortions of training images;
//! - [`idx`]: the IDX format of MNIST, raw or gzip-compressed;
//! - `picture`: decoding and preprocessing pictures (feature `pictures`, off by default);
//! - `npy`: NumPy's arrays (feature `npz`); `arrays`: datasets as tables and arrays of pixels, read
//!   and written (feature `tables`); both off by default;
//! - `unpack`: archives and Parquet files of pictures (features `archives` and `parquet`, off by
//!   default);
//! - [`fs`]: atomic file writes;
//! - [`memory`]: checks that enough is available;
//! - [`text`]: making text from files safe to print.
//!
//! # Example
//! ```
//! use mlp_data::Datasets;
//! use std::path::Path;
//!
//! // "mnist" would be read from data/mnist; "synthetic" is drawn on the spot.
//! let sets = Datasets::load("synthetic", Path::new("data"))?;
//! assert_eq!((sets.train.len(), sets.test.len()), (10_000, 2_000));
//!
//! // A batch in any order, with pixels scaled to 0..=1.
//! let indices = [7, 0, 7];
//! let mut features = vec![0f32; indices.len() * sets.train.pixels()];
//! let mut labels = vec![0u8; indices.len()];
//! sets.train.gather(&indices, &mut features, &mut labels);
//! assert_eq!(labels[0], sets.train.labels()[7]);
//! # Ok::<(), mlp_data::Error>(())
//! ```
// Not `forbid`: `mapped.rs` allows it.
#![deny(unsafe_code)]

#[cfg(feature = "tables")]
pub mod arrays;
mod augment;
pub mod catalog;
mod dataset;
mod directory;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
mod foreign;
pub mod fs;
pub mod idx;
mod mapped;
pub mod memory;
mod named;
#[cfg(feature = "npz")]
pub mod npy;
#[cfg(feature = "pictures")]
mod parts;
#[cfg(feature = "pictures")]
pub mod picture;
mod random;
pub mod synthetic;
pub mod text;
#[cfg(any(feature = "archives", feature = "parquet"))]
pub mod unpack;

pub use augment::{Augmentation, Augmenter};
pub use dataset::{Dataset, Datasets, ImageShape, Polarity, Preprocessing, Real, SparseImages, levels};
pub use directory::{Copies, Description};
pub use error::{Error, SourceFailure};
pub use mapped::MappedFile;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
