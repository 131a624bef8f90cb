//! A dataset as a directory: four IDX files, and `dataset.toml` beside them, which describes them.

mod description;
mod load;
mod write;

pub use description::Description;
