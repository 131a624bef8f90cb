//! How pictures become images of a dataset. A dataset and the models trained on it store the name,
//! so that new pictures get the same preprocessing.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::named::named;

/// How pictures are preprocessed into images of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Preprocessing {
    /// As in MNIST: light ink on a dark ground, cropped to the ink, fitted into 20 of 28 pixels
    /// each way, and centered by mass.
    Digit,
    /// The whole picture, scaled to fit with its aspect ratio.
    #[default]
    Whole,
}

named!(Preprocessing, "preprocessing", Digit => "digit", Whole => "whole");

impl TryFrom<String> for Preprocessing {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Preprocessing> for &'static str {
    fn from(preprocessing: Preprocessing) -> Self {
        preprocessing.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_others_refused() {
        for way in Preprocessing::ALL {
            assert_eq!(way.name().parse::<Preprocessing>().unwrap(), way);
        }
        assert_eq!(
            "crop".parse::<Preprocessing>().unwrap_err().to_string(),
            "unknown preprocessing `crop`; expected digit or whole"
        );
    }
}
