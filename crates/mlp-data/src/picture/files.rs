//! Finding picture files in a directory, in natural order, and reading one.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::GrayPicture;
use super::decode::oriented_size;
use crate::Error;
use crate::fs::natural_order;

/// The file name extensions of pictures, in lower case.
pub const ENDINGS: [&str; 15] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "tif", "tiff", "gif", "pgm", "pnm", "ppm", "pbm",
    "pam",
];

/// The kinds of files that may hold pictures.
const ARCHIVES: [&str; 10] =
    [".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst", ".parquet"];

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

    /// Returns columns and rows of a picture file according to its header, upright.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn size_of(path: &Path) -> Result<(usize, usize), Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        oriented_size(&mut BufReader::new(file)).map_err(Error::in_file(path))
    }

    /// [`read`](Self::read) from any reader; `origin` is the path to name in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_from(reader: impl Read, origin: &Path) -> Result<Self, Error> {
        let bytes = contents(reader, origin)?;
        Self::decode(&bytes).map_err(Error::in_file(origin))
    }
}

/// Reads all bytes, unless they are too many.
fn contents(reader: impl Read, origin: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io("read", origin))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let problem = format!("more than {} MB", MAX_FILE_BYTES / 1_000_000);
        return Err(Error::in_file(origin)(Error::Picture { problem }));
    }
    Ok(bytes)
}

/// The picture files below a directory, and a count of the other files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureFiles {
    /// The pictures, each directory in natural order.
    pub files: Vec<PathBuf>,
    /// The other files.
    pub left_out: LeftOut,
    /// Number of pictures in subdirectories.
    pub nested: usize,
}

/// Files that are not read as pictures, counted by kind. Displayed as `1 .txt, 2 HEIC (not
/// supported; save as JPEG)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<String, usize>);

impl LeftOut {
    /// Returns true if nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if archives or compressed files are among the files.
    pub(crate) fn has_archives(&self) -> bool {
        ARCHIVES.iter().any(|kind| self.0.contains_key(*kind))
    }

    pub(super) fn add(&mut self, kind: String) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Removes a file that was counted.
    #[cfg(feature = "tables")]
    pub(crate) fn remove(&mut self, path: &Path) {
        if let Ok(Kind::Other(kind)) = kind(path)
            && let Some(count) = self.0.get_mut(&kind)
        {
            *count = count.saturating_sub(1);
            self.0.retain(|_, count| *count > 0);
        }
    }

    /// Adds the counts of another.
    pub fn extend(&mut self, other: Self) {
        for (kind, count) in other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.0.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        f.write_str(&kinds.join(", "))
    }
}

impl PictureFiles {
    /// Finds the picture files anywhere below a directory by their extensions. Links are followed,
    /// except to directories that were already searched. Hidden files are ignored.
    ///
    /// # Errors
    /// [`Error::Io`] if a directory cannot be listed.
    pub fn find(directory: &Path) -> Result<Self, Error> {
        let root = directory.canonicalize().map_err(Error::io("list", directory))?;
        let mut search = Search { seen: HashSet::from([root.clone()]), root, found: Self::default() };
        search.collect(directory, 0)?;
        Ok(search.found)
    }
}

/// A search for pictures.
struct Search {
    root: PathBuf,
    /// The directories that have been entered, as canonical paths.
    seen: HashSet<PathBuf>,
    found: PictureFiles,
}

impl Search {
    fn collect(&mut self, directory: &Path, depth: usize) -> Result<(), Error> {
        for (path, kind) in entries(directory)? {
            match kind {
                Kind::Picture => {
                    self.found.nested += usize::from(depth > 0);
                    self.found.files.push(path);
                }
                Kind::Directory => {
                    let target = path.canonicalize().map_err(Error::io("list", &path))?;
                    if self.root.starts_with(&target) || !self.seen.insert(target) {
                        self.found.left_out.add("link to a directory that is already searched".to_owned());
                    } else if depth == MAX_DEPTH {
                        self.found.left_out.add(format!("directory more than {MAX_DEPTH} deep"));
                    } else {
                        self.collect(&path, depth + 1)?;
                    }
                }
                Kind::Other(kind) => self.found.left_out.add(kind),
            }
        }
        Ok(())
    }
}

/// The kind of a directory entry.
pub(crate) enum Kind {
    Directory,
    Picture,
    Other(String),
}

/// Lists a directory without hidden entries, in natural order, with the target of each link.
pub(crate) fn entries(directory: &Path) -> Result<Vec<(PathBuf, Kind)>, Error> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let path = entry.map_err(Error::io("list", directory))?.path();
        if !is_litter(&name(&path)) {
            let kind = kind(&path)?;
            entries.push((path, kind));
        }
    }
    entries.sort_by(|(a, _), (b, _)| natural_order(&name(a), &name(b)));
    Ok(entries)
}

fn kind(path: &Path) -> Result<Kind, Error> {
    let metadata = match fs::metadata(path) {
        // Reading a broken link to a picture reports it.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_picture_name(path) => {
            return Ok(Kind::Other("broken link".to_owned()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kind::Picture),
        metadata => metadata.map_err(Error::io("inspect", path))?,
    };
    Ok(if metadata.is_dir() {
        Kind::Directory
    } else if !metadata.is_file() {
        Kind::Other("pipe, socket or device".to_owned())
    } else if is_picture_name(path) {
        Kind::Picture
    } else {
        Kind::Other(match extension(path).as_str() {
            "" => "without an extension".to_owned(),
            "heic" | "heif" => "HEIC (not supported; save as JPEG)".to_owned(),
            "avif" => "AVIF (not supported; save as JPEG or PNG)".to_owned(),
            other => format!(".{other}"),
        })
    })
}

/// Files and directories that macOS, Windows, network drives and Python add.
const LITTER: [&str; 8] = [
    "__MACOSX",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$RECYCLE.BIN",
    "System Volume Information",
    "@eaDir",
    "__pycache__",
];

/// Returns true for hidden files, and for those that systems add to directories and archives.
pub(crate) fn is_litter(name: &str) -> bool {
    name.starts_with('.') || LITTER.iter().any(|litter| name.eq_ignore_ascii_case(litter))
}

/// The last component of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn is_picture_name(path: &Path) -> bool {
    ENDINGS.contains(&extension(path).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_searched_in_natural_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "10.PNG",
            "2.png",
            "b/1.jpg",
            "b/notes.txt",
            ".hidden.png",
            "@eaDir/1.png",
            "$RECYCLE.BIN/1.png",
            "thumbs.db",
            "b/.git/3.png",
            "c.pgm",
            "d.HEIC",
            "e",
            "f.jfif",
        ] {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = PictureFiles::find(directory.path()).unwrap();
        let files: Vec<_> =
            found.files.iter().map(|path| path.strip_prefix(directory.path()).unwrap()).collect();
        assert_eq!(files, ["2.png", "10.PNG", "b/1.jpg", "c.pgm", "f.jfif"].map(Path::new));
        assert_eq!(found.nested, 1);
        assert_eq!(
            found.left_out.to_string(),
            "1 .txt, 1 HEIC (not supported; save as JPEG), 1 without an extension"
        );
        assert!(PictureFiles::find(&directory.path().join("none")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["a/1.png", "b/2.png", "elsewhere/deep/3.png"] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "").unwrap();
        }
        symlink("../b/2.png", path("a/2.png")).unwrap();
        symlink("../elsewhere", path("a/linked")).unwrap();
        // Back to itself, to a directory above, to each other, and twice to the same.
        symlink(".", path("a/self")).unwrap();
        symlink("..", path("a/up")).unwrap();
        symlink("../a", path("elsewhere/back")).unwrap();
        symlink("deep", path("elsewhere/twice")).unwrap();
        symlink("/nowhere/x.png", path("a/broken.png")).unwrap();
        symlink("/nowhere", path("a/broken")).unwrap();
        let found = PictureFiles::find(&path("a")).unwrap();
        let files: Vec<String> = found.files.iter().map(|path| name(path)).collect();
        assert_eq!(files, ["1.png", "2.png", "broken.png", "3.png"]);
        assert_eq!(
            found.left_out.to_string(),
            "1 broken link, 4 link to a directory that is already searched"
        );
    }

    #[test]
    fn an_error_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.png");
        fs::write(&path, "no picture").unwrap();
        let error = GrayPicture::read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: it begins with 6e 6f 20 70; ", path.display())), "{error}");
    }
}
