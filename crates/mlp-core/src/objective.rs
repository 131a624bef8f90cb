//! The training objective: loss, dropout and label smoothing. It belongs to a
//! [`Workspace`](crate::Workspace), because a network in use needs none of it. Weight decay belongs
//! to the optimizer.

use crate::loss::Reduction;

/// The objective of training. The default is the sum of the cross-entropies, as in the chapter.
///
/// ```
/// use mlp_core::prelude::*;
///
/// let architecture = Architecture::new(4, &[50], 3).with_activation(Activation::Relu);
/// let mut network = Mlp::new(&architecture, Init::He, &mut NativeStream::new(0))?;
/// let mut workspace = Workspace::new(&architecture, 2);
/// workspace.set_objective(Objective::mean().with_dropout(0.5).with_label_smoothing(0.1));
///
/// let x = ndarray::array![[1.0_f32, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5]];
/// network.train_step(x.view(), &[0, 2], 0.1, &mut workspace);
/// // Each hidden unit is dropped with probability 1/2 (in training only).
/// let dropped = workspace.dropout_mask(0).iter().filter(|&&s| s == 0.0).count();
/// assert!((20..80).contains(&dropped));
/// # Ok::<(), NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Objective {
    /// Sum or mean of the examples' losses.
    pub reduction: Reduction,
    /// Probability p of dropping a hidden unit for an example, from 0 to below 1 (Srivastava et al.
    /// 2014). Units that stay are multiplied by 1/(1-p), so inference needs no scaling. p is
    /// rounded to a multiple of 2⁻¹⁶.
    pub dropout: f64,
    /// The same for the nonzero inputs.
    pub input_dropout: f64,
    /// Label smoothing ε, from 0 to below 1: the target is (1-ε)·Y + ε/k for k classes (Szegedy et
    /// al. 2016). The losses of training refer to the smoothed targets.
    pub label_smoothing: f64,
    /// Seed of the dropout masks. A mask depends only on seed, step, layer, example and unit.
    pub seed: u64,
}

impl Objective {
    /// Returns J = Σ J_i, the default.
    pub fn sum() -> Self {
        Self::default()
    }

    /// Returns J = (1/n) Σ J_i.
    pub fn mean() -> Self {
        Reduction::Mean.into()
    }

    /// Sets the dropout probability of hidden units.
    #[must_use]
    pub fn with_dropout(self, probability: f64) -> Self {
        Self { dropout: probability, ..self }
    }

    /// Sets the dropout probability of inputs.
    #[must_use]
    pub fn with_input_dropout(self, probability: f64) -> Self {
        Self { input_dropout: probability, ..self }
    }

    /// Sets label smoothing.
    #[must_use]
    pub fn with_label_smoothing(self, epsilon: f64) -> Self {
        Self { label_smoothing: epsilon, ..self }
    }

    /// Sets the seed of the masks.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// # Panics
    /// If a probability is not from 0 to below 1.
    #[track_caller]
    pub(crate) fn check(&self) {
        let Self { dropout, input_dropout, label_smoothing, .. } = *self;
        let named =
            [("dropout", dropout), ("input dropout", input_dropout), ("label smoothing", label_smoothing)];
        for (name, value) in named {
            assert!((0.0..1.0).contains(&value), "{name} is {value}; expected 0 or more, below 1");
        }
    }
}

impl From<Reduction> for Objective {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}
