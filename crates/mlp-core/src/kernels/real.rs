//! The arithmetic of one number. [`Scalar`](crate::Scalar) adds the kernels, which depend on this
//! file.

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
    /// The distance from 1 to the next larger number (2⁻²³ or 2⁻⁵²).
    const EPSILON: f64;

    /// The smallest size of a number in the state of an optimizer, 2⁻¹⁰⁰ or 2⁻¹⁰⁰⁰.
    const TINY: Self;

    /// Rounds to this type.
    fn from_f64(value: f64) -> Self;

    /// Converts to `f64`, exactly.
    fn into_f64(self) -> f64;

    /// Returns exp(`self`): in `f32` our own, vectorizable and accurate to 1.01 ulp; in `f64` the
    /// system's.
    fn exponential(self) -> Self;

    /// Returns the complementary error function.
    fn erfc(self) -> Self;
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    const TINY: Self = f32::from_bits((127 - 100) << 23);

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
    const TINY: Self = f64::from_bits((1023 - 1000) << 52);

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
