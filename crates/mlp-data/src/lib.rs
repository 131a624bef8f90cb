//! Labeled image datasets for `mlp`: reading, checking, converting and fetching them.
//!
//! - [`Dataset`]: images with labels, validated, and their conversion to floating point and to
//!   sparse rows;
//! - [`Datasets`]: a training set with its test set, by name or from a directory that a
//!   [`Description`] describes;
//! - [`catalog`]: the datasets known by name, with their files, classes, checksums and sources;
//! - `fetch`: downloading the datasets of the catalog (feature `fetch`, on by default);
//! - [`synthetic`]: ten classes of drawn digits that need no file at all;
//! - [`idx`]: the IDX format of MNIST and its relatives, raw or gzip-compressed;
//! - `picture`: reading pictures from elsewhere and preprocessing them (feature `pictures`, off by
//!   default);
//! - [`fs`]: writing files that are there whole or not at all.
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
mod named;
#[cfg(feature = "pictures")]
pub mod picture;
mod random;
pub mod synthetic;

pub use dataset::{Dataset, Datasets, ImageShape, Preprocessing, Real, SparseImages, levels};
pub use directory::Description;
pub use error::{Error, SourceFailure};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
