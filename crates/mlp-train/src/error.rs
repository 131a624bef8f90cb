//! The error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

use mlp_data::memory::{is_available, megabytes};
use thiserror::Error as ThisError;

use crate::ConfigError;
use crate::formats::FormatError;

/// An error of this crate.
///
/// The `reason` of an I/O error is part of the message. It is not a source, which would be printed
/// twice.
#[derive(Debug, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)] // of fields: the messages name them
pub enum Error {
    /// An invalid configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A dataset that cannot be used any more.
    #[error(transparent)]
    Data(#[from] mlp_data::Error),
    /// A failed export or import.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An infinite or NaN loss. Epochs and steps count from 1; `tensor` is the first parameter or
    /// intermediate value that is not finite, such as `w_h` or `z_o`.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step}: {tensor} is not finite; try a smaller learning rate or clip_norm"
    )]
    Diverged { epoch: usize, step: usize, loss: f64, tensor: String },
    /// A checkpoint that does not match the plan.
    #[error("cannot resume: {reason}")]
    Resume { reason: String },
    /// A failed observer.
    #[error("{what}: {reason}")]
    Observer { what: String, reason: io::Error },
    /// A failed file operation.
    #[error("{}: {action}: {reason}", path.display())]
    Io { path: PathBuf, action: &'static str, reason: io::Error },
    /// A file that takes more memory than the system gives.
    #[error("{}: {action}: it needs {} of memory, more than is available", path.display(), megabytes(*bytes))]
    Memory { path: PathBuf, action: &'static str, bytes: u64 },
    /// A run directory that already exists.
    #[error("{}: the run directory is not empty, and runs are never overwritten: choose another, or remove it", path.display())]
    RunExists { path: PathBuf },
    /// A run directory in use by another process.
    #[error("{}: another process is training in this run directory; wait for it or choose another directory", path.display())]
    RunLocked { path: PathBuf },
    /// A directory that is not a run directory.
    #[error("{}: not a run directory: it has no config.toml; expected one written by `mlp train`", path.display())]
    NoRun { path: PathBuf },
    /// A missing model file; `found` is "no such file" or "a directory".
    #[error("{}: cannot read the model: {found}; expected a model file", path.display())]
    NoModel { path: PathBuf, found: &'static str },
    /// A file of another kind. Here and below, `what` is the expected kind: model or checkpoint.
    #[error("{}: not a {what} file: it begins with {found}; expected a file written by `mlp train`", path.display())]
    OtherFile { path: PathBuf, what: &'static str, found: String },
    /// An unsupported format version.
    #[error("{}: {what} format version {found}; this program reads version {expected}: use the version of mlp that wrote it, or train again", path.display())]
    FileVersion { path: PathBuf, what: &'static str, found: u32, expected: u32 },
    /// A file whose length differs from the one in its header.
    #[error("{}: {found} bytes; the header says {expected}: the file is truncated or has trailing bytes", path.display())]
    FileLength { path: PathBuf, found: u64, expected: u64 },
    /// A file whose SHA-256 differs from the one in its header.
    #[error("{}: the checksum does not match: the file is damaged; expected SHA-256 {expected}, found {found}", path.display())]
    FileChecksum { path: PathBuf, found: String, expected: String },
    /// An intact file with invalid content.
    #[error("{}: invalid {what}: {reason}", path.display())]
    FileInvalid { path: PathBuf, what: &'static str, reason: String },
    /// A dataset with the wrong image size or too many classes for the network.
    #[error(
        "the network has {inputs} inputs and {outputs} classes; the dataset has {pixels} pixels and {classes} classes: use the dataset it was trained on"
    )]
    DoesNotFit { inputs: usize, outputs: usize, pixels: usize, classes: usize },
    /// A dataset of other classes than the model's.
    #[error(
        "cannot match the classes: the dataset has {found}; the model has {expected}: use a dataset with the model's classes"
    )]
    OtherClasses { found: String, expected: String },
    /// Images whose shape differs from the model's.
    #[error("images of {found}; the model takes images of {expected}: use the dataset it was trained on")]
    OtherShape { found: mlp_data::ImageShape, expected: mlp_data::ImageShape },
    /// Processes that a launcher started together and MPI does not connect.
    #[error(
        "{variable} is {expected}, but MPI connects {found}: each would do the whole work; start them with the `mpirun` of the Open MPI that this program was built with, or with `srun --mpi=pmix`"
    )]
    Ranks { variable: &'static str, expected: usize, found: usize },
    /// An empty dataset.
    #[error("the dataset is empty; expected at least one example to evaluate")]
    Empty,
}

/// Refuses an action on a file that takes more memory than is available.
pub(crate) fn check_memory(path: &Path, action: &'static str, bytes: u64) -> Result<(), Error> {
    if is_available(bytes) { Ok(()) } else { Err(Error::Memory { path: path.to_owned(), action, bytes }) }
}

/// Converts the failure of `action` on `path` into an [`Error`].
pub(crate) fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |reason| Error::Io { path: path.to_owned(), action, reason }
}
