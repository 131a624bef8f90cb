//! What must hold of the repository as a whole, whoever edits which part of it: the architecture's arrows, the equations'
//! labels, the rules of the house, the documents' links. One test program, because all read the same tree.
#![forbid(unsafe_code)]

mod dependency_graph;
mod equation_labels;
mod house_rules;
mod imports;
mod links;
mod tree;
