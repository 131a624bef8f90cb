//! Limits of the rotation for single classes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ConfigError;

/// Maximum rotations of single classes, in degrees: `1=7.5,7=7.5`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassRotation(pub Vec<(u8, f64)>);

impl fmt::Display for ClassRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits: Vec<String> =
            self.0.iter().map(|(label, degrees)| format!("{label}={degrees}")).collect();
        f.write_str(&limits.join(","))
    }
}

impl FromStr for ClassRotation {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let limit = |part: &str| {
            let (label, degrees) = part.split_once('=')?;
            let degrees: f64 = degrees.trim().parse().ok()?;
            (0.0..=180.0).contains(&degrees).then_some((label.trim().parse().ok()?, degrees))
        };
        let limits: Option<Vec<_>> = text.split(',').map(limit).collect();
        let is_repeated = |limits: &[(u8, f64)], (index, limit): (usize, &(u8, f64))| {
            limits[..index].iter().any(|other| other.0 == limit.0)
        };
        let limits = limits.filter(|all| !all.iter().enumerate().any(|limit| is_repeated(all, limit)));
        limits.map(Self).ok_or_else(|| ConfigError::ClassRotation { found: text.to_owned() })
    }
}

impl Serialize for ClassRotation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClassRotation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_classes_survive_their_text() {
        let limits: ClassRotation = "1=7.5, 7=0".parse().unwrap();
        assert_eq!(limits, ClassRotation(vec![(1, 7.5), (7, 0.0)]));
        assert_eq!(limits.to_string().parse(), Ok(limits));
        for text in ["", "1", "1=x", "300=5", "1=-5", "1=181", "1=5,", "1=5,1=7"] {
            let error = text.parse::<ClassRotation>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` ")) && error.contains("expected"), "{error}");
        }
    }
}
