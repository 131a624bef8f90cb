//! How a picture becomes an image of a data set: the two ways there are, by name. A data set and a model that was trained on it keep
//! which one is theirs, so that pictures from elsewhere can be brought to the same form.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// How pictures are brought to the form of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Preparation {
    /// As MNIST was made: light ink on a dark ground, cropped to the ink, fitted into 20 of 28 pixels each way, and moved until its
    /// centre of mass is in the middle.
    Digit,
    /// The whole picture, scaled until it fits, with its proportions.
    #[default]
    Whole,
}

impl Preparation {
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

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preparation {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownPreparation`].
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| Error::UnknownPreparation { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        for way in Preparation::ALL {
            assert_eq!(way.name().parse::<Preparation>().unwrap(), way);
        }
        assert_eq!(
            "crop".parse::<Preparation>().unwrap_err().to_string(),
            "unknown preparation `crop`; expected digit or whole"
        );
    }
}
