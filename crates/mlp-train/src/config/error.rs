//! Errors in the options of a run.

use mlp_core::{NetworkError, SeedTooLarge};
use thiserror::Error as ThisError;

/// An option with which training cannot begin.
#[derive(Clone, Debug, PartialEq, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)] // of fields: each is named in its message
pub enum ConfigError {
    /// A number outside its range.
    #[error("{} is {found}; expected {expected}", option.replace('_', " "))]
    OutOfRange { option: &'static str, found: String, expected: String },
    /// A hidden layer without units; layers count from 1.
    #[error("hidden layer {layer} has 0 units; expected at least 1 (leave the layer out to have none)")]
    NoUnits { layer: usize },
    /// More hidden layers than a model file can hold.
    #[error("{found} hidden layers; expected at most {most}")]
    TooDeep { found: usize, most: usize },
    /// A warm-up before a schedule that has its own.
    #[error("the schedule one-cycle has a warm-up of its own; expected warm-up epochs of 0")]
    CycleAndWarmUp,
    /// A text that is not a [`Target`](crate::Target).
    #[error(
        "`{found}` is no target; expected a metric and a value, as in test-accuracy=0.98 or validation-loss=0.1"
    )]
    Target { found: String },
    /// A text that is not an interval ([`Every`](crate::Every)).
    #[error("`{found}` is no interval; expected a time or a number of steps, as in 30s, 5m or 500steps")]
    Every { found: String },
    /// A metric on a set that does not exist.
    #[error("{metric} asks for a {set} set, and there is none; expected {expected}")]
    NoSuchSet { metric: &'static str, set: &'static str, expected: &'static str },
    /// A kernel that needs OpenBLAS, in a build without it.
    #[error("the kernel {kernel} needs OpenBLAS, and this build has none; use --kernel portable")]
    NoOpenBlas { kernel: &'static str },
    /// Images too wide for a CSR matrix.
    #[error("images of {found} pixels in a CSR matrix; expected at most {most} (use --kernel openblas)")]
    TooWide { found: usize, most: usize },
    /// A seed too large for the random stream.
    #[error(transparent)]
    Seed(#[from] SeedTooLarge),
    /// Layer sizes that no network can have.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
