//! The activation functions: value and derivative side by side. Their derivations are in
//! [`crate::gradients`]. Softmax belongs to the loss.

use crate::kernels::real::Real;
use crate::names::named;

/// The activation of the hidden layers, applied element by element: h = f(z).
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
    /// 1 / (1 + exp(-z)), as in the chapter.
    #[default]
    Logistic,
    /// tanh z.
    Tanh,
    /// max(0, z); the derivative at 0 is 0.
    Relu,
    /// z if z > 0, else 0.01 z; the derivative at 0 is 0.01.
    LeakyRelu,
    /// z Φ(z) with the exact normal distribution function Φ (Hendrycks and Gimpel 2016).
    Gelu,
    /// z, which makes the whole network linear.
    Identity,
}

/// One activation function. `derivative` gets both z and h = f(z) and uses the cheaper one.
pub(crate) trait Function {
    fn value<A: Real>(z: A) -> A;
    fn derivative<A: Real>(z: A, h: A) -> A;
    /// True if f' jumps at z = 0.
    const KINK: bool = false;
}

pub(crate) struct Logistic;

impl Function for Logistic {
    /// exp(-z) overflows to infinity for very negative z, and 1/∞ = 0 is correct.
    #[inline(always)]
    fn value<A: Real>(z: A) -> A {
        A::one() / (A::one() + (-z).exponential())
    }

    #[inline(always)]
    fn derivative<A: Real>(_z: A, h: A) -> A {
        h * (A::one() - h)
    }
}

pub(crate) struct Tanh;

impl Function for Tanh {
    #[inline(always)]
    fn value<A: Real>(z: A) -> A {
        z.tanh()
    }

    #[inline(always)]
    fn derivative<A: Real>(_z: A, h: A) -> A {
        A::one() - h * h
    }
}

pub(crate) struct Relu;

impl Function for Relu {
    const KINK: bool = true;

    /// NaN stays NaN.
    #[inline(always)]
    fn value<A: Real>(z: A) -> A {
        if z <= A::zero() { A::zero() } else { z }
    }

    #[inline(always)]
    fn derivative<A: Real>(z: A, _h: A) -> A {
        if z <= A::zero() { A::zero() } else { A::one() }
    }
}

pub(crate) struct LeakyRelu;

impl LeakyRelu {
    /// The slope left of the kink (Maas, Hannun and Ng 2013).
    const SLOPE: f64 = 0.01;
}

impl Function for LeakyRelu {
    const KINK: bool = true;

    #[inline(always)]
    fn value<A: Real>(z: A) -> A {
        if z <= A::zero() { A::from_f64(Self::SLOPE) * z } else { z }
    }

    #[inline(always)]
    fn derivative<A: Real>(z: A, _h: A) -> A {
        if z <= A::zero() { A::from_f64(Self::SLOPE) } else { A::one() }
    }
}

pub(crate) struct Gelu;

impl Gelu {
    /// Φ(z) = erfc(-z/√2) / 2, which is accurate even where Φ is tiny.
    #[inline(always)]
    fn normal_distribution<A: Real>(z: A) -> A {
        A::from_f64(0.5) * (-z * A::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erfc()
    }

    /// φ(z) = exp(-z²/2) / √(2π).
    #[inline(always)]
    fn normal_density<A: Real>(z: A) -> A {
        A::from_f64(0.398_942_280_401_432_7) * (-A::from_f64(0.5) * z * z).exponential()
    }
}

impl Function for Gelu {
    #[inline(always)]
    fn value<A: Real>(z: A) -> A {
        z * Self::normal_distribution(z)
    }

    #[inline(always)]
    fn derivative<A: Real>(z: A, _h: A) -> A {
        Self::normal_distribution(z) + z * Self::normal_density(z)
    }
}

pub(crate) struct Identity;

impl Function for Identity {
    #[inline(always)]
    fn value<A: Real>(z: A) -> A {
        z
    }

    #[inline(always)]
    fn derivative<A: Real>(_z: A, _h: A) -> A {
        A::one()
    }
}

/// Evaluates `$body` with `$function` as the activation's [`Function`] type.
macro_rules! dispatch {
    ($activation:expr, $function:ident => $body:expr) => {
        $crate::activation::dispatch!(
            @ $activation, $function => $body; Logistic Tanh Relu LeakyRelu Gelu Identity
        )
    };
    (@ $activation:expr, $function:ident => $body:expr; $($name:ident)+) => {
        match $activation {
            $($crate::activation::Activation::$name => {
                type $function = $crate::activation::$name;
                $body
            })+
        }
    };
}

pub(crate) use dispatch;

impl Activation {
    /// Returns h = f(z).
    pub fn value<A: Real>(self, z: A) -> A {
        dispatch!(self, F => F::value(z))
    }

    /// Returns f'(z), given z and the value h = f(z).
    pub fn derivative<A: Real>(self, z: A, h: A) -> A {
        dispatch!(self, F => F::derivative(z, h))
    }

    /// Returns true if f' jumps at z = 0, where central differences fail.
    pub const fn has_kink(self) -> bool {
        dispatch!(self, F => F::KINK)
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
                // Truncation h² |f'''|/6 and rounding 2 eps |f|/h are of the order eps^(2/3) (1 +
                // |z|²).
                let tolerance = 4.0 * f64::EPSILON.powf(2.0 / 3.0) * (1.0 + z * z);
                assert!((exact - numeric).abs() <= tolerance, "{f} at {z}: {exact}, expected {numeric}");
            }
        }
    }

    #[test]
    fn extreme_inputs_give_finite_values() {
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
    fn gelu_matches_tabulated_values_of_the_normal_distribution() {
        // Φ(1) and Φ(-3), Abramowitz and Stegun, table 26.1.
        assert!((Activation::Gelu.value(1.0_f64) - 0.841_344_746_068_543).abs() < 1e-15);
        assert!((Activation::Gelu.value(-3.0_f64) + 3.0 * 0.001_349_898_031_630_095).abs() < 1e-17);
    }

    #[test]
    fn kinks_use_the_left_derivative_and_nan_stays_nan() {
        assert_eq!(Activation::Relu.derivative(0.0_f64, 0.0), 0.0);
        assert_eq!(Activation::LeakyRelu.derivative(0.0_f64, 0.0), 0.01);
        for f in Activation::ALL {
            assert!(f.value(f64::NAN).is_nan(), "{f}");
        }
    }

    #[test]
    fn names_parse_and_an_unknown_name_is_an_error_that_lists_them() {
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
