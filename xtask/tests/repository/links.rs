//! Links in the top-level documents point to files that exist.

use std::fs;

use crate::tree;

/// The link targets in a Markdown text that are files of this repository, without `#section`.
fn relative_links(markdown: &str) -> Vec<&str> {
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|path| !path.is_empty())
        .collect()
}

#[test]
fn every_relative_link_points_to_a_file() {
    let mut documents = 0;
    for entry in fs::read_dir(tree::root()).expect("the root can be listed") {
        let path = entry.expect("the root can be listed").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        documents += 1;
        let text = fs::read_to_string(&path).expect("a document can be read");
        for link in relative_links(&text) {
            assert!(tree::root().join(link).exists(), "{} links to {link}", path.display());
        }
    }
    assert!(documents > 0, "no documents found");
}

#[test]
fn urls_and_sections_are_not_relative_links() {
    let text = "[a](README.md#top), [b](https://example.org/x), [c](#here), [d](docs/a.md \"title\")";
    assert_eq!(relative_links(text), ["README.md", "docs/a.md"]);
}
