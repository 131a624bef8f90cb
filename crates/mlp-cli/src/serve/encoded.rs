//! Pictures as text: base64, or `data:` URLs of it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};

/// Decodes the text, with or without padding and line breaks, in the usual or the URL-safe
/// alphabet.
///
/// # Errors
/// Says what the text is instead.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim();
    let is = |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if is("http://") || is("https://") {
        return Err("a URL, which the server does not fetch".to_owned());
    }
    let data = match text.split_once(',') {
        Some((head, data)) if is("data:") && head.to_ascii_lowercase().ends_with(";base64") => data,
        _ if is("data:") => return Err("a data URL without `;base64,`".to_owned()),
        _ => text,
    };
    let data: Cow<'_, str> = match data.contains(['\r', '\n']) {
        true => data.replace(['\r', '\n'], "").into(),
        false => data.into(),
    };
    let engine = if data.contains(['-', '_']) { URL_SAFE_PAD_INDIFFERENT } else { STANDARD_PAD_INDIFFERENT };
    match engine.decode(data.as_bytes()) {
        Ok(bytes) if bytes.is_empty() => Err("empty".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("text that is not base64 ({})", error.to_string().to_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_usual_spellings_of_base64_are_read() {
        // In the usual alphabet: "+/8A" and "+/8=".
        for text in [
            "+/8A+/8=",
            "+/8A+/8",
            " +/8A\r\n+/8=\n",
            "-_8A-_8=",
            "-_8A-_8",
            "data:image/png;base64,+/8A+/8=",
            "DATA:image/png;charset=x;BASE64,+/8A+/8",
            "data:;base64,+/8A+/8=",
        ] {
            assert_eq!(decode(text), Ok(vec![0xfb, 0xff, 0, 0xfb, 0xff]), "{text}");
        }
    }

    #[test]
    fn other_text_is_named() {
        for (text, expected) in [
            ("", "empty"),
            ("data:image/png;base64,", "empty"),
            ("data:image/svg+xml,<svg/>", "a data URL without"),
            ("https://example.com/7.png", "a URL"),
            ("7.png", "not base64 (invalid symbol 46, offset 1"),
            ("b'+/8A'", "not base64"),
            // A plus sign that became a space in a form.
            (" /8A /8=", "not base64"),
            ("AAA AAA AA", "not base64"),
            ("+/8A+", "not base64"),
            ("+_8A", "not base64"),
            ("äöü", "not base64"),
        ] {
            assert!(decode(text).unwrap_err().contains(expected), "{text}: {:?}", decode(text));
        }
    }
}
