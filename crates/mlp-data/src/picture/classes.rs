//! Directories of pictures as labeled files: `class-name/*.png`, or the same below a directory for
//! each part of a split, such as `train/` and `test/`. Only names are read here, not pictures.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::files::{Kind, LeftOut, PictureFiles, entries, name};
use crate::Error;
use crate::parts::{Part, in_part};
use crate::text::counted;

/// Files with their labels.
type Labeled = Vec<(PathBuf, u8)>;

/// The picture files of a directory, with their classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabeledFiles {
    /// The names of the classes, in natural order.
    pub class_names: Vec<String>,
    /// The training files with their labels, class after class.
    pub train: Labeled,
    /// The files of the validation directory, if there is one.
    pub validation: Option<Labeled>,
    /// The files of the test directory, if there is one.
    pub test: Option<Labeled>,
    /// The number of pictures outside the class directories.
    pub strays: usize,
    /// Files that are not pictures.
    pub left_out: LeftOut,
    /// How directories were interpreted if that is not obvious, one line each.
    pub notes: Vec<String>,
}

/// The entries of a directory.
struct Listing {
    directories: Vec<PathBuf>,
    pictures: usize,
    left_out: LeftOut,
}

impl LabeledFiles {
    /// Searches a directory: each subdirectory is a class, and the pictures anywhere below it are
    /// its examples.
    ///
    /// If the subdirectories are the parts of a split (`train`, `val`, `test` and other usual names
    /// in any case), the classes are in these. A directory that contains only another directory is
    /// replaced by it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::ClassDirectories`] if it is unclear which directories are classes or
    /// parts, there are no classes or more than 256, a class has no pictures, or another part has a
    /// class that the training part does not have.
    pub fn find(directory: &Path) -> Result<Self, Error> {
        if directory.is_file() {
            let problem = "found a file; expected a directory with a subdirectory of pictures for each class";
            return Err(invalid(directory, problem));
        }
        let mut found = Self::default();
        let (top, listing) = found.descend(directory)?;
        let mut parts = found.parts(&top, &listing)?;
        parts.sort_by_key(|(part, _)| *part);
        let Some((first, others)) = parts.split_first() else {
            found.train = found.classes(&top, listing, true)?;
            return Ok(found);
        };
        let described: Vec<String> =
            parts.iter().map(|(part, path)| format!("{part} from {}", name(path))).collect();
        found.notes.push(format!("parts: {}", described.join(", ")));
        found.strays += listing.pictures;
        found.left_out.extend(listing.left_out);
        let (path, listing) = found.descend(&first.1)?;
        found.train = found.classes(&path, listing, true)?;
        for (part, path) in others {
            let (path, listing) = found.descend(path)?;
            let files = Some(found.classes(&path, listing, false)?);
            match part {
                Part::Test => found.test = files,
                _ => found.validation = files,
            }
        }
        Ok(found)
    }

    /// Descends while a directory contains only a directory of directories, as in archives.
    fn descend(&mut self, directory: &Path) -> Result<(PathBuf, Listing), Error> {
        let mut path = directory.to_owned();
        let mut listing = Listing::of(&path)?;
        for _ in 0..8 {
            let [only] = &listing.directories[..] else { break };
            let below = Listing::of(only)?;
            if listing.pictures + below.pictures > 0 || below.directories.is_empty() {
                break;
            }
            self.left_out.extend(listing.left_out);
            (path, listing) = (only.clone(), below);
        }
        if path != directory {
            self.notes.push(format!("using the subdirectories of {}", path.display()));
        }
        Ok((path, listing))
    }

    /// Returns the directories of the parts of a split, including the training part, or none if the
    /// directories are classes.
    fn parts(&mut self, top: &Path, listing: &Listing) -> Result<Vec<(Part, PathBuf)>, Error> {
        let names: Vec<String> = listing.directories.iter().map(|path| name(path)).collect();
        let known: Vec<Option<(String, Part)>> = names.iter().map(|name| in_part(name)).collect();
        // Names differ only in the part: `mnist_train` and `mnist_test`.
        let stems: HashSet<&String> = known.iter().flatten().map(|(stem, _)| stem).collect();
        let parts: BTreeSet<Part> = known.iter().flatten().map(|(_, part)| *part).collect();
        if stems.len() != 1 {
            return Ok(Vec::new());
        }
        let (mut found, mut others) = (Vec::new(), Vec::new());
        for (path, known) in listing.directories.iter().zip(&known) {
            match known {
                Some((_, part)) => found.push((*part, path.clone())),
                None if parts.len() > 1 && PictureFiles::find(path)?.files.is_empty() => {
                    self.left_out.add("directory without pictures".to_owned());
                }
                None => others.push(name(path)),
            }
        }
        let of_parts: Vec<String> = found.iter().map(|(_, path)| name(path)).collect();
        let of_parts = of_parts.join(", ");
        if let Some(other) = others.first() {
            // A class may be named `train` if the others are buses and ships.
            let mut are_classes = parts.len() == 1;
            for (_, path) in &found {
                are_classes &= Listing::of(path)?.pictures > 0;
            }
            if are_classes {
                return Ok(Vec::new());
            }
            let problem = format!(
                "found {of_parts} and {other} side by side; expected either parts of a split (train, \
                 validation, test) or classes; move one of them elsewhere"
            );
            return Err(invalid(top, problem));
        }
        if parts.len() < found.len() {
            let problem =
                format!("found {of_parts}, several for the same part of a split; expected one for each part");
            return Err(invalid(top, problem));
        }
        if !parts.contains(&Part::Train) {
            let problem =
                format!("found {of_parts} without a training part; expected a directory train beside it");
            return Err(invalid(top, problem));
        }
        Ok(found)
    }

    /// Labels the files of the classes in a directory. The first directory names the classes.
    fn classes(&mut self, directory: &Path, listing: Listing, is_first: bool) -> Result<Labeled, Error> {
        refuse_same_subdirectories(directory, &listing.directories)?;
        let count = listing.directories.len();
        if count + listing.pictures == 0 && listing.left_out.has_archives() {
            return Err(invalid(directory, only_archives(&listing.left_out)));
        }
        self.strays += listing.pictures;
        self.left_out.extend(listing.left_out);
        if !(1..=256).contains(&count) {
            let beside = match listing.pictures {
                0 => String::new(),
                pictures => format!(" and {}", counted(pictures, "picture")),
            };
            let directories = counted(count, "directory");
            let problem = format!(
                "found {directories}{beside}; expected a directory of pictures for each of 1 to 256 classes"
            );
            return Err(invalid(directory, &problem));
        }
        let (mut files, mut nested) = (Vec::new(), Vec::new());
        for path in listing.directories {
            let class = name(&path);
            let found = PictureFiles::find(&path)?;
            if found.files.is_empty() && found.left_out.has_archives() {
                return Err(invalid(&path, only_archives(&found.left_out)));
            }
            if found.files.is_empty() {
                let others = match found.left_out.is_empty() {
                    true => String::new(),
                    false => format!(", only {}", found.left_out),
                };
                let problem =
                    format!("found no pictures of this class{others}; add some, or remove the directory");
                return Err(invalid(&path, &problem));
            }
            self.left_out.extend(found.left_out);
            if found.nested > 0 {
                nested.push(class.clone());
            }
            if is_first {
                self.class_names.push(class.clone());
            }
            let Some(label) = self.class_names.iter().position(|known| *known == class) else {
                let problem = format!(
                    "class {class} is not in the training part; expected the same classes in all parts"
                );
                return Err(invalid(directory, &problem));
            };
            files.extend(found.files.into_iter().map(|path| (path, label as u8)));
        }
        if let Some(first) = nested.first() {
            let all =
                if nested.len() == 1 { String::new() } else { format!(" and {} more", nested.len() - 1) };
            self.notes.push(format!("pictures in subdirectories are added to their class: {first}{all}"));
        }
        Ok(files)
    }
}

/// Refuses directories that all contain the same subdirectories and no pictures: folds, parts of a
/// split with unknown names, or classes one level further down.
fn refuse_same_subdirectories(directory: &Path, directories: &[PathBuf]) -> Result<(), Error> {
    let mut common: Option<Vec<String>> = None;
    for path in directories {
        let listing = Listing::of(path)?;
        if listing.pictures > 0 {
            return Ok(());
        }
        let names: Vec<String> = listing.directories.iter().map(|path| name(path)).collect();
        let lower: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        common = Some(match common {
            None => names,
            Some(common) => common.into_iter().filter(|name| lower.contains(&name.to_lowercase())).collect(),
        });
    }
    match common.as_deref() {
        Some([first, rest @ ..]) if directories.len() > 1 => {
            let and = rest.first().map_or(String::new(), |second| format!(", {second}"));
            let problem = format!(
                "cannot tell which directories are classes: all {} ({}, …) have the same subdirectories \
                 ({first}{and}, …); expected classes, or train, validation and test with classes in each",
                directories.len(),
                name(&directories[0]),
            );
            Err(invalid(directory, &problem))
        }
        _ => Ok(()),
    }
}

fn only_archives(left_out: &LeftOut) -> String {
    format!("found no pictures, only {left_out}; unpack the archives in it and import the result")
}

impl Listing {
    fn of(directory: &Path) -> Result<Self, Error> {
        let mut listing = Self { directories: Vec::new(), pictures: 0, left_out: LeftOut::default() };
        for (path, kind) in entries(directory)? {
            match kind {
                Kind::Directory => listing.directories.push(path),
                Kind::Picture => listing.pictures += 1,
                Kind::Other(kind) => listing.left_out.add(kind),
            }
        }
        Ok(listing)
    }
}

fn invalid(directory: &Path, problem: impl Into<String>) -> Error {
    Error::ClassDirectories { directory: directory.to_owned(), problem: problem.into() }
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
        assert_eq!(found.left_out.to_string(), "1 .md, 1 .txt");
        assert_eq!(found.notes, ["pictures in subdirectories are added to their class: 9"]);
        let labels: Vec<_> = found.train.iter().map(|(path, label)| (name(path), *label)).collect();
        assert_eq!(labels, [("b.jpg".to_owned(), 0), ("c.pgm".to_owned(), 0), ("a.png".to_owned(), 1)]);
        assert_eq!((found.validation, found.test), (None, None));
    }

    #[test]
    fn parts_of_a_split_are_known_by_their_usual_names() {
        for (train, validation, test) in [
            ("train", "val", "test"),
            ("Training", "Validation", "Testing"),
            ("TRAIN", "dev", "TEST"),
            ("training_set", "valid_set", "test_set"),
            ("train2017", "val2017", "test2017"),
            ("mnist-train", "mnist-valid", "mnist-test"),
        ] {
            let files = [
                format!("{train}/a/1.png"),
                format!("{train}/b/1.png"),
                format!("{validation}/b/2.png"),
                format!("{test}/a/3.png"),
                "labels/list.csv".to_owned(),
            ];
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let found = found(&files).unwrap();
            assert_eq!((found.class_names.len(), found.train.len()), (2, 2), "{train}");
            assert_eq!((found.validation.unwrap()[0].1, found.test.unwrap()[0].1), (1, 0));
            assert!(found.notes[0].starts_with("parts: training from "), "{:?}", found.notes);
            assert_eq!(found.left_out.to_string(), "1 directory without pictures");
        }
        let two = found(&["train/a/1.png", "train/b/1.png", "val/b/2.png"]).unwrap();
        assert_eq!((two.validation.unwrap().len(), two.test), (1, None));
        // Nested twice, like archives from Kaggle.
        let files =
            ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/1.png", "seg_test/seg_test/a/1.png"];
        assert_eq!(found(&files).unwrap().test.unwrap().len(), 1);
        // Next to classes, they are classes.
        assert_eq!(found(&["train/1.png", "bus/1.png"]).unwrap().class_names, ["bus", "train"]);
        let trains = ["steam train/1.png", "express train/1.png", "test tube/1.png"];
        assert_eq!(found(&trains).unwrap().class_names.len(), 3);
    }

    #[test]
    fn a_single_directory_stands_for_its_content() {
        for files in [
            &["set/a/1.png", "set/b/1.png", "readme.txt", "__MACOSX/set/a/1.png"][..],
            &["x/y/train/a/1.png", "x/y/train/b/1.png"],
        ] {
            let found = found(files).unwrap();
            assert_eq!(found.class_names, ["a", "b"]);
            assert!(found.notes[0].starts_with("using the subdirectories of "), "{:?}", found.notes);
        }
        assert_eq!(found(&["a/1.png"]).unwrap().class_names, ["a"]);
    }

    #[test]
    fn invalid_class_directories_are_errors() {
        let many: Vec<String> = (0..257).map(|class| format!("{class}/1.png")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (files, message) in [
            (
                &["a.png"][..],
                "DIR: found 0 directories and 1 picture; expected a directory of pictures for each",
            ),
            (&many[..], "DIR: found 257 directories; "),
            (&["a/1.png", "b/"], "DIR/b: found no pictures of this class; add some"),
            (&["a/1.png", "b/x.heic"], "DIR/b: found no pictures of this class, only 1 HEIC (not supported"),
            (&["x.zip", "y.tar.gz"], "DIR: found no pictures, only 1 .gz, 1 .zip; unpack the archives"),
            (&["a/x.ZIP", "a/readme.txt"], "DIR/a: found no pictures, only 1 .txt, 1 .zip; unpack the"),
            (&["train/a/1.png", "test/b/1.png"], "DIR/test: class b is not in the training part"),
            (&["train/a/1.png", "train/b/1.png", "extra/a/1.png"], "DIR: found train and extra side by side"),
            (
                &["train/a/1.png", "test/a/1.png", "extra/1.png"],
                "DIR: found test, train and extra side by side",
            ),
            (&["train/a/1.png", "Training/a/1.png"], "DIR: found Training, train, several for the same part"),
            (&["val/a/1.png", "test/a/1.png"], "DIR: found test, val without a training part"),
            (&["train/1.png", "test/1.png"], "DIR/train: found 0 directories and 1 picture; "),
            (
                &["fold1/a/1.png", "fold1/b/1.png", "fold2/a/1.png"],
                "DIR: cannot tell which directories are classes: all 2 (fold1, …) have",
            ),
            (
                &["cat/train/1.png", "cat/test/1.png", "dog/train/1.png"],
                "DIR: cannot tell which directories are classes: all 2 (cat, …)",
            ),
        ] {
            let error = found(files).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        assert!(LabeledFiles::find(Path::new("no such directory")).is_err());
        let error = LabeledFiles::find(Path::new("Cargo.toml")).unwrap_err().to_string();
        assert_eq!(
            error,
            "Cargo.toml: found a file; expected a directory with a subdirectory of pictures for each class"
        );
    }
}
