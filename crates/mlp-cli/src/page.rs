//! Pages that are read in a browser: the frame around one, with its style sheet, and pictures made of pixels. A page is one file that needs
//! nothing else: it says so itself, in a policy under which a browser loads nothing from anywhere.
//!
//! What stands in a page is made with `maud`, which escapes whatever comes in as text.

mod pixels;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use pixels::{grey, signed};

/// Light and dark by what the reader prefers, in the colours of our pictures; for narrow screens and for paper.
const STYLE: &str = include_str!("../assets/page.css");

/// The whole page.
pub(crate) fn frame(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (content) }
                footer { "Written by " (crate::session::PROGRAM) ". This page is one file and needs nothing else." }
            }
        }
    };
    page.into_string() + "\n"
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// Fails if a page is not well-formed or refers to anything outside itself.
    #[track_caller]
    pub(crate) fn check(page: &str) {
        let void = ["meta", "br", "img", "hr", "col", "wbr"];
        // HTML's elements without an end, as XML wants them.
        let mut xml = String::new();
        let mut rest = page.trim_start_matches("<!DOCTYPE html>");
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>').expect("a tag ends");
            let tag = &rest[start + 1..end];
            let name = tag.split_whitespace().next().unwrap_or_default();
            xml += &rest[..end];
            xml += if void.contains(&name) && !tag.ends_with('/') { "/>" } else { ">" };
            rest = &rest[end + 1..];
        }
        let document = resvg::usvg::roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        static OUTSIDE: LazyLock<[&str; 4]> = LazyLock::new(|| ["src", "href", "action", "data"]);
        let mut ids = std::collections::BTreeSet::new();
        for node in document.descendants() {
            assert!(!node.has_tag_name("script") && !node.has_tag_name("link"), "{:?}", node.tag_name());
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(!name.starts_with("on"), "{name}");
                if OUTSIDE.contains(&name) {
                    assert!(value.starts_with("data:image/png;base64,") || value.starts_with('#'), "{value}");
                }
                assert!(name != "id" || ids.insert(value.to_owned()), "two elements are called {value}");
            }
        }
        for outside in ["http:", "https:", "//www", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_page_is_whole_and_what_it_says_is_text() {
        let hostile = "<script>alert('x')</script>";
        let page = frame(hostile, &html! { h1 { (hostile) } img src=(grey(&[0, 255], 2)) alt=(hostile); });
        check(&page);
        assert!(!page.contains("<script"));
        assert_eq!(page.matches("&lt;script&gt;").count(), 3);
    }
}
