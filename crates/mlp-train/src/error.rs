//! What can go wrong in training: [`Error`], and the part of it that is somebody's choice, [`ConfigError`].

use std::io;
use std::path::PathBuf;

use mlp_core::{NetworkError, SeedTooLarge};
use thiserror::Error as ThisError;

use crate::config::metric::Metric;
use crate::formats::ExchangeError;

/// A choice with which training cannot begin.
#[derive(Clone, Debug, PartialEq, ThisError)]
#[non_exhaustive]
pub enum ConfigError {
    /// Nothing to do.
    #[error("epochs is 0; expected at least 1")]
    NoEpochs,
    /// More than anybody can wait for.
    #[error("epochs is {found}; expected at most {}", u32::MAX)]
    Epochs {
        /// The epochs asked for.
        found: usize,
    },
    /// More layers than a model file takes.
    #[error("{found} hidden layers; expected at most {most}")]
    TooDeep {
        /// The hidden layers asked for.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A batch of nothing, or of more than there is.
    #[error("batch size is {found}; expected 1 to {examples}, the number of training examples")]
    BatchSize {
        /// The batch size asked for.
        found: usize,
        /// The size of the training set.
        examples: usize,
    },
    /// A step that goes nowhere, uphill or out of all bounds.
    #[error("learning rate is {found}; expected a finite number above 0 that the precision can hold")]
    LearningRate {
        /// The learning rate asked for.
        found: f64,
    },
    /// A number that is not in its range.
    #[error("{what} is {found}; expected {expected}")]
    OutOfRange {
        /// Which choice.
        what: &'static str,
        /// The number.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Two warm-ups.
    #[error("the schedule one-cycle has a warm-up of its own; expected warm-up epochs of 0")]
    CycleAndWarmUp,
    /// A text that is no target.
    #[error(
        "`{found}` is no target; expected a metric and a value, as in test-accuracy=0.98 or validation-loss=0.1"
    )]
    Target {
        /// The text.
        found: String,
    },
    /// A text that is no interval.
    #[error("`{found}` is no interval; expected a time or a number of steps, as in 30s, 5m or 500steps")]
    Every {
        /// The text.
        found: String,
    },
    /// A metric on a set that there is not.
    #[error("{metric} asks for a {set} set, and there is none; expected {expected}")]
    NoSuchSet {
        /// The metric.
        metric: Metric,
        /// Which set is missing.
        set: &'static str,
        /// What to do.
        expected: &'static str,
    },
    /// A hidden layer of nothing.
    #[error("hidden layer {layer} has 0 units; expected at least 1 (leave the layer out to have none)")]
    NoUnits {
        /// Counted from 1.
        layer: usize,
    },
    /// OpenBLAS where there is none.
    #[error("this build has no OpenBLAS; expected one of the kernels auto, sparse, dense")]
    NoOpenBlas,
    /// Images with more pixels than a sparse row can number.
    #[error("images of {found} pixels as sparse rows; expected at most {most} (take the kernel dense)")]
    TooWide {
        /// Pixels of an image.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A seed that the random stream cannot take.
    #[error(transparent)]
    Seed(#[from] SeedTooLarge),
    /// Sizes that no network can have.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Everything that can go wrong in this crate.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A choice with which training cannot begin.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model that cannot be carried to another tool or back.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// A loss that is infinite or not a number.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step}: {tensor} is not finite; a smaller learning rate or clipping \
         (clip_norm) may help"
    )]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1, within the epoch.
        step: usize,
        /// The loss.
        loss: f64,
        /// The first of the parameters and values of the forward pass that is not finite: `w_h`, or `z_o`.
        tensor: String,
    },
    /// A checkpoint and a plan that do not belong together.
    #[error("cannot resume: {reason}")]
    Resume {
        /// What does not fit.
        reason: String,
    },
    /// An observer could not do its work.
    #[error("{what}: {reason}")]
    Observer {
        /// What it was doing, with the path.
        what: String,
        /// Why it failed. Part of the message, and so not a source that would be printed once more.
        reason: io::Error,
    },
    /// A file or directory could not be read or written.
    #[error("{}: {action}: {reason}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done to it.
        action: &'static str,
        /// Why it failed. Part of the message, and so not a source that would be printed once more.
        reason: io::Error,
    },
    /// A run directory that is taken.
    #[error("{}: the run directory exists and is not empty; runs are never overwritten: name another or remove it", path.display())]
    RunExists {
        /// The directory.
        path: PathBuf,
    },
    /// A run directory in which somebody trains.
    #[error("{}: another process trains in this run directory; wait for it, or name another directory", path.display())]
    RunLocked {
        /// The directory.
        path: PathBuf,
    },
    /// A directory without a run in it.
    #[error("{}: no run: there is no config.toml in it; expected a directory that `mlp train` wrote", path.display())]
    NoRun {
        /// The directory.
        path: PathBuf,
    },
    /// Nothing where a model should be, or a directory.
    #[error("{}: cannot read the model: {found}; expected a model file", path.display())]
    NoModel {
        /// Where it should be.
        path: PathBuf,
        /// What is there: "no such file" or "a directory".
        found: &'static str,
    },
    /// A file that does not begin as one of its kind does.
    #[error("{}: not a {what} file: it begins with {found}; expected the eight bytes of a file written by `mlp train`", path.display())]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// What it should be: a model or a checkpoint.
        what: &'static str,
        /// Its first bytes, as text.
        found: String,
    },
    /// A file of another format version.
    #[error("{}: {what} format version {found}; this program reads version {expected}: use the mlp that wrote the file, or train again", path.display())]
    FileVersion {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The version in the file.
        found: u32,
        /// The version that would have done.
        expected: u32,
    },
    /// A file that is shorter or longer than its header says.
    #[error("{}: {found} bytes; expected {expected} by its header: the file is truncated or has something appended", path.display())]
    FileLength {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The length that its header promises.
        expected: u64,
    },
    /// A file whose content has changed.
    #[error("{}: the checksum does not match: the file is damaged; expected SHA-256 {expected}, found {found}", path.display())]
    FileChecksum {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the content, in hexadecimal.
        found: String,
        /// SHA-256 in the header.
        expected: String,
    },
    /// A file whose content is intact and makes no sense.
    #[error("{}: the {what} in it is not valid: {reason}", path.display())]
    FileInvalid {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A dataset on which a network cannot be evaluated.
    #[error(
        "the network takes {inputs} inputs and tells {outputs} classes; the dataset has {pixels} pixels and {classes} classes: use the dataset that it was trained on"
    )]
    DoesNotFit {
        /// The network's inputs.
        inputs: usize,
        /// The network's classes.
        outputs: usize,
        /// Pixels of an image.
        pixels: usize,
        /// Classes of the dataset.
        classes: usize,
    },
    /// Images of another form than the model's.
    #[error(
        "images of {found}; the model takes images of {expected}: use the dataset that it was trained on"
    )]
    OtherShape {
        /// The form of the dataset's images.
        found: mlp_data::ImageShape,
        /// The form of the model's.
        expected: mlp_data::ImageShape,
    },
    /// Nothing to evaluate.
    #[error("the dataset is empty; expected at least one example to evaluate")]
    Empty,
}
