//! Polarity: whether ink is lighter or darker than the ground. Datasets made from pictures and the
//! models trained on them store it, so that new pictures are treated the same way.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::named::named;

/// Polarity of ink and ground.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Polarity {
    /// Detected for each picture: most of the border and of the area is ground.
    #[default]
    Auto,
    /// Light ink on a dark ground, as in MNIST.
    LightOnDark,
    /// Dark ink on a light ground, as on paper, which is inverted.
    DarkOnLight,
}

named!(
    Polarity, "polarity", Auto => "auto", LightOnDark => "light-on-dark", DarkOnLight => "dark-on-light"
);

impl TryFrom<String> for Polarity {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Polarity> for &'static str {
    fn from(polarity: Polarity) -> Self {
        polarity.name()
    }
}
