//! The description of a dataset in its directory, `dataset.toml`: class names, preprocessing,
//! origin. People write it by hand, too, so everything in it is checked.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Preprocessing};

/// The name of the file.
pub(crate) const FILE_NAME: &str = "dataset.toml";

/// The most bytes of the file.
const MAX_BYTES: u64 = 1 << 18;

/// The most bytes of a class's name.
const MAX_NAME: usize = 200;

/// The content of `dataset.toml`.
///
/// # Example
/// ```
/// use mlp_data::{Description, Preprocessing};
/// let text = "class_names = [\"cat\", \"dog\"]\npreprocessing = \"whole\"\n";
/// let description = Description::parse(text, "dataset.toml".as_ref())?;
/// assert_eq!(description.class_names, ["cat", "dog"]);
/// assert_eq!(description.preprocessing, Preprocessing::Whole);
/// # Ok::<(), mlp_data::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name of each class, in the order of the labels: 1 to 256, all different.
    pub class_names: Vec<String>,
    /// How a picture becomes one of the images.
    #[serde(default)]
    pub preprocessing: Preprocessing,
    /// Where the images came from, for people to read.
    #[serde(default)]
    pub origin: String,
}

impl Description {
    /// Reads the description in a directory, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Description`] with what is wrong.
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

    /// Reads the text of such a file; `origin` is the path to name in errors.
    ///
    /// # Errors
    /// [`Error::Description`].
    pub fn parse(text: &str, origin: &Path) -> Result<Self, Error> {
        let description: Self =
            toml::from_str(text).map_err(|error| invalid(origin, in_one_line(text, &error)))?;
        description.check().map_err(|reason| invalid(origin, reason))?;
        Ok(description)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`Error::Description`] if [`Description::parse`] would refuse it, for a file called
    /// `origin`.
    pub fn to_toml(&self, origin: &Path) -> Result<String, Error> {
        self.check().map_err(|reason| invalid(origin, reason))?;
        toml::to_string(self).map_err(|error| invalid(origin, error.to_string()))
    }

    fn check(&self) -> Result<(), String> {
        let names = &self.class_names;
        if !(1..=256).contains(&names.len()) {
            return Err(format!("{} class names; expected 1 to 256", names.len()));
        }
        let bad = |name: &&String| {
            name.trim().is_empty() || name.len() > MAX_NAME || name.contains(char::is_control)
        };
        if let Some(name) = names.iter().find(bad) {
            return Err(format!(
                "the class name {name:?}; expected 1 to {MAX_NAME} bytes of text in one line"
            ));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two classes are called {:?}; expected names that differ", pair[0])),
            None => Ok(()),
        }
    }
}

fn invalid(path: &Path, reason: String) -> Error {
    Error::Description { path: path.to_owned(), reason }
}

/// The line of an error and its message.
fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    let line =
        error.span().map(|span| 1 + text.bytes().take(span.start).filter(|&byte| byte == b'\n').count());
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Description, String> {
        Description::parse(text, Path::new("d.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let description = Description {
            class_names: ["a \"b\"", "ü", "10"].map(str::to_owned).to_vec(),
            preprocessing: Preprocessing::Digit,
            origin: "of a directory".to_owned(),
        };
        let text = description.to_toml(Path::new("d.toml")).unwrap();
        assert_eq!(parse(&text), Ok(description));
        assert_eq!(parse("class_names = [\"a\"]").unwrap().preprocessing, Preprocessing::Whole);
    }

    #[test]
    fn whatever_is_wrong_is_said_in_one_line() {
        let long = format!("class_names = [\"{}\"]", "x".repeat(201));
        let many = format!("class_names = [{}]", "\"a\",".repeat(257));
        for (text, said) in [
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
                error.starts_with("d.toml: ") && error.contains(said) && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn a_directory_without_the_file_says_nothing_and_a_huge_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Description::of_dir(directory.path()).unwrap(), None);
        std::fs::write(directory.path().join(FILE_NAME), "#".repeat(1 << 19)).unwrap();
        let error = Description::of_dir(directory.path()).unwrap_err().to_string();
        assert!(error.contains("more than 262144 bytes"), "{error}");
    }
}
