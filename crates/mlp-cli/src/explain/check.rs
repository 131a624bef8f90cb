//! Compares one gradient entry with a central difference.

use mlp_core::gradcheck::TOLERANCE;

/// Maximum rounding error, relative to the scale, of a conclusive check. A wrong sign is a relative
/// error of 2, a missing factor an error of about 1.
const MAX_ROUNDING: f64 = 1.0 / 16.0;

/// A matrix that the loss depends on, by layer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variable {
    /// W.
    Weights(usize),
    /// b.
    Biases(usize),
    /// Z.
    PreActivations(usize),
    /// H, of a hidden layer.
    Activations(usize),
}

/// An entry of a gradient from the backward pass and from central differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) index: (usize, usize),
    pub(crate) backward: f64,
    /// `None` if the activation has a kink between the two points, where the difference is not a
    /// derivative.
    pub(crate) differences: Option<f64>,
    /// The maximum of the two values, the largest entry of the matrix, and a fraction of the loss.
    pub(super) scale: f64,
    /// Upper bound on the rounding error.
    pub(super) rounding: f64,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Agrees,
    Disagrees,
    /// Inconclusive: there is a kink between the two points.
    AcrossKink,
    /// Inconclusive: the rounding error is as large as the gradient.
    RoundedAway,
}

impl Check {
    /// |backward − differences| relative to the scale; `None` without a difference.
    pub(crate) fn relative_error(&self) -> Option<f64> {
        let error = (self.backward - self.differences?).abs();
        Some(if error == 0.0 { 0.0 } else { error / self.scale })
    }

    /// Compares the two values to within the accuracy of a central difference.
    pub(crate) fn finding(&self) -> Finding {
        let Some(differences) = self.differences else { return Finding::AcrossKink };
        if self.rounding > MAX_ROUNDING * self.scale {
            Finding::RoundedAway
        } else if (self.backward - differences).abs() <= TOLERANCE * self.scale + self.rounding {
            Finding::Agrees
        } else {
            Finding::Disagrees
        }
    }
}
