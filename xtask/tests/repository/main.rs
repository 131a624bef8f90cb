//! Tests of the repository as a whole: crate dependencies, import cycles, equation labels, house
//! rules, documents, pictures, and text.
#![forbid(unsafe_code)]

mod dependency_graph;
mod documents;
mod equation_labels;
mod house_rules;
mod imports;
#[path = "../../src/pictures/manifest.rs"]
#[allow(dead_code)]
mod manifest;
mod text;
mod tree;
