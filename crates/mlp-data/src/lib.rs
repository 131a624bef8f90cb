//! Labeled image datasets for `mlp`: reading, checking, converting and fetching them.
//!
//! - [`idx`]: the IDX format of MNIST and its relatives, raw or gzip-compressed;
//! - [`dataset`]: images and labels, paired and validated, and their conversion to floating point and to sparse rows;
//! - [`catalog`]: the datasets known by name, with their files, classes, checksums and sources;
//! - [`synthetic`]: ten classes of drawn digits that need no file at all;
//! - `fetch`: downloading what the catalog lists (feature `fetch`, on by default);
//! - [`Preprocessing`]: how a picture becomes an image of a dataset;
//! - [`Description`]: what a directory of IDX files says of itself;
//! - `picture`: reading pictures from elsewhere and preparing them (feature `pictures`, off by default);
//! - [`atomic`]: writing a file so that it is there whole or not at all;
//! - [`disk`]: the file operations under it, each of which can be made to fail.
//!
//! Nothing here knows what a model is, and nothing prints.
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
//! // A batch in any order, each pixel scaled to 0..=1.
//! let indices = [7, 0, 7];
//! let mut features = vec![0f32; indices.len() * sets.train.pixels()];
//! let mut labels = vec![0u8; indices.len()];
//! sets.train.gather(&indices, &mut features, &mut labels);
//! assert_eq!(labels[0], sets.train.labels()[7]);
//! # Ok::<(), mlp_data::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod catalog;
mod dataset;
mod directory;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod fs;
pub mod idx;
#[cfg(feature = "pictures")]
pub mod picture;
mod random;
pub mod synthetic;

pub use dataset::{Dataset, Datasets, ImageShape, Preprocessing, Real, SparseImages, levels};
pub use directory::Description;
pub use error::{Error, SourceFailure};
