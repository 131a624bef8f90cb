//! House rules that the compiler does not check: where `unsafe` and bincode are allowed, no
//! leftover notes, no references outside the repository.

use crate::tree;

/// Crate roots, and whether they forbid `unsafe`.
const ROOTS: [(&str, bool); 5] = [
    ("crates/mlp-cli/src/main.rs", true),
    ("crates/mlp-core/src/lib.rs", false),
    ("crates/mlp-data/src/lib.rs", true),
    ("crates/mlp-train/src/lib.rs", true),
    ("xtask/src/main.rs", true),
];

/// Where mlp-core may use `unsafe`: the BLAS boundary, the kernels and the thread pool.
const UNSAFE_ALLOWED: [&str; 3] =
    ["crates/mlp-core/src/linalg/blas.rs", "crates/mlp-core/src/kernels/", "crates/mlp-core/src/parallel/"];

#[test]
fn every_crate_except_mlp_core_forbids_unsafe_code() {
    for (path, forbids) in ROOTS {
        let forbidden = tree::code(&tree::read(path)).any(|line| line.trim() == "#![forbid(unsafe_code)]");
        assert_eq!(forbidden, forbids, "{path}");
    }
}

#[test]
fn mlp_core_uses_unsafe_only_in_kernels_threads_and_blas() {
    for (path, text) in tree::texts("crates/mlp-core/src") {
        let allowed = UNSAFE_ALLOWED.iter().any(|place| path.starts_with(place));
        let used = tree::code(&text).any(|line| tree::has_word(line, "unsafe"));
        assert!(allowed || !used, "{path} uses unsafe");
    }
}

#[test]
fn only_one_file_uses_bincode() {
    let sources = tree::texts("crates").into_iter().chain(tree::texts("xtask/src"));
    let found: Vec<String> = sources
        .filter(|(path, _)| path.ends_with(".rs"))
        .filter(|(_, text)| tree::code(text).any(|line| line.contains("bincode::")))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn there_are_no_leftover_notes() {
    // Concatenated so that this file does not contain them.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    for (path, text) in tree::texts("") {
        for word in words {
            let line = text.lines().position(|line| tree::has_word(line, word));
            assert_eq!(line, None, "{path} has a {word} (lines counted from 0)");
        }
    }
}

#[test]
fn nothing_refers_to_files_outside_the_repository() {
    let outside = concat!("..", "/shared");
    for (path, text) in tree::texts("") {
        let line = text.lines().position(|line| line.contains(outside));
        assert_eq!(line, None, "{path} refers to {outside} (lines counted from 0)");
    }
}
