//! Gradient descent on functions of one variable, as an illustration. Independent of the network
//! code.

use crate::names::named;

/// A function L(x) of one variable, with its derivative and suggested parameters.
///
/// ```
/// use mlp_core::descent::Function;
///
/// // As in the chapter: x² from 5, twenty steps of 0.1.
/// let path = Function::Parabola.descend(5.0, 0.1, 20);
/// assert_eq!(path.points.len(), 21);
/// assert_eq!(path.points[1], (4.0, 16.0));
/// assert!(path.points[20].1 < 1e-2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// L(x) = x². Each step multiplies x by 1 - 2η: at η = 1 it oscillates, above it diverges.
    #[default]
    Parabola,
    /// L(x) = (x² - 1)². Start and learning rate decide which minimum is found, -1 or 1.
    DoubleWell,
    /// L(x) = x⁴. Progress is slow near the flat minimum.
    Quartic,
    /// L(x) = x² + 2 sin² 3x. Descent stops in the first local minimum.
    Ripple,
    /// L(x) = |x|. Descent oscillates around the minimum, because the slope does not shrink.
    AbsoluteValue,
}

/// The path of a descent.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// (x, L(x)) at the start and after each step. Stops before the first point that is not finite.
    pub points: Vec<(f64, f64)>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a descent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The last point is below the start.
    Descended,
    /// The last point is not below the start: the steps were too large, or it started at a
    /// stationary point.
    DidNotDescend,
    /// A point was not finite. The path ends before it (or at the start, if it is the start).
    Diverged,
}

impl Function {
    /// Returns the formula of L(x).
    pub const fn formula(self) -> &'static str {
        match self {
            Self::Parabola => "x²",
            Self::DoubleWell => "(x² - 1)²",
            Self::Quartic => "x⁴",
            Self::Ripple => "x² + 2 sin² 3x",
            Self::AbsoluteValue => "|x|",
        }
    }

    /// Returns an instructive start.
    pub const fn start(self) -> f64 {
        match self {
            Self::Parabola | Self::AbsoluteValue => 5.0,
            Self::DoubleWell => 0.1,
            Self::Quartic => 2.0,
            Self::Ripple => 3.0,
        }
    }

    /// Returns a learning rate that suits [`Function::start`].
    pub const fn learning_rate(self) -> f64 {
        match self {
            Self::Parabola => 0.1,
            Self::DoubleWell => 0.05,
            Self::Quartic => 0.03,
            Self::Ripple => 0.02,
            Self::AbsoluteValue => 0.3,
        }
    }

    /// Returns L(x).
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Parabola => x * x,
            Self::DoubleWell => (x * x - 1.0) * (x * x - 1.0),
            Self::Quartic => x * x * x * x,
            Self::Ripple => x * x + 2.0 * (3.0 * x).sin().powi(2),
            Self::AbsoluteValue => x.abs(),
        }
    }

    /// Returns L'(x); 0 at the kink of |x|.
    pub fn derivative(self, x: f64) -> f64 {
        match self {
            Self::Parabola => 2.0 * x,
            Self::DoubleWell => 4.0 * x * (x * x - 1.0),
            Self::Quartic => 4.0 * x * x * x,
            // (sin² 3x)' = 2 sin 3x cos 3x · 3 = 3 sin 6x
            Self::Ripple => 2.0 * x + 6.0 * (6.0 * x).sin(),
            Self::AbsoluteValue if x == 0.0 => 0.0,
            Self::AbsoluteValue => x.signum(),
        }
    }

    /// Takes `steps` steps x ← x - learning_rate L'(x).
    pub fn descend(self, start: f64, learning_rate: f64, steps: usize) -> Path {
        descend(|x| self.value(x), |x| self.derivative(x), start, learning_rate, steps)
    }
}

/// Runs gradient descent on a function, given its derivative.
///
/// ```
/// use mlp_core::descent::{Outcome, descend};
///
/// let path = descend(|x| (x - 3.0).powi(2), |x| 2.0 * (x - 3.0), 0.0, 0.25, 60);
/// assert_eq!(path.outcome, Outcome::Descended);
/// assert!((path.points[60].0 - 3.0).abs() < 1e-15);
/// ```
pub fn descend(
    value: impl Fn(f64) -> f64,
    derivative: impl Fn(f64) -> f64,
    start: f64,
    learning_rate: f64,
    steps: usize,
) -> Path {
    let mut points = vec![(start, value(start))];
    let mut x = start;
    for _ in 0..steps {
        x -= learning_rate * derivative(x);
        let loss = value(x);
        if !(x.is_finite() && loss.is_finite()) {
            return Path { points, outcome: Outcome::Diverged };
        }
        points.push((x, loss));
    }
    let lower = points[points.len() - 1].1 < points[0].1;
    Path { points, outcome: if lower { Outcome::Descended } else { Outcome::DidNotDescend } }
}

named!(
    Function,
    "function",
    Parabola => "parabola",
    DoubleWell => "double-well",
    Quartic => "quartic",
    Ripple => "ripple",
    AbsoluteValue => "absolute-value",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_chapter_equals_pythons() {
        // lr, x = 0.1, 5.0; for _ in range(20): x = x - lr * 2 * x
        let path = Function::Parabola.descend(5.0, 0.1, 20);
        let mut x = 5.0;
        for &(found, loss) in &path.points {
            assert_eq!((found, loss), (x, x * x));
            x -= 0.1 * 2.0 * x;
        }
        assert_eq!((path.points.len(), path.outcome), (21, Outcome::Descended));
    }

    #[test]
    fn every_derivative_is_the_slope_of_its_value() {
        for f in Function::ALL {
            for i in -50..=50 {
                let x = f64::from(i) * 0.11 + 0.003;
                let step = f64::EPSILON.cbrt() * x.abs().max(1.0);
                let numeric = (f.value(x + step) - f.value(x - step)) / (2.0 * step);
                // Truncation h² |L'''|/6 with |L'''| at most 250, and rounding eps |L|/h with |L|
                // at most 1000.
                let tolerance = 500.0 * step * step + 2000.0 * f64::EPSILON / step;
                assert!((f.derivative(x) - numeric).abs() <= tolerance, "{f} at {x}");
            }
        }
    }

    #[test]
    fn each_function_shows_its_typical_behavior() {
        let end = |f: Function, start, rate, steps| {
            let path = f.descend(start, rate, steps);
            (path.points[path.points.len() - 1].0, path.outcome)
        };
        // Steps too large for the parabola, |1 - 2·1.1| > 1: it moves away, and finally overflows.
        assert_eq!(end(Function::Parabola, 5.0, 1.1, 20).1, Outcome::DidNotDescend);
        assert_eq!(end(Function::Parabola, 5.0, 1.1, 100_000).1, Outcome::Diverged);
        assert!((end(Function::DoubleWell, 0.1, 0.05, 200).0 - 1.0).abs() < 1e-12);
        assert!((end(Function::DoubleWell, -0.1, 0.05, 200).0 + 1.0).abs() < 1e-12);
        assert!(end(Function::Quartic, 2.0, 0.03, 100).0 > 0.1);
        assert!(end(Function::Ripple, 3.0, 0.02, 500).0 > 1.0);
        assert!((end(Function::AbsoluteValue, 5.0, 0.3, 1001).0.abs()) > 0.05);
        for f in Function::ALL {
            assert_eq!(f.descend(f.start(), f.learning_rate(), 50).outcome, Outcome::Descended, "{f}");
            assert_eq!(f.name().parse(), Ok(f));
        }
    }

    #[test]
    fn zero_steps_and_infinite_starts_are_allowed() {
        assert_eq!(Function::Parabola.descend(1.0, 0.1, 0).points, [(1.0, 1.0)]);
        assert_eq!(Function::Parabola.descend(f64::INFINITY, 0.1, 3).outcome, Outcome::Diverged);
    }
}
