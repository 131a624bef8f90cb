//! Tests of the public API, in one program.

mod choices;
mod disk_failures;
mod formats;
mod model_files;
mod resume;
mod shards;
mod streaming;
mod training;
