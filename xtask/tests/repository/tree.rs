//! Reads the repository's files: everything except what `.gitignore` names.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that are made, not written.
const LEFT_OUT: [&str; 4] = [".git", "target", "data", "runs"];

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is below the root")
}

/// The text of a file, given by its path below the root.
pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Every text file below `dir`, itself below the root, with its path below the root. Files that are not UTF-8 are left out.
pub(crate) fn texts(dir: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    collect(&root().join(dir), &mut texts);
    assert!(!texts.is_empty(), "nothing to look at in {dir}");
    texts.sort();
    texts
}

fn collect(dir: &Path, texts: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory can be listed").path()).collect();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            // A crate may well have a module called `data` or `runs`; what is made is at the top.
            let made = LEFT_OUT.contains(&name) && (dir == root() || name == "target");
            if !made {
                collect(&path, texts);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let below = path.strip_prefix(root()).expect("collected below the root");
            texts.push((below.to_string_lossy().replace('\\', "/"), text));
        }
    }
}

/// The code of a Rust source, line by line: what stands before `//`.
pub(crate) fn code(source: &str) -> impl Iterator<Item = &str> {
    source.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Whether `word` stands in `text` as a word of its own.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}
