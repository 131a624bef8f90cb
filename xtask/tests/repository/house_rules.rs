//! House rules that the compiler does not check: where `unsafe` and bincode are allowed, no
//! leftover notes, no references outside the repository.

use crate::tree;

/// Crate roots, and whether they forbid `unsafe`.
const ROOTS: [(&str, bool); 5] = [
    ("crates/mlp-cli/src/main.rs", false),
    ("crates/mlp-core/src/lib.rs", false),
    ("crates/mlp-data/src/lib.rs", false),
    ("crates/mlp-train/src/lib.rs", true),
    ("xtask/src/main.rs", true),
];

/// Where `unsafe` is allowed: the BLAS boundary, the kernels, the thread pool, mapped files and the
/// signal of a mapped file that shrank.
const UNSAFE_ALLOWED: [&str; 5] = [
    "crates/mlp-core/src/linalg/blas.rs",
    "crates/mlp-core/src/kernels/",
    "crates/mlp-core/src/parallel/",
    "crates/mlp-data/src/mapped.rs",
    "crates/mlp-cli/src/signals/bus_error.rs",
];

#[test]
fn every_crate_forbids_or_denies_unsafe_code() {
    for (path, forbids) in ROOTS {
        let expected = if forbids { "#![forbid(unsafe_code)]" } else { "#![deny(unsafe_code)]" };
        assert!(tree::code(&tree::read(path)).any(|line| line.trim() == expected), "{path}");
    }
}

#[test]
fn unsafe_is_used_only_where_it_is_allowed() {
    let sources = tree::texts("crates").into_iter().filter(|(path, _)| path.contains("/src/"));
    for (path, text) in sources.filter(|(path, _)| path.ends_with(".rs")) {
        let allowed = UNSAFE_ALLOWED.iter().any(|place| path.starts_with(place));
        // Not the text 'unsafe-inline'.
        let forms = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern"];
        let used = tree::code(&text).any(|line| forms.iter().any(|form| line.contains(form)));
        assert!(allowed || !used, "{path} uses unsafe");
    }
}

/// A file that `main.rs` does not name is not compiled, and its tests do not run.
#[test]
fn every_file_of_integration_tests_is_a_module() {
    let mut count = 0;
    for (path, _) in tree::texts("crates").iter().chain(&tree::texts("xtask/tests")) {
        let Some((dir, name)) = path.rsplit_once('/') else { continue };
        let Some(name) = name.strip_suffix(".rs").filter(|&name| name != "main") else { continue };
        if dir.ends_with("tests/integration") || dir.ends_with("tests/repository") {
            let declaration = format!("mod {name};");
            let main = tree::read(&format!("{dir}/main.rs"));
            assert!(main.lines().any(|line| line == declaration), "{dir}/main.rs does not declare {name}");
            count += 1;
        }
    }
    assert!(count > 20, "found only {count} files");
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
