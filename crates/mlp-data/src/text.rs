//! Text from files on its way to a terminal.

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
