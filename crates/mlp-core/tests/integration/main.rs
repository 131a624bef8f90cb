//! Tests of the public API that share one program. The other files here need a program of their
//! own, or are run by name.

mod adversary;
mod determinism;
mod extreme_values;
mod gradcheck_sparse;
mod misuse_panics;
mod optimizers;
#[cfg(feature = "safetensors")]
mod safetensors;
mod shards;
