//! Errors in the configuration of a run.

use mlp_core::{NetworkError, SeedTooLarge};
use mlp_data::memory::megabytes;
use thiserror::Error as ThisError;

/// An invalid configuration.
#[derive(Clone, Debug, PartialEq, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)] // of fields: the messages name them
pub enum ConfigError {
    /// A number outside its range.
    #[error("{} is {found}; expected {expected}", option.replace('_', " "))]
    OutOfRange { option: &'static str, found: String, expected: String },
    /// An empty hidden layer; layers count from 1.
    #[error("hidden layer {layer} has 0 units; expected at least 1 (or remove the layer)")]
    NoUnits { layer: usize },
    /// Too many hidden layers for a model file.
    #[error("{found} hidden layers; expected at most {most}")]
    TooDeep { found: usize, most: usize },
    /// A warm-up with a schedule that has its own.
    #[error("the one-cycle schedule has its own warm-up; expected warmup_epochs = 0")]
    CycleAndWarmUp,
    /// A limit of augmentation without augmentation.
    #[error("{} is given without augmentation; expected augment = true (--augment)", option.replace('_', " "))]
    NoAugmentation { option: &'static str },
    /// Augmentation of examples that are not images.
    #[error("augmentation distorts images; expected 2 to {most} rows and columns, found {shape}", most = mlp_data::Augmenter::MAX_SIDE)]
    NoImages { shape: String },
    /// A text that is not a [`ClassRotation`](crate::ClassRotation).
    #[error(
        "`{found}` is not a list of rotations; expected different labels and degrees from 0 to 180, such as 1=7.5,7=7.5"
    )]
    ClassRotation { found: String },
    /// A text that is not a [`Target`](crate::Target).
    #[error(
        "`{found}` is not a target; expected a metric and a value, such as test-accuracy=0.98 or validation-loss=0.1"
    )]
    Target { found: String },
    /// A text that is not an interval ([`Every`](crate::Every)).
    #[error(
        "`{found}` is not an interval; expected a time or a number of steps, such as 30s, 5m or 500steps"
    )]
    Every { found: String },
    /// A metric whose dataset is missing.
    #[error("{metric} needs a {set} set, but there is none; expected {expected}")]
    NoSuchSet { metric: &'static str, set: &'static str, expected: &'static str },
    /// A kernel that needs OpenBLAS in a build without it.
    #[error("the {kernel} kernel needs OpenBLAS, which this build does not have; use --kernel portable")]
    NoOpenBlas { kernel: &'static str },
    /// Work that takes more memory than the system gives.
    #[error("{work} needs {} of memory, more than is available; {advice}", megabytes(*bytes))]
    Memory { work: &'static str, bytes: u64, advice: &'static str },
    /// Images too wide for a CSR matrix.
    #[error(
        "images of {found} pixels do not fit a CSR matrix; expected at most {most} (use --kernel openblas)"
    )]
    TooWide { found: usize, most: usize },
    /// A seed too large for the random stream.
    #[error(transparent)]
    Seed(#[from] SeedTooLarge),
    /// Invalid layer sizes.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
