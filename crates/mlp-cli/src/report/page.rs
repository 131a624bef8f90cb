//! A self-contained HTML page without scripts or external resources, for light and dark mode,
//! narrow screens and print.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::plot::Drawing;

const STYLE: &str = include_str!("../../assets/page.css");

/// Renders a complete document.
pub(crate) fn page(title: &str, content: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Even injected content cannot run or reach the network.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    };
    document.into_string()
}

/// Renders an inline plot.
pub(crate) fn figure(drawing: &Drawing) -> Markup {
    html! { figure { (PreEscaped(drawing.svg())) } }
}

/// Renders a table with a header.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { @for cell in header { th { (cell) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use roxmltree::Document;

    use super::*;

    /// Fails if a page is not well-formed or refers to anything outside itself.
    #[track_caller]
    pub(crate) fn check(page: &str) {
        // Close void elements, as XML requires.
        let void = ["meta", "br", "img"];
        let mut xml = String::new();
        let mut rest = page.trim_start_matches("<!DOCTYPE html>");
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>').expect("a tag ends");
            let name = rest[start + 1..end].split_whitespace().next().unwrap_or_default();
            xml += &rest[..end];
            xml += if void.contains(&name) { "/>" } else { ">" };
            rest = &rest[end + 1..];
        }
        let document = Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        for node in document.descendants() {
            assert!(!["script", "link", "iframe"].contains(&node.tag_name().name()), "{:?}", node.tag_name());
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(!name.starts_with("on"), "{name}");
                if ["src", "href", "action", "data"].contains(&name) {
                    assert!(value.starts_with("data:image/png;base64,"), "{value}");
                }
            }
        }
        assert!(!page.contains("url(") && !page.contains("@import"), "{page}");
    }

    #[test]
    fn text_is_escaped() {
        let rows = [vec!["<img src=x onerror=alert(1)>".to_owned()]];
        let page = page("<script>", &table(&["</table>"], rows));
        check(&page);
        assert!(page.contains("<title>&lt;script&gt;</title>"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<img") && page.matches("</table>").count() == 1);
    }
}
