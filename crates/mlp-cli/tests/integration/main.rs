//! Tests of the program `mlp`. They share one test program, so they run beside each other and are
//! linked once. Those that do not depend on the backend are in `io`.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod help;
mod plots;
mod ranks;
mod runs;
mod survival;
mod sweeps;
