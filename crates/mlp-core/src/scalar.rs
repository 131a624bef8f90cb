//! The one trait that this crate is generic over, [`Scalar`]: `f32` and `f64`, with the kernels compiled for them.

use crate::kernels::{Kernels, Real};
use crate::names::named;

/// A floating-point precision, for where it is chosen at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Precision {
    /// `f32`, single precision.
    #[default]
    F32,
    /// `f64`, double precision, the chapter's.
    F64,
}

named!(Precision, "precision", F32 => "f32", F64 => "f64");

/// The type of a network's numbers: `f32` (matrix products by `sgemm`) or `f64` (by `dgemm`).
///
/// The trait is sealed: there are two precisions and there will be no third.
pub trait Scalar: Real + Kernels {
    /// The type's name.
    const PRECISION: Precision;
}

impl Scalar for f32 {
    const PRECISION: Precision = Precision::F32;
}

impl Scalar for f64 {
    const PRECISION: Precision = Precision::F64;
}
