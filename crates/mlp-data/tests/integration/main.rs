//! Tests of the public API that share one program; `idx.rs` counts its allocations.

#[cfg(feature = "archives")]
mod archives;
#[cfg(feature = "tables")]
mod arrays;
mod bad_input;
#[cfg(feature = "fetch")]
mod common;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "pictures")]
mod hard_pictures;
#[cfg(feature = "tables")]
mod listed;
#[cfg(all(feature = "fetch", unix))]
mod packages;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "pictures")]
mod picture_files;
#[cfg(feature = "pictures")]
mod pictures;
