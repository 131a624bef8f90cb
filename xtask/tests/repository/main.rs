//! Tests of the repository as a whole: dependencies of the crates, import cycles, equation labels, house rules, links in documents.
#![forbid(unsafe_code)]

mod dependency_graph;
mod equation_labels;
mod house_rules;
mod imports;
mod links;
mod tree;
