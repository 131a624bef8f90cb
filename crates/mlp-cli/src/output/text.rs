//! Wrapping text and quoting for a shell.

use std::path::Path;

use mlp_data::text::is_unprintable;

/// Wraps a text between words into lines of at most `columns` characters. Longer words are not
/// split.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Quotes a word for a POSIX shell if needed.
pub(crate) fn shell_quoted(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Quotes a path for a POSIX shell if needed, also one that is not UTF-8.
pub(crate) fn shell_quoted_path(path: &Path) -> String {
    match path.to_str().filter(|text| !text.contains(is_unprintable)) {
        Some(text) => shell_quoted(text),
        None => format!("$'{}'", path.as_os_str().as_encoded_bytes().escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(unix)]
    fn paths_are_quoted_byte_by_byte_if_they_are_not_text() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let quoted = |bytes: &[u8]| shell_quoted_path(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(quoted("runs/größe".as_bytes()), "runs/größe");
        assert_eq!(quoted(b"it's"), r"'it'\''s'");
        assert_eq!(quoted(b"run-\xff'\x1b"), r"$'run-\xff\'\x1b'");
    }

    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("extraordinary", 5), ["extraordinary"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
