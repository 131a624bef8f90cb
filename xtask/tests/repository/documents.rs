//! The documents link to files and sections that exist, README.md quotes the code as it is, and the
//! pictures are up to date.

use std::path::Path;

use crate::manifest::{DIRECTORY, MANIFEST, PICTURES};
use crate::tree;

/// The largest a picture may be, in bytes.
const LARGEST_PICTURE: usize = 150_000;

/// Every Markdown file, with its path below the root.
fn documents() -> Vec<(String, String)> {
    let texts = tree::texts("").into_iter();
    texts.filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "md")).collect()
}

/// The targets of a Markdown text's links and pictures that are not addresses: a path, a
/// `#section`, or both.
fn links(markdown: &str) -> Vec<&str> {
    ["](", "src=\"", "srcset=\""]
        .iter()
        .flat_map(|before| markdown.split(before).skip(1))
        .filter_map(|rest| rest.split([')', ' ', '"']).next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:") && !target.is_empty())
        .collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(markdown: &str) -> Vec<String> {
    let mut is_code = false;
    let headings = markdown.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_points_to_a_file_and_a_section_that_exist() {
    for (path, text) in documents() {
        for link in links(&text) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let directory = tree::root().join(&path).parent().expect("a file is in a directory").to_owned();
            assert!(directory.join(file).exists(), "{path} links to {link}");
            if !section.is_empty() && (file.is_empty() || file.ends_with(".md")) {
                let target = if file.is_empty() { tree::root().join(&path) } else { directory.join(file) };
                let target = std::fs::read_to_string(target).expect("a document can be read");
                assert!(anchors(&target).contains(&section.to_owned()), "{path} links to {link}");
            }
        }
    }
}

#[test]
fn addresses_are_left_out_of_links() {
    let text = "[a](README.md#top), [b](https://example.org/x), [c](#here), <img src=\"d.svg\">";
    assert_eq!(links(text), ["README.md#top", "#here", "d.svg"]);
    assert_eq!(anchors("# A b, c\n```console\n# no\n```\n## D-e"), ["a-b-c", "d-e"]);
}

/// Each part of the quote, between lines of `…`, is in the source as it is quoted.
#[test]
fn the_readme_quotes_the_passes_as_they_are() {
    let (readme, source) = (tree::read("README.md"), tree::read("crates/mlp-core/src/passes.rs"));
    let section = readme.split("## Read it").nth(1).expect("README.md has a section \"Read it\"");
    let quote = section.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("a quote").1;
    for part in quote.split("    …\n") {
        assert!(source.contains(part), "README.md quotes what is not in passes.rs:\n{part}");
    }
}

#[test]
fn the_pictures_are_up_to_date() {
    let recorded = tree::read(MANIFEST);
    for picture in &PICTURES {
        let entry = picture.entry(tree::root()).expect("the sources of a picture can be read");
        assert!(
            recorded.contains(&entry),
            "{DIRECTORY}/{} is older than what it shows; `cargo xtask pictures` makes it again",
            picture.file
        );
    }
}

#[test]
fn the_documents_show_every_picture_and_each_is_small() {
    let texts: String = documents().into_iter().map(|(_, text)| text).collect();
    for entry in std::fs::read_dir(tree::root().join(DIRECTORY)).expect("there are pictures") {
        let path = entry.expect("the directory can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if name.ends_with(".toml") {
            continue;
        }
        let is_made = PICTURES.iter().any(|picture| picture.file == name);
        assert!(is_made || name == "seven.png", "no command makes {name}");
        assert!(texts.contains(&format!("images/{name}")), "no document shows {name}");
        let size = std::fs::read(&path).expect("a picture can be read").len();
        assert!(size <= LARGEST_PICTURE, "{name} has {size} bytes; expected {LARGEST_PICTURE} at most");
    }
}
