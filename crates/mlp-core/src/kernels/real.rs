//! The arithmetic of one number: what the kernels need of `f32` and `f64`. [`Scalar`](crate::Scalar) adds the kernels
//! themselves, which is why the two are apart.

use std::fmt::{Debug, Display, LowerExp};
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};

use ndarray::{LinalgScalar, ScalarOperand};
use num_traits::Float;

use super::exp::exp;
use super::simd::Vectors;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A floating-point number: `f32` or `f64`. The trait is sealed.
pub trait Real:
    sealed::Sealed
    + Vectors
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
    /// The distance from 1 to the next larger number (2⁻²³ or 2⁻⁵²), as `f64`.
    const EPSILON: f64;

    /// Returns `value` rounded to this type.
    fn from_f64(value: f64) -> Self;

    /// Returns this value in `f64`, exactly.
    fn into_f64(self) -> f64;

    /// Returns exp(`self`). In `f32` it is our own, at most 1.01 units in the last place off and written so that loops over it
    /// vectorize; in `f64` it is the system's.
    fn exponential(self) -> Self;

    /// Returns the complementary error function, 2/√π ∫ exp(-t²) dt from `self` to infinity.
    fn erfc(self) -> Self;
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn into_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        exp(self)
    }

    fn erfc(self) -> Self {
        libm::erfcf(self)
    }
}

impl Real for f64 {
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
