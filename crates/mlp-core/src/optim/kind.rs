//! The kinds of optimizers, with formulas and sources. The loops are in `kernels/update.rs`.

/// The formula that updates the parameters θ from a gradient g with learning rate η. Velocities and
/// moments (v, m) start at 0, and become 0 below 2⁻¹⁰⁰ (2⁻¹⁰⁰⁰ in `f64`), before they are subnormal
/// and slow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OptimizerKind {
    /// θ ← θ - η g: gradient descent.
    #[default]
    Sgd,
    /// v ← μ v + g, θ ← θ - η v: heavy ball (Polyak 1964), in PyTorch's form.
    Momentum {
        /// μ in [0, 1).
        momentum: f64,
    },
    /// v ← μ v + g, θ ← θ - η (g + μ v): Nesterov momentum (Nesterov 1983; Sutskever et al. 2013),
    /// in PyTorch's form.
    Nesterov {
        /// μ in [0, 1).
        momentum: f64,
    },
    /// m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², and in step t, counted from 1, θ ← θ - η/(1-β₁ᵗ)
    /// · m / (√v/√(1-β₂ᵗ) + ε): Kingma and Ba 2015, algorithm 1. With weight decay, which is
    /// decoupled, it is AdamW (Loshchilov and Hutter 2019).
    Adam {
        /// β₁ in [0, 1).
        beta1: f64,
        /// β₂ in [0, 1).
        beta2: f64,
        /// ε, above 0.
        epsilon: f64,
    },
    /// v ← α v + (1-α) g², θ ← θ - η g / (√v + ε): Tieleman and Hinton 2012, lecture 6e.
    RmsProp {
        /// α in [0, 1).
        decay: f64,
        /// ε, above 0.
        epsilon: f64,
    },
}

impl OptimizerKind {
    /// Returns the number of state values per parameter.
    pub(crate) fn states(self) -> usize {
        match self {
            Self::Sgd => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::RmsProp { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }

    /// # Panics
    /// If a hyperparameter is out of range.
    #[track_caller]
    pub(crate) fn check(self) {
        let shares: &[f64] = match self {
            Self::Sgd => &[],
            Self::Momentum { momentum } | Self::Nesterov { momentum } => &[momentum],
            Self::Adam { beta1, beta2, .. } => &[beta1, beta2],
            Self::RmsProp { decay, .. } => &[decay],
        };
        let valid = shares.iter().all(|share| (0.0..1.0).contains(share));
        assert!(valid, "{self:?}: expected 0 or more, below 1");
        if let Self::Adam { epsilon, .. } | Self::RmsProp { epsilon, .. } = self {
            assert!(epsilon > 0.0, "{self:?}: expected ε above 0");
        }
    }
}
