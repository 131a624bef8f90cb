//! Tests of the repository as a whole: crate dependencies, import cycles, equation labels, house
//! rules, links in documents, and text.
#![forbid(unsafe_code)]

mod dependency_graph;
mod equation_labels;
mod house_rules;
mod imports;
mod links;
mod text;
mod tree;
