//! Text for people: makes text from files safe to print, and formats counts with their nouns.

use std::borrow::Cow;

/// Escapes control characters, line breaks and invisible characters that reorder text, as Rust
/// does: text with such characters could control a terminal, or seem to be other lines or words.
///
/// # Example
/// ```
/// use mlp_data::text::printable;
/// assert_eq!(printable("T-shirt/top, größer, 猫"), "T-shirt/top, größer, 猫");
/// assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
/// assert_eq!(printable("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unprintable(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Returns whether a character is a control character, a line separator or a bidirectional control.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns a text as a CSV field (RFC 4180) on one line, quoted if it holds a comma or a quote.
/// What a spreadsheet would execute as a formula begins with an apostrophe, and unprintable
/// characters are escaped; see [`printable`].
pub fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    let text = printable(&text);
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into_owned() }
}

/// Returns a count with its noun, in the plural unless it is one, and with grouped digits.
///
/// # Example
/// ```
/// use mlp_data::text::counted;
/// assert_eq!([0, 1].map(|n| counted(n, "whole epoch")), ["0 whole epochs", "1 whole epoch"]);
/// assert_eq!(counted(60_000, "training image"), "60,000 training images");
/// assert_eq!([counted(2, "class"), counted(2, "entry")], ["2 classes", "2 entries"]);
/// ```
pub fn counted(count: usize, noun: &str) -> String {
    let number = thousands(count);
    if count == 1 {
        format!("{number} {noun}")
    } else if noun.ends_with('s') {
        format!("{number} {noun}es")
    } else if let Some(stem) = noun.strip_suffix("ry") {
        format!("{number} {stem}ries")
    } else {
        format!("{number} {noun}s")
    }
}

/// Groups digits: 1,234,567.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_never_a_formula_and_has_one_line() {
        for (text, field) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-x.png", "'-x.png"),
            ("-1", "-1"),
            ("+2.5", "+2.5"),
            ("a\nb\u{1b}[2J", "a\\nb\\u{1b}[2J"),
        ] {
            assert_eq!(csv_field(text), field);
        }
    }

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(
            ["T-shirt/top", "a, b", "5\" pot"].map(csv_field),
            ["T-shirt/top", "\"a, b\"", "\"5\"\" pot\""]
        );
    }
}
