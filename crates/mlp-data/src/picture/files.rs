//! Picture files: finding them in a directory, in natural order, and reading one.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use image::ImageReader;
use image::error::ImageError;

use super::GrayPicture;
use super::decode::problem;
use crate::Error;
use crate::fs::natural_order;

/// The file name extensions of pictures, in lower case.
pub const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "pgm", "pnm", "ppm", "pbm"];

/// The maximum size of a picture file in bytes.
const MAX_FILE_BYTES: u64 = 256_000_000;

/// The maximum depth of directories that are searched.
const MAX_DEPTH: usize = 32;

impl GrayPicture {
    /// Reads a picture file, as [`GrayPicture::decode`].
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InFile`] with what [`GrayPicture::decode`] finds wrong.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        Self::read_from(file, path)
    }

    /// Columns and rows of a picture file according to its header; a photograph may still have to
    /// be rotated.
    ///
    /// # Errors
    /// As [`GrayPicture::read`].
    pub fn size_of(path: &Path) -> Result<(usize, usize), Error> {
        let problem =
            |error: ImageError| Error::InFile { path: path.to_owned(), problem: Box::new(problem(error)) };
        let reader = ImageReader::open(path).map_err(Error::io("open", path))?;
        let reader = reader.with_guessed_format().map_err(Error::io("read", path))?;
        let (width, height) = reader.into_dimensions().map_err(problem)?;
        Ok((width as usize, height as usize))
    }

    /// [`GrayPicture::read`] from any reader; `origin` is the path to name in errors.
    ///
    /// # Errors
    /// As [`GrayPicture::read`].
    pub fn read_from(reader: impl Read, origin: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io("read", origin))?;
        let decoded = if bytes.len() as u64 > MAX_FILE_BYTES {
            Err(Error::Picture { problem: format!("more than {} MB", MAX_FILE_BYTES / 1_000_000) })
        } else {
            Self::decode(&bytes)
        };
        decoded.map_err(|problem| Error::InFile { path: origin.to_owned(), problem: Box::new(problem) })
    }
}

/// The picture files in a directory and below it, by their extensions, each directory in natural
/// order. Hidden files are left out, and links to directories are not followed.
///
/// # Errors
/// [`Error::Io`] if a directory cannot be listed.
pub fn picture_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    collect(directory, MAX_DEPTH, &mut found)?;
    Ok(found)
}

fn collect(directory: &Path, deeper: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for (path, is_directory) in entries(directory)? {
        if is_directory {
            if deeper > 0 {
                collect(&path, deeper - 1, found)?;
            }
        } else if is_picture_name(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// The entries of a directory that are not hidden, in natural order, each with whether it is a
/// directory.
pub(super) fn entries(directory: &Path) -> Result<Vec<(PathBuf, bool)>, Error> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let entry = entry.map_err(Error::io("list", directory))?;
        let kind = entry.file_type().map_err(Error::io("inspect", &entry.path()))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push((entry.path(), kind.is_dir()));
        }
    }
    entries.sort_by(|(a, _), (b, _)| natural_order(&name(a), &name(b)));
    Ok(entries)
}

/// The last part of a path as text.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn is_picture_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_searched_in_the_order_people_expect() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["10.PNG", "2.png", "b/1.jpg", "b/notes.txt", ".hidden.png", "b/.git/3.png", "c.pgm"] {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = picture_files(directory.path()).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(directory.path()).unwrap()).collect();
        assert_eq!(found, ["2.png", "10.PNG", "b/1.jpg", "c.pgm"].map(Path::new));
        assert!(picture_files(&directory.path().join("none")).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_file_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.png");
        fs::write(&path, "no picture").unwrap();
        let error = GrayPicture::read(&path).unwrap_err().to_string();
        let expected = format!(
            "{}: it begins with 6e 6f 20 70; expected a whole PNG, JPEG or PGM picture",
            path.display()
        );
        assert_eq!(error, expected);
    }
}
