//! The activation functions. Each is its value and its derivative under one heading, so that nobody can mend one and
//! forget the other; the derivations are in [`crate::gradients`]. Softmax is not here: it belongs to the loss.

use std::marker::PhantomData;

use crate::kernels::{Block, BlockMut, Simd, Work};
use crate::names::named;
use crate::{Isa, Scalar};

/// The non-linearity of the hidden layers, applied element by element: h = f(z).
///
/// ```
/// use mlp_core::Activation;
///
/// let f = Activation::Logistic;
/// let h = f.value(0.0_f64);
/// assert_eq!(h, 0.5);
/// assert_eq!(f.derivative(0.0, h), 0.25);
/// assert_eq!("leaky-relu".parse(), Ok(Activation::LeakyRelu));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Activation {
    /// 1 / (1 + exp(-z)), the chapter's.
    #[default]
    Logistic,
    /// tanh z.
    Tanh,
    /// max(0, z); the derivative at the kink is taken as 0.
    Relu,
    /// z where z > 0 and 0.01 z elsewhere; the derivative at the kink is taken as 0.01.
    LeakyRelu,
    /// z Φ(z) with the exact normal distribution function Φ (Hendrycks and Gimpel 2016), not its tanh approximation.
    Gelu,
    /// z: with it, any depth is one linear map.
    Identity,
}

/// One activation function. `derivative` is given z and the value h = f(z), and uses whichever is cheaper.
trait Function {
    fn value<A: Scalar>(z: A) -> A;
    fn derivative<A: Scalar>(z: A, h: A) -> A;
    /// Whether f' jumps at z = 0.
    const KINK: bool = false;
}

struct Logistic;

impl Function for Logistic {
    /// exp(-z) overflows to infinity for a very negative z, and 1/∞ is the right answer, 0.
    #[inline(always)]
    fn value<A: Scalar>(z: A) -> A {
        A::one() / (A::one() + (-z).exponential())
    }

    #[inline(always)]
    fn derivative<A: Scalar>(_z: A, h: A) -> A {
        h * (A::one() - h)
    }
}

struct Tanh;

impl Function for Tanh {
    #[inline(always)]
    fn value<A: Scalar>(z: A) -> A {
        z.tanh()
    }

    #[inline(always)]
    fn derivative<A: Scalar>(_z: A, h: A) -> A {
        A::one() - h * h
    }
}

struct Relu;

impl Function for Relu {
    const KINK: bool = true;

    /// Written so that NaN stays NaN.
    #[inline(always)]
    fn value<A: Scalar>(z: A) -> A {
        if z <= A::zero() { A::zero() } else { z }
    }

    #[inline(always)]
    fn derivative<A: Scalar>(z: A, _h: A) -> A {
        if z <= A::zero() { A::zero() } else { A::one() }
    }
}

struct LeakyRelu;

impl LeakyRelu {
    /// The slope left of the kink (Maas, Hannun and Ng 2013).
    const SLOPE: f64 = 0.01;
}

impl Function for LeakyRelu {
    const KINK: bool = true;

    #[inline(always)]
    fn value<A: Scalar>(z: A) -> A {
        if z <= A::zero() { A::from_f64(Self::SLOPE) * z } else { z }
    }

    #[inline(always)]
    fn derivative<A: Scalar>(z: A, _h: A) -> A {
        if z <= A::zero() { A::from_f64(Self::SLOPE) } else { A::one() }
    }
}

struct Gelu;

impl Gelu {
    /// Φ(z) = erfc(-z/√2) / 2: the complementary function keeps its digits where Φ is tiny.
    #[inline(always)]
    fn normal_distribution<A: Scalar>(z: A) -> A {
        A::from_f64(0.5) * (-z * A::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erfc()
    }

    /// φ(z) = exp(-z²/2) / √(2π).
    #[inline(always)]
    fn normal_density<A: Scalar>(z: A) -> A {
        A::from_f64(0.398_942_280_401_432_7) * (-A::from_f64(0.5) * z * z).exponential()
    }
}

impl Function for Gelu {
    #[inline(always)]
    fn value<A: Scalar>(z: A) -> A {
        z * Self::normal_distribution(z)
    }

    #[inline(always)]
    fn derivative<A: Scalar>(z: A, _h: A) -> A {
        Self::normal_distribution(z) + z * Self::normal_density(z)
    }
}

struct Identity;

impl Function for Identity {
    #[inline(always)]
    fn value<A: Scalar>(z: A) -> A {
        z
    }

    #[inline(always)]
    fn derivative<A: Scalar>(_z: A, _h: A) -> A {
        A::one()
    }
}

/// The one place where a name meets its function; the body is compiled once for each.
macro_rules! dispatch {
    ($activation:expr, $function:ident => $body:expr) => {
        match $activation {
            Activation::Logistic => {
                type $function = Logistic;
                $body
            }
            Activation::Tanh => {
                type $function = Tanh;
                $body
            }
            Activation::Relu => {
                type $function = Relu;
                $body
            }
            Activation::LeakyRelu => {
                type $function = LeakyRelu;
                $body
            }
            Activation::Gelu => {
                type $function = Gelu;
                $body
            }
            Activation::Identity => {
                type $function = Identity;
                $body
            }
        }
    };
}

impl Activation {
    /// h = f(z).
    pub fn value<A: Scalar>(self, z: A) -> A {
        dispatch!(self, F => F::value(z))
    }

    /// f'(z), given z and the value h = f(z).
    pub fn derivative<A: Scalar>(self, z: A, h: A) -> A {
        dispatch!(self, F => F::derivative(z, h))
    }

    /// Whether f' jumps at z = 0, so that central differences across it mean nothing.
    pub const fn has_kink(self) -> bool {
        dispatch!(self, F => F::KINK)
    }
}

/// H = f(Z), element by element.
pub(crate) fn apply<A: Scalar>(activation: Activation, isa: Isa, z: Block<'_, A>, h: BlockMut<'_, A>) {
    dispatch!(activation, F => isa.run(Apply::<A, F> { z, h, function: PhantomData }));
}

/// D = D ⊙ f'(Z), element by element, given H = f(Z).
pub(crate) fn multiply_by_derivative<A: Scalar>(
    activation: Activation,
    isa: Isa,
    z: Block<'_, A>,
    h: Block<'_, A>,
    d: BlockMut<'_, A>,
) {
    dispatch!(activation, F => isa.run(MultiplyByDerivative::<A, F> { z, h, d, function: PhantomData }));
}

struct Apply<'a, 'h, A, F> {
    z: Block<'a, A>,
    h: BlockMut<'h, A>,
    function: PhantomData<F>,
}

impl<A: Scalar, F: Function> Work for Apply<'_, '_, A, F> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        for row in 0..self.h.rows() {
            for (h, &z) in self.h.row_mut(row).iter_mut().zip(self.z.row(row)) {
                *h = F::value(z);
            }
        }
    }
}

struct MultiplyByDerivative<'a, 'd, A, F> {
    z: Block<'a, A>,
    h: Block<'a, A>,
    d: BlockMut<'d, A>,
    function: PhantomData<F>,
}

impl<A: Scalar, F: Function> Work for MultiplyByDerivative<'_, '_, A, F> {
    type Number = A;

    #[inline(always)]
    fn run<S: Simd<A>>(mut self, _simd: S) {
        for row in 0..self.d.rows() {
            let (z, h) = (self.z.row(row), self.h.row(row));
            for ((d, &z), &h) in self.d.row_mut(row).iter_mut().zip(z).zip(h) {
                *d *= F::derivative(z, h);
            }
        }
    }
}

named!(
    Activation,
    "activation",
    Logistic => "logistic",
    Tanh => "tanh",
    Relu => "relu",
    LeakyRelu => "leaky-relu",
    Gelu => "gelu",
    Identity => "identity",
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences with the step that balances truncation (h²) against rounding (eps/h).
    fn numeric_derivative(f: Activation, z: f64) -> f64 {
        let step = f64::EPSILON.cbrt() * z.abs().max(1.0);
        (f.value(z + step) - f.value(z - step)) / (2.0 * step)
    }

    #[test]
    fn every_derivative_is_the_slope_of_its_value() {
        for f in Activation::ALL {
            for i in -400..=400 {
                let z = f64::from(i) * 0.0203 + 0.001;
                let (exact, numeric) = (f.derivative(z, f.value(z)), numeric_derivative(f, z));
                // Truncation h² |f'''|/6 and rounding 2 eps |f|/h are both of the order eps^(2/3) (1 + |z|²).
                let tolerance = 4.0 * f64::EPSILON.powf(2.0 / 3.0) * (1.0 + z * z);
                assert!((exact - numeric).abs() <= tolerance, "{f} at {z}: {exact} against {numeric}");
            }
        }
    }

    #[test]
    fn values_are_right_at_the_ends_of_the_range() {
        for z in [1e30_f32, 1e4, 200.0] {
            for f in Activation::ALL {
                for z in [z, -z] {
                    let h = f.value(z);
                    assert!(h.is_finite() && f.derivative(z, h).is_finite(), "{f} at {z}");
                }
            }
            assert_eq!((Activation::Logistic.value(z), Activation::Logistic.value(-z)), (1.0, 0.0));
            assert_eq!((Activation::Tanh.value(z), Activation::Tanh.value(-z)), (1.0, -1.0));
            assert_eq!((Activation::Gelu.value(z), Activation::Gelu.value(-z)), (z, 0.0));
            assert_eq!((Activation::Gelu.derivative(z, z), Activation::Gelu.derivative(-z, 0.0)), (1.0, 0.0));
        }
    }

    #[test]
    fn gelu_agrees_with_tabulated_values_of_the_normal_distribution() {
        // Φ(1) and Φ(-3), Abramowitz and Stegun, table 26.1.
        assert!((Activation::Gelu.value(1.0_f64) - 0.841_344_746_068_543).abs() < 1e-15);
        assert!((Activation::Gelu.value(-3.0_f64) + 3.0 * 0.001_349_898_031_630_095).abs() < 1e-17);
    }

    #[test]
    fn the_kink_takes_the_left_derivative_and_nan_stays_nan() {
        assert_eq!(Activation::Relu.derivative(0.0_f64, 0.0), 0.0);
        assert_eq!(Activation::LeakyRelu.derivative(0.0_f64, 0.0), 0.01);
        for f in Activation::ALL {
            assert!(f.value(f64::NAN).is_nan(), "{f}");
        }
    }

    #[test]
    fn names_parse_back_and_an_unknown_one_is_refused_with_the_list() {
        for f in Activation::ALL {
            assert_eq!(f.name().parse(), Ok(f));
        }
        let error = "sigmoid".parse::<Activation>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown activation `sigmoid`; expected one of logistic, tanh, relu, leaky-relu, gelu, identity"
        );
    }
}
