//! Gradient descent on a function of one variable: the chapter's illustration, with the functions on which it is
//! instructive to watch it. Nothing of the network is used here, and nothing here by the network.

use crate::names::named;

/// A loss L(x) of one variable, with its derivative and with parameters worth trying.
///
/// ```
/// use mlp_core::descent::Function;
///
/// // The chapter's: x² from 5, twenty steps of 0.1.
/// let path = Function::Parabola.descend(5.0, 0.1, 20);
/// assert_eq!(path.points.len(), 21);
/// assert_eq!(path.points[1], (4.0, 16.0));
/// assert!(path.points[20].1 < 1e-2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// L(x) = x². Each step multiplies x by 1 - 2η: at η = 1 it jumps to and fro, above it diverges.
    #[default]
    Parabola,
    /// L(x) = (x² - 1)². Two minima, -1 and 1: which one is found depends on the start and the learning rate.
    DoubleWell,
    /// L(x) = x⁴. Flat at its minimum: descent slows down to a crawl.
    Quartic,
    /// L(x) = x² + 2 sin² 3x. Descent stops in the first dip it comes to, not in the lowest.
    Ripple,
    /// L(x) = |x|. The slope does not fade at the minimum: descent jumps across it for ever.
    AbsoluteValue,
}

/// Where a descent went.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// (x, L(x)): the start, then one point for each step. Ends before the first point that is not finite.
    pub points: Vec<(f64, f64)>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The last point is lower than the start.
    Descended,
    /// The last point is no lower than the start: the steps were too large, or the start was at a stationary point.
    DidNotDescend,
    /// A point was infinite or not a number, and the path stops before it (or at the start, if that is the point).
    Diverged,
}

impl Function {
    /// L(x) as it is written.
    pub const fn formula(self) -> &'static str {
        match self {
            Self::Parabola => "x²",
            Self::DoubleWell => "(x² - 1)²",
            Self::Quartic => "x⁴",
            Self::Ripple => "x² + 2 sin² 3x",
            Self::AbsoluteValue => "|x|",
        }
    }

    /// A start from which the function shows what it is here for.
    pub const fn start(self) -> f64 {
        match self {
            Self::Parabola | Self::AbsoluteValue => 5.0,
            Self::DoubleWell => 0.1,
            Self::Quartic => 2.0,
            Self::Ripple => 3.0,
        }
    }

    /// A learning rate to go with [`Function::start`].
    pub const fn learning_rate(self) -> f64 {
        match self {
            Self::Parabola => 0.1,
            Self::DoubleWell => 0.05,
            Self::Quartic => 0.03,
            Self::Ripple => 0.02,
            Self::AbsoluteValue => 0.3,
        }
    }

    /// L(x).
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Parabola => x * x,
            Self::DoubleWell => (x * x - 1.0) * (x * x - 1.0),
            Self::Quartic => x * x * x * x,
            Self::Ripple => x * x + 2.0 * (3.0 * x).sin().powi(2),
            Self::AbsoluteValue => x.abs(),
        }
    }

    /// L'(x); at the kink of |x|, 0.
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

    /// Follows x ← x - learning_rate L'(x) for `steps` steps.
    pub fn descend(self, start: f64, learning_rate: f64, steps: usize) -> Path {
        descend(|x| self.value(x), |x| self.derivative(x), start, learning_rate, steps)
    }
}

/// Gradient descent on any function, given with its derivative.
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
    fn the_chapters_path_is_walked_as_python_walks_it() {
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
                // Truncation h² |L'''|/6 with |L'''| at most 250, and rounding eps |L|/h with |L| at most 1000.
                let tolerance = 500.0 * step * step + 2000.0 * f64::EPSILON / step;
                assert!((f.derivative(x) - numeric).abs() <= tolerance, "{f} at {x}");
            }
        }
    }

    #[test]
    fn each_function_shows_what_it_is_here_for() {
        let end = |f: Function, start, rate, steps| {
            let path = f.descend(start, rate, steps);
            (path.points[path.points.len() - 1].0, path.outcome)
        };
        // Too large a step on the parabola: |1 - 2·1.1| > 1, first away from the minimum, then out of all bounds.
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
    fn no_step_and_a_start_that_is_not_finite_are_taken_as_they_come() {
        assert_eq!(Function::Parabola.descend(1.0, 0.1, 0).points, [(1.0, 1.0)]);
        assert_eq!(Function::Parabola.descend(f64::INFINITY, 0.1, 3).outcome, Outcome::Diverged);
    }
}
