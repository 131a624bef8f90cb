//! The optimizers by name, each with its formula and its source. Data only: the loops are in `kernels/update.rs`, and what an
//! optimizer remembers is in `optimizer.rs`.

/// What changes the parameters θ by a gradient g, with the learning rate η. Velocities and moments (v, m) start at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OptimizerKind {
    /// θ ← θ - η g: gradient descent, the chapter's.
    #[default]
    Sgd,
    /// v ← μ v + g, θ ← θ - η v: the heavy ball (Polyak 1964), with η outside of v as in PyTorch.
    Momentum {
        /// μ, from 0 to below 1.
        momentum: f64,
    },
    /// v ← μ v + g, θ ← θ - η (g + μ v): Nesterov's accelerated gradient (Nesterov 1983; Sutskever and others 2013), as in PyTorch.
    Nesterov {
        /// μ, from 0 to below 1.
        momentum: f64,
    },
    /// m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², and in step t, counted from 1, θ ← θ - η/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε): Kingma and
    /// Ba 2015, algorithm 1. With a weight decay it is AdamW (Loshchilov and Hutter 2019), decay being decoupled here.
    Adam {
        /// β₁, from 0 to below 1.
        beta1: f64,
        /// β₂, from 0 to below 1.
        beta2: f64,
        /// ε, above 0.
        epsilon: f64,
    },
    /// v ← α v + (1-α) g², θ ← θ - η g / (√v + ε): Tieleman and Hinton 2012, lecture 6e.
    RmsProp {
        /// α, from 0 to below 1.
        decay: f64,
        /// ε, above 0.
        epsilon: f64,
    },
}

impl OptimizerKind {
    /// Returns how many numbers it remembers for each parameter.
    pub(crate) fn states(self) -> usize {
        match self {
            Self::Sgd => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::RmsProp { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }

    /// # Panics
    /// If a number is out of its range.
    #[track_caller]
    pub(crate) fn check(self) {
        let shares: &[f64] = match self {
            Self::Sgd => &[],
            Self::Momentum { momentum } | Self::Nesterov { momentum } => &[momentum],
            Self::Adam { beta1, beta2, .. } => &[beta1, beta2],
            Self::RmsProp { decay, .. } => &[decay],
        };
        assert!(
            shares.iter().all(|share| (0.0..1.0).contains(share)),
            "{self:?}: expected from 0 to below 1"
        );
        if let Self::Adam { epsilon, .. } | Self::RmsProp { epsilon, .. } = self {
            assert!(epsilon > 0.0, "{self:?}: expected ε above 0");
        }
    }
}
