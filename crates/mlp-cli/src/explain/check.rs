//! The comparison of one gradient entry with a central difference, and what it proves.

use mlp_core::gradcheck::TOLERANCE;

/// A wrong sign is an error of 2 relative to the scale, a missing factor an error of about 1. If
/// rounding alone can cause an error of 1/16, a check cannot reliably detect either.
const MAX_ROUNDING: f64 = 1.0 / 16.0;

/// A matrix that the loss depends on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variable {
    /// W of a layer.
    Weights(usize),
    /// b of a layer.
    Biases(usize),
    /// Z of a layer.
    PreActivations(usize),
    /// H of a hidden layer.
    Activations(usize),
}

/// An entry of a gradient from the backward pass and from central differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) index: (usize, usize),
    pub(crate) backward: f64,
    /// `None` if the activation has a kink between the two points: the difference is not a
    /// derivative there.
    pub(crate) differences: Option<f64>,
    /// The largest of the two values, the largest entry of the matrix, and a fraction of the loss.
    pub(super) scale: f64,
    /// Upper bound for the error due to rounding alone.
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

    /// Compares the two values, within the accuracy of a central difference.
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
