//! Checks the metrics by the rules of the Prometheus text format, version 0.0.4, and of its linter.

use std::collections::{BTreeMap, BTreeSet};

use super::{Server, model, picture, wide};

fn is_name(text: &str, others: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || others.contains(c);
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_allowed)
}

/// Labels with values.
type Labels = Vec<(String, String)>;

/// Splits a sample into name, labels, and number.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(mut text) = rest.strip_prefix('{') {
        loop {
            let (label, value) = text.split_once("=\"")?;
            let (mut unescaped, mut chars) = (String::new(), value.char_indices());
            let end = loop {
                match chars.next()? {
                    (i, '"') => break i,
                    (_, '\\') => unescaped.push(match chars.next()?.1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        _ => return None,
                    }),
                    (_, c) => unescaped.push(c),
                }
            };
            labels.push((label.to_owned(), unescaped));
            match value[end + 1..].strip_prefix(',') {
                Some(more) => text = more,
                None => {
                    rest = value[end + 1..].strip_prefix('}')?;
                    break;
                }
            }
        }
    }
    let number = rest.strip_prefix(' ')?;
    let is_valid = is_name(name, ":") && labels.iter().all(|(label, _)| is_name(label, ""));
    is_valid.then_some((name, labels, number.parse().ok()?))
}

/// Checks a whole text and returns its class names.
fn check(text: &str) -> Vec<String> {
    assert!(text.ends_with('\n'));
    let (mut families, mut seen, mut classes) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let (mut family, mut kind) = ("", "");
    let mut last_buckets: BTreeMap<String, f64> = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(families.insert(name), "{name} is not in one place");
            assert!(help.ends_with('.') && is_name(name, ":"), "{line}");
            family = name;
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert!(name == family && ["counter", "gauge", "histogram"].contains(&of), "{line}");
            assert_eq!(of == "counter", name.ends_with("_total"), "{line}");
            kind = of;
            continue;
        }
        let (name, labels, number) = sample(line).unwrap_or_else(|| panic!("{line}"));
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        match kind {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        assert!(number >= 0.0 && seen.insert((name, labels.clone())), "{line}");
        let value =
            |wanted: &str| labels.iter().find(|(label, _)| label == wanted).map(|(_, value)| value.clone());
        if suffix == "_bucket" {
            let (route, bound) = (value("route").unwrap(), value("le").unwrap());
            assert!(bound == "+Inf" || bound.parse::<f64>().is_ok(), "{line}");
            let last = last_buckets.insert(route, number).unwrap_or(0.0);
            assert!(number >= last, "{line} is less than {last}");
        } else if suffix == "_count" {
            assert_eq!(last_buckets[&value("route").unwrap()], number, "{line}");
        }
        classes.extend(value("name"));
    }
    classes
}

#[test]
fn metrics_are_valid_whatever_the_names_of_the_classes_and_the_requests() {
    let names = ["a \"b\"\\\n", "{}=,", "größer\t\u{1b}[31m", "\\n", " "];
    let server = Server::start(model(&[5], &names), wide());
    assert_eq!(check(server.get("/metrics").text()), names);
    for path in ["/model", "/units/%ff", "/%0a%22}", "/healthz\"", "/nothing\\"] {
        let _ = server.get(path);
    }
    for body in [&picture()[..], b"", b"{}"] {
        let _ = server.predict("", body);
    }
    let text = server.get("/metrics").text().to_owned();
    assert_eq!(check(&text), names, "{text}");
    assert!(text.contains("route=\"other\"") && text.contains("status=\"422\""), "{text}");
}
