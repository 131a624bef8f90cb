//! [`Error`], everything that can go wrong in this crate.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

use crate::config::error::ConfigError;
use crate::formats::error::FormatError;

/// Everything that can go wrong in this crate.
///
/// The `reason` of an I/O error is part of its message, and so it is not a source, which would be
/// printed once more.
#[derive(Debug, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)] // of fields: each is named in its message
pub enum Error {
    /// An option with which training cannot begin.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model that cannot be exported or imported.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A loss that is infinite or NaN. Epochs and steps count from 1; `tensor` is the first of the
    /// parameters and values of the forward pass that is not finite: `w_h`, or `z_o`.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step}: {tensor} is not finite; a smaller learning rate or clipping \
         (clip_norm) may help"
    )]
    Diverged { epoch: usize, step: usize, loss: f64, tensor: String },
    /// A checkpoint and a plan that do not belong together.
    #[error("cannot resume: {reason}")]
    Resume { reason: String },
    /// An observer that could not do its work.
    #[error("{what}: {reason}")]
    Observer { what: String, reason: io::Error },
    /// A file or directory that could not be read or written.
    #[error("{}: {action}: {reason}", path.display())]
    Io { path: PathBuf, action: &'static str, reason: io::Error },
    /// A run directory that exists already.
    #[error("{}: the run directory exists and is not empty; runs are never overwritten: name another or remove it", path.display())]
    RunExists { path: PathBuf },
    /// A run directory in which another process trains.
    #[error("{}: another process trains in this run directory; wait for it, or name another directory", path.display())]
    RunLocked { path: PathBuf },
    /// A directory without a run in it.
    #[error("{}: no run: there is no config.toml in it; expected a directory that `mlp train` wrote", path.display())]
    NoRun { path: PathBuf },
    /// A missing model file; `found` is "no such file" or "a directory".
    #[error("{}: cannot read the model: {found}; expected a model file", path.display())]
    NoModel { path: PathBuf, found: &'static str },
    /// A file of another kind, by its first bytes. Here and below `what` is the kind expected: a
    /// model or a checkpoint.
    #[error("{}: not a {what} file: it begins with {found}; expected the eight bytes of a file written by `mlp train`", path.display())]
    OtherFile { path: PathBuf, what: &'static str, found: String },
    /// A file of another format version.
    #[error("{}: {what} format version {found}; this program reads version {expected}: use the mlp that wrote the file, or train again", path.display())]
    FileVersion { path: PathBuf, what: &'static str, found: u32, expected: u32 },
    /// A file that is shorter or longer than its header says.
    #[error("{}: {found} bytes; expected {expected} by its header: the file is truncated or has something appended", path.display())]
    FileLength { path: PathBuf, found: u64, expected: u64 },
    /// A file whose SHA-256 is not the one in its header.
    #[error("{}: the checksum does not match: the file is damaged; expected SHA-256 {expected}, found {found}", path.display())]
    FileChecksum { path: PathBuf, found: String, expected: String },
    /// An intact file with invalid content.
    #[error("{}: the {what} in it is not valid: {reason}", path.display())]
    FileInvalid { path: PathBuf, what: &'static str, reason: String },
    /// A dataset whose images are too large or too small for the network, or whose classes are too
    /// many.
    #[error(
        "the network takes {inputs} inputs and tells {outputs} classes; the dataset has {pixels} pixels and {classes} classes: use the dataset that it was trained on"
    )]
    DoesNotFit { inputs: usize, outputs: usize, pixels: usize, classes: usize },
    /// Images of another shape than the model's.
    #[error(
        "images of {found}; the model takes images of {expected}: use the dataset that it was trained on"
    )]
    OtherShape { found: mlp_data::ImageShape, expected: mlp_data::ImageShape },
    /// Nothing to evaluate.
    #[error("the dataset is empty; expected at least one example to evaluate")]
    Empty,
}

/// The error of something that was done to a file or directory.
pub(crate) fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |reason| Error::Io { path: path.to_owned(), action, reason }
}
