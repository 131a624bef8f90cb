//! How a picture becomes an image of a dataset: the two ways there are, by name. A dataset and a model that was trained on it keep
//! which one is theirs, so that pictures from elsewhere can be brought to the same form.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// How pictures are brought to the form of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Preprocessing {
    /// As MNIST was made: light ink on a dark ground, cropped to the ink, fitted into 20 of 28 pixels each way, and moved until its
    /// center of mass is in the middle.
    Digit,
    /// The whole picture, scaled until it fits, with its proportions.
    #[default]
    Whole,
}

impl Preprocessing {
    /// Every one there is.
    pub const ALL: [Self; 2] = [Self::Digit, Self::Whole];

    /// Its name in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digit => "digit",
            Self::Whole => "whole",
        }
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preprocessing {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownPreprocessing`].
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| Error::UnknownPreprocessing { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        for way in Preprocessing::ALL {
            assert_eq!(way.name().parse::<Preprocessing>().unwrap(), way);
        }
        assert_eq!(
            "crop".parse::<Preprocessing>().unwrap_err().to_string(),
            "unknown preprocessing `crop`; expected digit or whole"
        );
    }
}
