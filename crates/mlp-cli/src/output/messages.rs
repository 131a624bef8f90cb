//! Notes and errors on standard error, and JSON on standard output.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;

use anstream::AutoStream;
use anstyle::{AnsiColor, Color, Style};
use mlp_data::text::{is_unprintable, printable};
use serde::Serialize;

use super::hints::hint;

/// A temporary directory, and the path that its content comes from.
static SHOWN_AS: OnceLock<(String, String)> = OnceLock::new();

/// Makes messages show a path below a temporary directory as one in the file that it was unpacked
/// from: `drawings.zip: cat/1.png`.
pub(crate) fn show_as(directory: &Path, source: &Path) {
    let _ = SHOWN_AS.set((directory.display().to_string(), source.display().to_string()));
}

fn shown(text: &str) -> Cow<'_, str> {
    match SHOWN_AS.get() {
        Some((directory, source)) if text.contains(directory.as_str()) => {
            text.replace(&format!("{directory}/"), &format!("{source}: ")).replace(directory, source).into()
        }
        _ => text.into(),
    }
}

/// Writes a line, or several, to standard error. Ignores write errors.
pub(crate) fn note(text: &str) {
    write_at_once(&printable_lines(&shown(text)));
}

/// Writes an error, and a hint about what to do next, on one line.
pub(crate) fn error(error: &anyhow::Error) {
    const RED: Style = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Red)));
    let hint = hint(error).map_or(String::new(), |hint| format!("; {hint}"));
    let text = format!("{error:#}{hint}");
    write_at_once(&format!("{RED}error:{RED:#} {}", printable(&shown(&text))));
}

/// Writes a text and a line break to standard error in one piece: other processes that write to the
/// same terminal, such as `mpirun`, cannot come in between. Drops the colors where they are not
/// shown, and ignores write errors.
fn write_at_once(text: &str) {
    let mut bytes = AutoStream::new(Vec::new(), AutoStream::choice(&io::stderr()));
    let _ = writeln!(bytes, "{text}").and_then(|()| io::stderr().write_all(&bytes.into_inner()));
}

/// Writes lines of plain text, which end with a line break, to standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(printable_lines(text).as_bytes())?;
    out.flush()
}

/// Writes a value to standard output as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(io::stdout().lock(), "{}", printable_json(&text))
}

/// Escapes what is unprintable in a text, except for its line breaks. Names that may have line
/// breaks have to be made [`printable`] before they become part of it.
fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Escapes in JSON what is unprintable and what JSON lets through; its meaning is the same.
pub(crate) fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unprintable(c) {
            // All of these characters have one code unit.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "name": "\u{9b}31m\u{202e}\u{7f}\u{feff} \u{1b} ü \n" });
        let text = printable_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.chars().all(|c| c == '\n' || !is_unprintable(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert_eq!(printable_lines("a\n\u{1b}[2Jb\r\n"), "a\n\\u{1b}[2Jb\\r\n");
    }
}
