//! Shared by the fuzzer and the smoke test `crates/mlp-cli/tests/mutated_files.rs`: the readers of
//! foreign bytes, valid inputs for them, and mutations for machines without a fuzzer.

pub mod mutator;
mod seeds;
pub mod targets;
