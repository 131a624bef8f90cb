//! Finds the IDX files of a dataset by common names: `train-images-idx3-ubyte`,
//! `train-images.idx3-ubyte`, `emnist-letters-test-labels-idx1-ubyte`, each raw or with `.gz`, or
//! in a directory with the same name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::catalog::MNIST_FILE_NAMES;

/// The names of a validation set's images and labels.
pub(super) const VALIDATION_FILE_NAMES: [&str; 2] =
    ["validation-images-idx3-ubyte", "validation-labels-idx1-ubyte"];

/// The files of a dataset.
pub(super) struct Files {
    pub(super) train: Pair,
    pub(super) validation: Option<Pair>,
    pub(super) test: Pair,
    /// The common prefix of the names, such as `emnist-letters`, or nothing.
    pub(super) prefix: String,
}

/// The files of images and their labels.
pub(super) struct Pair {
    pub(super) images: PathBuf,
    pub(super) labels: PathBuf,
}

impl Files {
    /// Finds the files with exactly these names, each raw (which reads faster) or with `.gz`, or
    /// returns the names of the missing ones.
    pub(super) fn named(directory: &Path, names: [&str; 4]) -> Result<Self, Vec<String>> {
        let found = names.map(|name| {
            let paths = [directory.join(name), directory.join(format!("{name}.gz"))];
            paths.into_iter().find(|path| path.exists())
        });
        if let [Some(images), Some(labels), Some(test_images), Some(test_labels)] = found {
            let test = Pair { images: test_images, labels: test_labels };
            let train = Pair { images, labels };
            return Ok(Self { train, validation: None, test, prefix: String::new() });
        }
        let missing = names.iter().zip(&found).filter(|(_, path)| path.is_none());
        Err(missing.map(|(&name, _)| name.to_owned()).collect())
    }

    /// Finds the files of the only dataset in a directory, or in its `raw` or `NAME/raw`, where
    /// torchvision puts them.
    ///
    /// # Errors
    /// [`Error::MissingInDirectory`], [`Error::SeveralDatasets`].
    pub(super) fn find(directory: &Path) -> Result<Self, Error> {
        let below = subdirectories(directory).into_iter().map(|path| path.join("raw"));
        let places = [directory.to_owned(), directory.join("raw")].into_iter().chain(below);
        let mut groups: Vec<(PathBuf, Group)> = Vec::new();
        for place in places.filter(|place| place.is_dir()) {
            let found = Group::all_in(&place).into_values().map(|group| (place.clone(), group));
            groups.extend(found);
        }
        if groups.iter().any(|(_, group)| group.missing().is_empty()) {
            groups.retain(|(_, group)| group.missing().is_empty());
        } else {
            // Report the missing files of the most complete dataset.
            groups.sort_by_key(|(_, group)| group.missing().len());
            groups.truncate(1);
        }
        match groups.len() {
            0 => {
                let files = MNIST_FILE_NAMES.map(str::to_owned).to_vec();
                Err(Error::MissingInDirectory { directory: directory.to_owned(), files })
            }
            1 => {
                let (place, group) = groups.swap_remove(0);
                group.files().map_err(|files| Error::MissingInDirectory { directory: place, files })
            }
            _ => {
                let first = |(place, group): &(PathBuf, Group)| {
                    let name = group.roles.values().next().map(|path| path.as_path()).unwrap_or(place);
                    name.strip_prefix(directory).unwrap_or(name).display().to_string()
                };
                let files = groups.iter().map(first).collect();
                Err(Error::SeveralDatasets { directory: directory.to_owned(), files })
            }
        }
    }
}

/// The content of a file: its index in [`MNIST_FILE_NAMES`], or 4 and 5 for validation.
type Role = usize;

/// Files whose names begin with the same prefix.
#[derive(Default)]
struct Group {
    prefix: String,
    roles: BTreeMap<Role, PathBuf>,
}

impl Group {
    fn all_in(directory: &Path) -> BTreeMap<String, Self> {
        let mut groups: BTreeMap<String, Self> = BTreeMap::new();
        let mut paths = entries(directory);
        // MNIST's own names first, then others, then compressed files.
        let is_usual = |path: &Path| MNIST_FILE_NAMES.contains(&file_name(path).as_str());
        paths.sort_by_cached_key(|path| (!is_usual(path), is_gz(path), path.clone()));
        for path in paths {
            let Some((prefix, role)) = role(&file_name(&path)) else { continue };
            let file = match path.is_dir() {
                true => entries(&path).into_iter().find(|inner| {
                    inner.is_file() && self::role(&file_name(inner)) == Some((prefix.clone(), role))
                }),
                false => Some(path),
            };
            if let Some(file) = file {
                let group = groups.entry(prefix.clone()).or_default();
                group.prefix = prefix;
                group.roles.entry(role).or_insert(file);
            }
        }
        groups
    }

    fn missing(&self) -> Vec<String> {
        let missing = (0..4).filter(|role| !self.roles.contains_key(role));
        let dash = if self.prefix.is_empty() { "" } else { "-" };
        missing.map(|role| format!("{}{dash}{}", self.prefix, MNIST_FILE_NAMES[role])).collect()
    }

    fn files(mut self) -> Result<Files, Vec<String>> {
        let missing = self.missing();
        let mut pair = |images: Role| {
            let (images, labels) = (self.roles.remove(&images), self.roles.remove(&(images + 1)));
            Some(Pair { images: images?, labels: labels? })
        };
        match (pair(0), pair(2), pair(4)) {
            (Some(train), Some(test), validation) => {
                Ok(Files { train, validation, test, prefix: self.prefix })
            }
            _ => Err(missing),
        }
    }
}

/// The prefix and role of a file's name.
fn role(name: &str) -> Option<(String, Role)> {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name).replace(['.', '_'], "-");
    let name = name.strip_suffix("-ubyte").unwrap_or(&name);
    let (name, is_labels) = match (name.strip_suffix("-images-idx3"), name.strip_suffix("-labels-idx1")) {
        (Some(name), _) => (name, 0),
        (_, Some(name)) => (name, 1),
        _ => return None,
    };
    let (prefix, part) = name.rsplit_once('-').unwrap_or(("", name));
    let images = match part {
        "train" | "training" => 0,
        "t10k" | "test" | "testing" => 2,
        "validation" | "valid" | "val" => 4,
        _ => return None,
    };
    Some((prefix.to_owned(), images + is_labels))
}

/// The entries of a directory; none if it cannot be listed, which opening a file reports later.
fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(directory).into_iter().filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_gz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_have_a_role() {
        for (name, prefix, expected) in [
            ("train-images-idx3-ubyte", "", 0),
            ("train-labels.idx1-ubyte.gz", "", 1),
            ("T10K-IMAGES-IDX3-UBYTE", "", 2),
            ("test-labels-idx1-ubyte", "", 3),
            ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters", 0),
            ("validation-images-idx3-ubyte", "", 4),
            ("my_set_val_labels_idx1_ubyte", "my-set", 5),
        ] {
            assert_eq!(role(name), Some((prefix.to_owned(), expected)), "{name}");
        }
        for name in ["dataset.toml", "train-images", "images-idx3-ubyte", "x-images-idx3-ubyte", ".gz"] {
            assert_eq!(role(name), None, "{name}");
        }
    }

    fn found(files: &[&str]) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let short = |path: &Path| path.strip_prefix(directory.path()).unwrap().display().to_string();
        match Files::find(directory.path()) {
            Ok(Files { train, test, .. }) => Ok([train.images, train.labels, test.images, test.labels]
                .iter()
                .map(|path| short(path))
                .collect()),
            Err(error) => Err(error.to_string().replace(&directory.path().display().to_string(), "DIR")),
        }
    }

    #[test]
    fn files_are_found_where_archives_put_them() {
        for pattern in
            ["{}-ubyte", "MNIST/raw/{}-ubyte", "raw/{}-ubyte.gz", "{}-ubyte/{}-ubyte", "kuzushiji-{}-ubyte"]
        {
            let names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
            let files = names.map(|name| pattern.replace("{}", name));
            assert_eq!(found(&files.each_ref().map(String::as_str)).unwrap(), files);
        }
    }

    #[test]
    fn missing_files_and_several_datasets_are_errors() {
        assert!(found(&[]).unwrap_err().starts_with("DIR is not a dataset: no train-images-idx3-ubyte, "));
        let error = found(&["raw/x-train-images-idx3-ubyte", "raw/x-train-labels-idx1-ubyte"]).unwrap_err();
        assert!(error.starts_with("DIR/raw is not a dataset: no x-t10k-images-idx3-ubyte, "), "{error}");
        let names = MNIST_FILE_NAMES.map(|name| ["a", "b"].map(|set| format!("{set}-{name}"))).concat();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let error = found(&names).unwrap_err();
        assert!(error.starts_with("DIR contains several datasets (a-train-images-idx3-ubyte, b-"), "{error}");
    }
}
