//! Directories of pictures as labeled files: `class-name/*.png`, or the same below `train/` and
//! `test/`. Only names are read here, not pictures.

use std::path::{Path, PathBuf};

use super::files::{entries, is_picture_name, name, picture_files};
use crate::Error;

/// The picture files of a directory, with their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabeledFiles {
    /// The names of the classes, in natural order.
    pub class_names: Vec<String>,
    /// The training files with their labels, class after class.
    pub train: Vec<(PathBuf, u8)>,
    /// The files of `test/`, or `None` if there is no such directory.
    pub test: Option<Vec<(PathBuf, u8)>>,
    /// The number of pictures outside the class directories.
    pub strays: usize,
}

/// The classes of a directory, each with its files.
type Classes = Vec<(String, Vec<PathBuf>)>;

impl LabeledFiles {
    /// Searches a directory: each subdirectory is a class, and the pictures anywhere below it are
    /// its examples. If the only subdirectories are `train` and optionally `test`, the classes are
    /// in these.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::ClassDirectories`] if there are no classes or more than 256, a class
    /// has no pictures, or `test` has a class that `train` lacks.
    pub fn find(directory: &Path) -> Result<Self, Error> {
        let directories = entries(directory)?.into_iter().filter(|(_, is_directory)| *is_directory);
        let directories: Vec<String> = directories.map(|(path, _)| name(&path)).collect();
        match directories.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["train"] => Self::of_splits(&directory.join("train"), None),
            ["test", "train"] => Self::of_splits(&directory.join("train"), Some(&directory.join("test"))),
            _ => Self::of_splits(directory, None),
        }
    }

    fn of_splits(train: &Path, test: Option<&Path>) -> Result<Self, Error> {
        let (found, mut strays) = classes(train)?;
        let class_names: Vec<String> = found.iter().map(|(class, _)| class.clone()).collect();
        let train = labeled(train, found, &class_names)?;
        let test = match test {
            Some(directory) => {
                let (found, more) = classes(directory)?;
                strays += more;
                Some(labeled(directory, found, &class_names)?)
            }
            None => None,
        };
        Ok(Self { class_names, train, test, strays })
    }
}

/// Labels files with the position of their class in `class_names`.
fn labeled(directory: &Path, classes: Classes, class_names: &[String]) -> Result<Vec<(PathBuf, u8)>, Error> {
    let mut files = Vec::new();
    for (class, paths) in classes {
        let Some(label) = class_names.iter().position(|known| *known == class) else {
            let problem = format!(
                "the class {class} is not among those of train; expected the same directories in both"
            );
            return Err(Error::ClassDirectories { directory: directory.to_owned(), problem });
        };
        files.extend(paths.into_iter().map(|path| (path, label as u8)));
    }
    Ok(files)
}

/// Returns the classes in a directory, 1 to 256, and the number of pictures beside them.
fn classes(directory: &Path) -> Result<(Classes, usize), Error> {
    let (mut classes, mut strays) = (Vec::new(), 0);
    for (path, is_directory) in entries(directory)? {
        if is_directory {
            let files = picture_files(&path)?;
            if files.is_empty() {
                let problem = "a class without pictures; put some in, or remove the directory".to_owned();
                return Err(Error::ClassDirectories { directory: path, problem });
            }
            classes.push((name(&path), files));
        } else {
            strays += usize::from(is_picture_name(&path));
        }
    }
    if !(1..=256).contains(&classes.len()) {
        let problem = format!(
            "{} directories in it; expected one for each class, 1 to 256, with its pictures",
            classes.len()
        );
        return Err(Error::ClassDirectories { directory: directory.to_owned(), problem });
    }
    Ok((classes, strays))
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
    fn train_and_test_are_splits() {
        let both = found(&["train/a/1.png", "train/b/1.png", "test/b/2.png"]).unwrap();
        assert_eq!((both.class_names.len(), both.train.len()), (2, 2));
        assert_eq!(both.test.unwrap()[0].1, 1);
        assert_eq!(found(&["train/a/1.png", "train/b/1.png"]).unwrap().test, None);
        // Beside another directory they are classes.
        assert_eq!(found(&["train/1.png", "bus/1.png"]).unwrap().class_names, ["bus", "train"]);
    }

    #[test]
    fn invalid_class_directories_are_errors() {
        let many: Vec<String> = (0..257).map(|class| format!("{class}/1.png")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (files, message) in [
            (&["a.png"][..], "DIR: 0 directories in it; expected one for each class"),
            (&many[..], "DIR: 257 directories in it"),
            (&["a/1.png", "b/"][..], "DIR/b: a class without pictures"),
            (&["train/a/1.png", "test/b/1.png"][..], "DIR/test: the class b is not among those of train"),
        ] {
            let error = found(files).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        assert!(LabeledFiles::find(Path::new("no such directory")).is_err());
    }
}
