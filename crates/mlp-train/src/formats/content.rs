//! What the reader of each format returns; `import.rs` makes a model of it.

use mlp_core::{Activation, Layer, Precision};

use crate::formats::known::Known;

/// What a file of any format says.
pub(super) struct Content {
    pub(super) precision: Precision,
    pub(super) layers: Vec<Layer<f64>>, // which holds the numbers of either precision exactly; at least one
    pub(super) known: Known,
    /// What is taken if nobody names the activation of the hidden layers.
    pub(super) usual_activation: Option<Activation>,
    /// Whether it is certain that the network takes gray levels divided by 255.
    pub(super) says_scale: bool,
    /// What else should be known of the reading.
    pub(super) notes: Vec<String>,
}
