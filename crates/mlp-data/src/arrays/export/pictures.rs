//! Writes PNG files, in one directory per class.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::fs::directory::create_dir_atomically;
use crate::{Dataset, Datasets, Error};

/// Writes `train/CLASS/00001.png` and so on, numbered in the order of the examples. Returns notes
/// about classes whose names cannot be those of directories.
pub(super) fn write(sets: &Datasets, path: &Path) -> Result<Vec<String>, Error> {
    let (names, note) = directory_names(&sets.class_names);
    create_dir_atomically(path, |directory| {
        for (part, set) in sets.parts() {
            let directory = directory.join(part);
            for (name, _) in names.iter().zip(set.class_counts()).filter(|(_, count)| *count > 0) {
                let class = directory.join(name);
                fs::create_dir_all(&class).map_err(Error::io("create", &class))?;
            }
            for (index, &label) in set.labels().iter().enumerate() {
                let file = format!("{:05}.png", index + 1);
                write_png(&directory.join(&names[usize::from(label)]).join(file), set, index)?;
            }
        }
        Ok(())
    })?;
    Ok(note.into_iter().collect())
}

/// Not synced one by one: that takes minutes for 70,000 files, and reading a damaged one is an
/// error.
fn write_png(path: &Path, set: &Dataset, index: usize) -> Result<(), Error> {
    let shape = set.shape();
    let mut bytes = Vec::new();
    let (width, height) = (shape.width as u32, shape.height as u32);
    let encoder = PngEncoder::new(&mut bytes);
    let encoded = encoder.write_image(set.image(index), width, height, ExtendedColorType::L8);
    encoded.map_err(|error| Error::picture(&error.to_string()))?;
    fs::write(path, bytes).map_err(Error::io("write", path))
}

/// Returns names of directories for the classes: without separators and what some systems refuse,
/// not hidden, and different in any case; and a note if they are not the names of the classes.
fn directory_names(class_names: &[String]) -> (Vec<String>, Option<String>) {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for (class, name) in class_names.iter().enumerate() {
        let is_refused = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c);
        let safe = name.replace(is_refused, "-");
        let safe = safe.trim_end_matches(['.', ' ']);
        let is_hidden = safe.is_empty() || safe.starts_with('.') || safe == "__MACOSX";
        let mut safe = if is_hidden { format!("_{safe}") } else { safe.to_owned() };
        while !seen.insert(safe.to_lowercase()) {
            safe.push_str(&format!("-{class}"));
        }
        names.push(safe);
    }
    let changed = class_names.iter().zip(&names).find(|(class, name)| class != name);
    let note = changed.map(|(class, name)| {
        format!("class names that cannot name a directory are changed: {class} is in {name}")
    });
    (names, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_names_of_directories() {
        let classes = ["T-shirt/top", "..", "a", "A", "a.", "größer", "9"].map(str::to_owned);
        let (names, note) = directory_names(&classes);
        assert_eq!(names, ["T-shirt-top", "_", "a", "A-3", "a-4", "größer", "9"]);
        assert!(note.unwrap().ends_with("T-shirt/top is in T-shirt-top"));
        assert_eq!(directory_names(&["a".to_owned(), "b".to_owned()]).1, None);
    }
}
