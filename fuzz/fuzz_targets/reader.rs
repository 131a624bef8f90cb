//! Fuzzes the reader whose name is in the environment variable `READER`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mlp_fuzz::targets::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("READER").unwrap_or_default();
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("READER is one of {}", names()))
});

fuzz_target!(|bytes: &[u8]| {
    (TARGET.read)(bytes);
});
