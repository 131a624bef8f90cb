//! What training minimizes: the loss of a batch, with the dropout and label smoothing that training adds against overfitting. A
//! network in use has neither: an [`Objective`] belongs to a [`Workspace`](crate::Workspace), not to a network. The derivatives are in
//! [`crate::gradients`]; weight decay belongs to the optimizer.

use crate::loss::Reduction;

/// The loss J of a batch as training sees it. The default is the chapter's: the sum of the cross-entropies.
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
/// // Each hidden unit is dropped with probability 1/2. `score`, `logits` and `probabilities` drop none.
/// let dropped = workspace.dropout_mask(0).iter().filter(|&&s| s == 0.0).count();
/// assert!((20..80).contains(&dropped));
/// # Ok::<(), NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Objective {
    /// How the losses of the examples become J.
    pub reduction: Reduction,
    /// p, the probability with which a hidden unit is dropped for an example, from 0 to below 1. H becomes S ⊙ H, where an entry of S
    /// is 0 with probability p and 1/(1-p) otherwise, so that its mean is 1 and the trained network is used as it is: Srivastava
    /// and others 2014, in the "inverted" form. The probability is rounded to a multiple of 2⁻¹⁶.
    pub dropout: f64,
    /// The same for the inputs: the probability with which a nonzero input is dropped; those that stay are multiplied by 1/(1-p).
    pub input_dropout: f64,
    /// ε, from 0 to below 1: the target is (1-ε)·Y + ε/k instead of Y, for k classes (Szegedy and others 2016). The losses of
    /// training are those to the smoothed targets.
    pub label_smoothing: f64,
    /// The seed of the masks, which are a function of seed, step, layer, example in the batch, and unit.
    pub seed: u64,
}

impl Objective {
    /// Returns J = Σ J_i, the chapter's and the default.
    pub fn sum() -> Self {
        Self::default()
    }

    /// Returns J = (1/n) Σ J_i.
    pub fn mean() -> Self {
        Reduction::Mean.into()
    }

    /// Returns the same with dropout of hidden units.
    #[must_use]
    pub fn with_dropout(self, probability: f64) -> Self {
        Self { dropout: probability, ..self }
    }

    /// Returns the same with dropout of inputs.
    #[must_use]
    pub fn with_input_dropout(self, probability: f64) -> Self {
        Self { input_dropout: probability, ..self }
    }

    /// Returns the same with label smoothing.
    #[must_use]
    pub fn with_label_smoothing(self, epsilon: f64) -> Self {
        Self { label_smoothing: epsilon, ..self }
    }

    /// Returns the same with another seed of the masks.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// # Panics
    /// If a probability is not from 0 to below 1.
    #[track_caller]
    pub(crate) fn check(&self) {
        let named = [
            ("dropout", self.dropout),
            ("input dropout", self.input_dropout),
            ("label smoothing", self.label_smoothing),
        ];
        for (name, value) in named {
            assert!((0.0..1.0).contains(&value), "{name} of {value}: expected from 0 to below 1");
        }
    }
}

impl From<Reduction> for Objective {
    fn from(reduction: Reduction) -> Self {
        Self { reduction, ..Self::default() }
    }
}
