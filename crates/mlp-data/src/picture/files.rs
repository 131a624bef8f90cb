//! Finding picture files in a directory, in natural order, and reading one.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use image::ImageReader;

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
    /// Reads and [`decode`](Self::decode)s a picture file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InFile`] with an error of [`decode`](Self::decode).
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        Self::read_from(file, path)
    }

    /// Returns columns and rows of a picture file according to its header, before any rotation.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn size_of(path: &Path) -> Result<(usize, usize), Error> {
        let reader = ImageReader::open(path).map_err(Error::io("open", path))?;
        let reader = reader.with_guessed_format().map_err(Error::io("read", path))?;
        let (width, height) = reader.into_dimensions().map_err(problem).map_err(Error::in_file(path))?;
        Ok((width as usize, height as usize))
    }

    /// [`read`](Self::read) from any reader; `origin` is the path to name in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_from(reader: impl Read, origin: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io("read", origin))?;
        let decoded = if bytes.len() as u64 > MAX_FILE_BYTES {
            Err(Error::Picture { problem: format!("more than {} MB", MAX_FILE_BYTES / 1_000_000) })
        } else {
            Self::decode(&bytes)
        };
        decoded.map_err(Error::in_file(origin))
    }
}

/// Finds the picture files anywhere below a directory by their extensions, each directory in
/// natural order. Hidden files are left out, and links to directories are not followed.
///
/// # Errors
/// [`Error::Io`] if a directory cannot be listed.
pub fn picture_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    collect(directory, MAX_DEPTH, &mut found)?;
    Ok(found)
}

fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for (path, is_directory) in entries(directory)? {
        if is_directory {
            if depth > 0 {
                collect(&path, depth - 1, found)?;
            }
        } else if is_picture_name(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Lists a directory without hidden entries, in natural order, and whether each is a directory.
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

/// The last component of a path.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ENDINGS.contains(&extension.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_searched_in_natural_order() {
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
    fn an_error_names_the_file() {
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
