//! Reading a CSV table: a row for each image, with a label and pixels.

use std::path::Path;

use super::columns::Columns;
use super::stored::{Labels, Numbers, Stored, refused, shown};
use super::text::{Text, number, text, utf8};
use crate::Error;

/// The maximum number of pixels in all images.
const MAX_PIXELS: usize = 1_000_000_000;

/// Reads a table with these columns, which has labels.
pub(super) fn read(path: &Path, columns: &Columns, label: usize) -> Result<Stored, Error> {
    let pixels = &columns.pixels;
    let place = shown(path);
    let mut table = Text::open(path)?;
    if columns.header.is_some() {
        table.next()?;
    }
    let mut numbers = Numbers::Bytes(Vec::new());
    let (mut labels, mut lines) = (Labels::default(), Vec::new());
    while let Some((line, record)) = table.next()? {
        let wrong = |problem: String| refused(format!("{place}, line {line}"), problem);
        if record.len() != columns.count {
            return Err(wrong(format!(
                "{} columns; expected {}, as in the first line",
                record.len(),
                columns.count
            )));
        }
        labels.push(&utf8(&record[label]).map_err(wrong)?).map_err(wrong)?;
        for &column in pixels {
            let of_column = |problem: String| wrong(format!("{}: {problem}", columns.name(column)));
            let field = &record[column];
            let value = number(field).ok_or_else(|| {
                let found: String = text(field).chars().take(20).collect();
                of_column(format!("found `{found}`; expected a number"))
            })?;
            numbers.push(value).map_err(of_column)?;
        }
        if numbers.len() > MAX_PIXELS {
            return Err(wrong(format!("more than {MAX_PIXELS} pixels so far; split the table")));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(refused(place, "found no rows below the header; expected one row per image"));
    }
    Ok(Stored { place, shape: vec![lines.len(), pixels.len()], numbers, labels, lines: Some(lines) })
}
