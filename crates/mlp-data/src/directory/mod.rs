//! Datasets as directories: four IDX files, and an optional `dataset.toml` that describes them.

mod augmented;
mod description;
mod files;
mod load;
mod write;

pub use augmented::Copies;
pub use description::Description;
