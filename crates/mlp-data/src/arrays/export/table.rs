//! Writes a table like Kaggle's: a header, and one row per image.

use std::fmt::Write as _;
use std::path::Path;

use crate::fs::write_atomically;
use crate::text::csv_field;
use crate::{Dataset, Error};

/// Writes the examples with the names of their classes.
pub(super) fn write(path: &Path, set: &Dataset, class_names: &[String]) -> Result<(), Error> {
    let names: Vec<String> = class_names.iter().map(|name| csv_field(name)).collect();
    let write = |out: &mut dyn std::io::Write| {
        let mut line = String::from("label");
        for pixel in 0..set.pixels() {
            let _ = write!(line, ",pixel{pixel}");
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        for (index, &label) in set.labels().iter().enumerate() {
            line.clear();
            line.push_str(&names[usize::from(label)]);
            for pixel in set.image(index) {
                let _ = write!(line, ",{pixel}");
            }
            line.push('\n');
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    };
    write_atomically(path, write).map_err(Error::io("write", path))
}

/// Says which names of classes a table changes.
pub(super) fn notes(class_names: &[String]) -> Vec<String> {
    let is_changed = |name: &&String| csv_field(name).trim_matches('"').replace("\"\"", "\"") != **name;
    let changed = class_names.iter().find(is_changed);
    let note = |name: &String| {
        format!("class names that a spreadsheet could run as formulas are changed: {}", csv_field(name))
    };
    changed.map(note).into_iter().collect()
}
