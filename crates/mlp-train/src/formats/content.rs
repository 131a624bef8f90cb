//! What the reader of each format returns; `import.rs` turns it into a model.

use mlp_core::{Activation, Layer, Precision};

use crate::formats::Known;

/// The content of a file in any format.
pub(super) struct Content {
    pub(super) precision: Precision,
    pub(super) layers: Vec<Layer<f64>>, // at least one; f64 holds either precision exactly
    pub(super) known: Known,
    /// Used if neither the file nor the user names the activation.
    pub(super) default_activation: Option<Activation>,
    /// True if the file says that inputs are gray levels divided by 255.
    pub(super) is_scale_known: bool,
    /// For the user.
    pub(super) notes: Vec<String>,
}
