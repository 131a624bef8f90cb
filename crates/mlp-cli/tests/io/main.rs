//! Tests of the program `mlp` that do not depend on the backend: files, pages and limits.

#[path = "../common/mod.rs"]
mod common;

mod archives;
mod bad_input;
mod carrying;
mod explain;
mod larger_than_memory;
mod little_memory;
mod pictures;
mod serve;
mod tables;
mod validation_part;
