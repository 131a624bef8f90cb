//! Reads the repository's files, except generated directories.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that are generated, not written.
const GENERATED: [&str; 4] = [".git", "target", "data", "runs"];

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is below the root")
}

/// The text of the file at `path`, relative to the root.
pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Paths and texts of all UTF-8 files in `dir`. All paths are relative to the root.
pub(crate) fn texts(dir: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    collect(&root().join(dir), &mut texts);
    assert!(!texts.is_empty(), "no text files in {dir}");
    texts.sort();
    texts
}

fn collect(dir: &Path, texts: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
    let paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the directory can be listed").path()).collect();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            // `data` and `runs` are generated only at the top: a crate may have modules of these
            // names.
            let generated = GENERATED.contains(&name) && (dir == root() || name == "target");
            if !generated {
                collect(&path, texts);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root()).expect("inside the root");
            texts.push((relative.to_string_lossy().replace('\\', "/"), text));
        }
    }
}

/// The lines of a Rust source without their `//` comments.
pub(crate) fn code(source: &str) -> impl Iterator<Item = &str> {
    source.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Returns true if `text` contains `word` as a whole word.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}
