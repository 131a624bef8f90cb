//! `dataset.toml`, the description of a dataset in its directory. People write it by hand, too, so
//! everything in it is checked.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::text::counted;
use crate::{Error, Polarity, Preprocessing};

/// The name of the file.
pub(crate) const FILE_NAME: &str = "dataset.toml";

/// The maximum size of the file in bytes.
const MAX_BYTES: u64 = 1 << 18;

/// The maximum length of a class name in bytes.
const MAX_NAME: usize = 200;

/// The content of `dataset.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name of each class, in the order of the labels: 1 to 256, all different.
    pub class_names: Vec<String>,
    /// How pictures are preprocessed into images.
    #[serde(default)]
    pub preprocessing: Preprocessing,
    /// The polarity of the pictures, unless each has its own.
    #[serde(default)]
    pub polarity: Polarity,
    /// Where the images came from, in prose.
    #[serde(default)]
    pub origin: String,
}

impl Description {
    /// Reads the description in a directory, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Description`] if it is invalid.
    pub fn of_dir(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let mut text = String::new();
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(Error::io("read", &path))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(invalid(&path, format!("more than {MAX_BYTES} bytes")));
        }
        Self::parse(&text, &path).map(Some)
    }

    /// Parses the text of such a file; `origin` is the path to name in errors.
    ///
    /// # Errors
    /// [`Error::Description`] if it is invalid.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, Error> {
        let description: Self =
            toml::from_str(text).map_err(|error| invalid(origin, in_one_line(text, &error)))?;
        description.check().map_err(|reason| invalid(origin, reason))?;
        Ok(description)
    }

    /// Returns the text of the file; `origin` is the path to name in errors.
    ///
    /// # Errors
    /// [`Error::Description`] if [`Description::parse`] would refuse it.
    pub fn to_toml(&self, origin: &Path) -> Result<String, Error> {
        self.check().map_err(|reason| invalid(origin, reason))?;
        toml::to_string(self).map_err(|error| invalid(origin, error.to_string()))
    }

    fn check(&self) -> Result<(), String> {
        let names = &self.class_names;
        if !(1..=256).contains(&names.len()) {
            return Err(format!("{}; expected 1 to 256", counted(names.len(), "class name")));
        }
        let mut seen = HashSet::new();
        for name in names {
            if name.trim().is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
                return Err(format!(
                    "the class name {name:?}; expected 1 to {MAX_NAME} bytes of text in one line"
                ));
            }
            if !seen.insert(name) {
                return Err(format!("two classes are called {name:?}; expected names that differ"));
            }
        }
        Ok(())
    }
}

fn invalid(path: &Path, reason: String) -> Error {
    Error::Description { path: path.to_owned(), reason }
}

/// Returns the line number of an error, and its message without line breaks.
fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    match error.span() {
        Some(span) => {
            let line = 1 + text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
            format!("line {line}: {message}")
        }
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Description, String> {
        Description::parse(text, Path::new("d.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_written_description_is_read_back() {
        let description = Description {
            class_names: ["a \"b\"", "ü", "10"].map(str::to_owned).to_vec(),
            preprocessing: Preprocessing::Digit,
            polarity: Polarity::DarkOnLight,
            origin: "a directory".to_owned(),
        };
        let text = description.to_toml(Path::new("d.toml")).unwrap();
        assert_eq!(parse(&text), Ok(description));
        assert_eq!(parse("class_names = [\"a\"]").unwrap().preprocessing, Preprocessing::Whole);
    }

    #[test]
    fn an_invalid_description_is_an_error_in_one_line() {
        let long = format!("class_names = [\"{}\"]", "x".repeat(201));
        let many = format!("class_names = [{}]", "\"a\",".repeat(257));
        for (text, message) in [
            ("class_names = []", "0 class names; expected 1 to 256"),
            (&many[..], "257 class names"),
            (&long[..], "expected 1 to 200 bytes"),
            ("class_names = [\" \"]", "the class name \" \""),
            ("class_names = [\"a\\nb\"]", "in one line"),
            ("class_names = [\"a\", \"b\", \"a\"]", "two classes are called \"a\""),
            ("class_names = [\"a\"]\nclasses = 3", "line 2: unknown field `classes`"),
            ("class_names = [\"a\"]\npreprocessing = \"crop\"", "unknown preprocessing `crop`"),
            ("origin = \"x\"", "missing field `class_names`"),
            ("class_names = 3", "line 1: invalid type"),
            ("[", "line 1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.starts_with("d.toml: ") && error.contains(message) && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_allowed_and_a_huge_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Description::of_dir(directory.path()).unwrap(), None);
        std::fs::write(directory.path().join(FILE_NAME), "#".repeat(1 << 19)).unwrap();
        let error = Description::of_dir(directory.path()).unwrap_err().to_string();
        assert!(error.contains("more than 262144 bytes"), "{error}");
    }
}
