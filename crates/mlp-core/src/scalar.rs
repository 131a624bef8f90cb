//! The one trait over the two floating-point types. Everything generic in this crate is generic over [`Scalar`] and
//! nothing else; an operation that a type parameter would need and `num_traits::Float` lacks stands here.

use std::fmt::{Debug, Display, LowerExp};
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

use ndarray::{LinalgScalar, ScalarOperand};
use num_traits::Float;

use crate::kernels::Compiled;
use crate::names::named;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The name of a floating-point type, for where it is chosen at run time.
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

/// The type of the numbers in a network: `f32` (matrix products by `sgemm`) or `f64` (by `dgemm`).
///
/// The trait is sealed: there are two precisions and there will be no third.
pub trait Scalar:
    sealed::Sealed
    + Compiled
    + Float
    + LinalgScalar
    + ScalarOperand
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Debug
    + Display
    + LowerExp
    + Default
    + Send
    + Sync
{
    /// The type's name.
    const PRECISION: Precision;
    /// The distance from 1 to the next larger number (2⁻²³ or 2⁻⁵²), as `f64`.
    const EPSILON: f64;

    /// `value` rounded to this type.
    fn from_f64(value: f64) -> Self;

    /// This value in `f64`, exactly.
    fn into_f64(self) -> f64;

    /// exp(`self`): in `f32` our own, which is at most 1.01 units in the last place off and becomes vector instructions; in `f64`
    /// the system's.
    fn exponential(self) -> Self;

    /// The complementary error function, 2/√π ∫ exp(-t²) dt from `self` to infinity.
    fn erfc(self) -> Self;
}

impl Scalar for f32 {
    const PRECISION: Precision = Precision::F32;
    const EPSILON: f64 = f32::EPSILON as f64;

    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn into_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        crate::kernels::exp(self)
    }

    fn erfc(self) -> Self {
        libm::erfcf(self)
    }
}

impl Scalar for f64 {
    const PRECISION: Precision = Precision::F64;
    const EPSILON: f64 = f64::EPSILON;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn into_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }

    fn erfc(self) -> Self {
        libm::erfc(self)
    }
}
