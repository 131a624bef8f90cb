//! [`Scalar`], the only trait that this crate is generic over: `f32` and `f64`, with their kernels
//! and passes.

use crate::kernels::{Kernels, Real};
use crate::names::named;
use crate::passes::Passes;

/// A floating-point precision, chosen at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Precision {
    /// `f32`, single precision.
    #[default]
    F32,
    /// `f64`, double precision, as in the chapter.
    F64,
}

named!(Precision, "precision", F32 => "f32", F64 => "f64");

/// The number type of a network: `f32` or `f64`. The trait is sealed.
pub trait Scalar: Real + Kernels + Passes {
    /// The precision of the type.
    const PRECISION: Precision;
}

impl Scalar for f32 {
    const PRECISION: Precision = Precision::F32;
}

impl Scalar for f64 {
    const PRECISION: Precision = Precision::F64;
}
