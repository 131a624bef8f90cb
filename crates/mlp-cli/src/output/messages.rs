//! Notes and errors on standard error, and JSON on standard output.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style};
use serde::Serialize;

use super::hints::hint;

/// Writes a line to standard error. Ignores write errors.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes an error, and a hint about what to do next, on one line.
pub(crate) fn error(error: &anyhow::Error) {
    const RED: Style = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Red)));
    let hint = hint(error).map_or(String::new(), |hint| format!("; {hint}"));
    note(&format!("{RED}error:{RED:#} {error:#}{hint}"));
}

/// Writes a value to standard output as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}
