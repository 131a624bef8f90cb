//! Directories of pictures as labeled files: `class-name/*.png`, or the same below `train/` and
//! `test/`. Only names are read here, no pictures.

use std::path::{Path, PathBuf};

use super::files::{entries, is_picture_name, name, picture_files};
use crate::Error;

/// The picture files of a directory, with their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabeledFiles {
    /// The names of the classes, in natural order.
    pub class_names: Vec<String>,
    /// The files to train with, each with its class, class after class.
    pub train: Vec<(PathBuf, u8)>,
    /// The files of `test/`; `None` where there is no such directory.
    pub test: Option<Vec<(PathBuf, u8)>>,
    /// The number of pictures outside the directories of the classes.
    pub strays: usize,
}

/// The classes of one directory, each with its files.
type Classes = Vec<(String, Vec<PathBuf>)>;

impl LabeledFiles {
    /// Searches a directory: each directory in it is a class, and the pictures in that, however
    /// deep, are its examples. If it only has the directories `train` and perhaps `test`, these are
    /// searched for classes.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::ClassDirectories`] if there are no classes or more than 256, one has
    /// no pictures, or `test` has one that `train` has not.
    pub fn find(directory: &Path) -> Result<Self, Error> {
        let directories: Vec<PathBuf> = entries(directory)?
            .into_iter()
            .filter(|(_, is_directory)| *is_directory)
            .map(|(path, _)| path)
            .collect();
        let is_split = !directories.is_empty()
            && directories.iter().any(|path| name(path) == "train")
            && directories.iter().all(|path| ["train", "test"].contains(&name(path).as_str()));
        if !is_split {
            let (classes, strays) = classes(directory)?;
            return Ok(Self { train: labeled(&classes), class_names: names(classes), test: None, strays });
        }
        let (train, mut strays) = classes(&directory.join("train"))?;
        let mut test = None;
        if directories.len() == 2 {
            let (found, more) = classes(&directory.join("test"))?;
            strays += more;
            let mut files = Vec::new();
            for (class, paths) in found {
                let Some(label) = train.iter().position(|(known, _)| *known == class) else {
                    return Err(problem(
                        &directory.join("test"),
                        format!(
                            "the class {class} is not among those of train; expected the same directories in both"
                        ),
                    ));
                };
                // There are at most 256.
                files.extend(paths.into_iter().map(|path| (path, label as u8)));
            }
            test = Some(files);
        }
        Ok(Self { train: labeled(&train), class_names: names(train), test, strays })
    }
}

/// The classes in a directory, and the number of pictures beside them.
fn classes(directory: &Path) -> Result<(Classes, usize), Error> {
    let (mut classes, mut strays) = (Vec::new(), 0);
    for (path, is_directory) in entries(directory)? {
        if is_directory {
            let files = picture_files(&path)?;
            if files.is_empty() {
                return Err(problem(
                    &path,
                    "a class without pictures; put some in, or remove the directory".to_owned(),
                ));
            }
            classes.push((name(&path), files));
        } else {
            strays += usize::from(is_picture_name(&path));
        }
    }
    if !(1..=256).contains(&classes.len()) {
        let found = format!(
            "{} directories in it; expected one for each class, 1 to 256, with its pictures",
            classes.len()
        );
        return Err(problem(directory, found));
    }
    Ok((classes, strays))
}

fn labeled(classes: &Classes) -> Vec<(PathBuf, u8)> {
    let labels = 0..=u8::MAX;
    classes
        .iter()
        .zip(labels)
        .flat_map(|((_, files), label)| files.iter().map(move |path| (path.clone(), label)))
        .collect()
}

fn names(classes: Classes) -> Vec<String> {
    classes.into_iter().map(|(name, _)| name).collect()
}

fn problem(directory: &Path, problem: String) -> Error {
    Error::ClassDirectories { directory: directory.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            let is_directory = file.ends_with('/');
            fs::create_dir_all(if is_directory { &path } else { path.parent().unwrap() }).unwrap();
            if !is_directory {
                fs::write(path, "").unwrap();
            }
        }
        directory
    }

    fn found(files: &[&str]) -> Result<LabeledFiles, String> {
        let directory = tree(files);
        let error = |error: Error| error.to_string().replace(&directory.path().display().to_string(), "DIR");
        LabeledFiles::find(directory.path()).map_err(error)
    }

    #[test]
    fn directories_are_classes_in_natural_order() {
        let found =
            found(&["10/a.png", "9/b.jpg", "9/deep/c.pgm", "9/notes.txt", "stray.png", "readme.md"]).unwrap();
        assert_eq!((found.class_names, found.strays), (vec!["9".to_owned(), "10".to_owned()], 1));
        let labels: Vec<_> = found.train.iter().map(|(path, label)| (name(path), *label)).collect();
        assert_eq!(labels, [("b.jpg".to_owned(), 0), ("c.pgm".to_owned(), 0), ("a.png".to_owned(), 1)]);
        assert_eq!(found.test, None);
    }

    #[test]
    fn train_and_test_are_no_classes() {
        let both = found(&["train/a/1.png", "train/b/1.png", "test/b/2.png"]).unwrap();
        assert_eq!((both.class_names.len(), both.train.len()), (2, 2));
        assert_eq!(both.test.unwrap()[0].1, 1);
        assert_eq!(found(&["train/a/1.png", "train/b/1.png"]).unwrap().test, None);
        // Beside another class they are classes.
        assert_eq!(found(&["train/1.png", "bus/1.png"]).unwrap().class_names, ["bus", "train"]);
    }

    #[test]
    fn directories_that_are_no_classes_are_an_error_in_one_line() {
        let many: Vec<String> = (0..257).map(|class| format!("{class}/1.png")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (files, said) in [
            (&["a.png"][..], "DIR: 0 directories in it; expected one for each class"),
            (&many[..], "DIR: 257 directories in it"),
            (&["a/1.png", "b/"][..], "DIR/b: a class without pictures"),
            (&["train/a/1.png", "test/b/1.png"][..], "DIR/test: the class b is not among those of train"),
        ] {
            let error = found(files).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(LabeledFiles::find(Path::new("no such directory")).is_err());
    }
}
