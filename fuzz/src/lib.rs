//! What the fuzzer and the smoke test `crates/mlp-cli/tests/mutated_files.rs` share: the readers of
//! foreign bytes, valid inputs for them, and mutations for where there is no fuzzer.

pub mod mutator;
mod seeds;
pub mod targets;
