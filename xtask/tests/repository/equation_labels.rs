//! `passes.rs` cites exactly the equation labels that `gradients.md` derives, each under one
//! heading.

use std::collections::BTreeSet;

use crate::tree;

const CODE: &str = "crates/mlp-core/src/passes.rs";
const DOCUMENT: &str = "crates/mlp-core/docs/gradients.md";

/// The words of `line` made of a G and a number.
fn labels(line: &str) -> Vec<String> {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.strip_prefix('G').is_some_and(|number| number.parse::<u32>().is_ok()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_code_cites_every_equation_that_the_document_derives() {
    let code = tree::read(CODE);
    // Only comments at statements; the module docs are an overview.
    let comments = code.lines().map(str::trim_start).filter(|line| line.starts_with("// "));
    let cited: BTreeSet<String> = comments.flat_map(labels).collect();

    let document = tree::read(DOCUMENT);
    let headings: Vec<String> =
        document.lines().filter(|line| line.starts_with('#')).flat_map(labels).collect();
    let defined: BTreeSet<String> = headings.iter().cloned().collect();

    assert_eq!(headings.len(), defined.len(), "a label has two headings: {headings:?}");
    assert_eq!(cited, defined, "cited in {CODE} and defined in {DOCUMENT}");
    let all: BTreeSet<String> = (1..=9).map(|number| format!("G{number}")).collect();
    assert_eq!(defined, all);
}

#[test]
fn a_label_is_a_whole_word() {
    assert_eq!(labels("// G1: ∂J/∂Z, then G12; not EG3, G or Gx"), ["G1", "G12"]);
}
