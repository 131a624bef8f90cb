//! The options of augmentation, and the limits that they amount to.

use std::fmt;
use std::str::FromStr;

use mlp_data::{Augmentation, Dataset};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::train_config::out_of_range;
use crate::{ConfigError, TrainConfig};

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

impl TrainConfig {
    /// Returns the limits of the random distortions, or `None` without augmentation.
    pub fn augmentation(&self) -> Option<Augmentation> {
        let default = Augmentation::default();
        self.augment.then(|| Augmentation {
            rotation: self.rotation.unwrap_or(default.rotation),
            class_rotation: self.class_rotation.clone().map_or(Vec::new(), |limits| limits.0),
            scale: self.scale.unwrap_or(default.scale),
            shear: self.shear.unwrap_or(default.shear),
            translate: self.translate.unwrap_or(default.translate),
            elastic_alpha: self.elastic_alpha.unwrap_or(default.elastic_alpha),
            elastic_sigma: self.elastic_sigma.unwrap_or(default.elastic_sigma),
        })
    }

    /// Refuses limits without augmentation, which would do nothing.
    pub(super) fn check_augmentation(&self) -> Result<(), ConfigError> {
        let limits = [
            ("rotation", self.rotation.is_some()),
            ("class_rotation", self.class_rotation.is_some()),
            ("scale", self.scale.is_some()),
            ("shear", self.shear.is_some()),
            ("translate", self.translate.is_some()),
            ("elastic_alpha", self.elastic_alpha.is_some()),
            ("elastic_sigma", self.elastic_sigma.is_some()),
        ];
        match limits.into_iter().find(|&(_, is_given)| is_given && !self.augment) {
            Some((option, _)) => Err(ConfigError::NoAugmentation { option }),
            None => Ok(()),
        }
    }

    /// Refuses augmentation that these images do not admit.
    pub(super) fn check_augmented(&self, train: &Dataset) -> Result<(), ConfigError> {
        let (shape, classes) = (train.shape(), train.classes());
        if self.augment && (shape.height == 1 || shape.width == 1) {
            return Err(ConfigError::NoImages { shape: shape.to_string() });
        }
        let mut labels = self.class_rotation.iter().flat_map(|limits| &limits.0).map(|&(label, _)| label);
        match labels.find(|&label| usize::from(label) >= classes) {
            Some(label) => {
                let expected = format!("labels from 0 to {}", classes - 1);
                Err(out_of_range("class_rotation", format!("for label {label}"), expected))
            }
            None => Ok(()),
        }
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
        for text in ["", "1", "1=x", "300=5", "1=-5", "1=181", "1=5,"] {
            let error = text.parse::<ClassRotation>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` ")) && error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn augmentation_that_does_nothing_or_cannot_be_is_an_error() {
        let error = TrainConfig { scale: Some(0.1), ..TrainConfig::default() }.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "scale is given without augmentation; expected augment = true (--augment)"
        );
        let data = mlp_data::synthetic::digits(200, 10, 0).train;
        let config = TrainConfig { augment: true, ..TrainConfig::default() };
        assert_eq!(config.augmentation(), Some(Augmentation::default()));
        let limits = ClassRotation(vec![(10, 5.0)]);
        let error =
            TrainConfig { class_rotation: Some(limits), ..config.clone() }.validate(&data).unwrap_err();
        assert_eq!(error.to_string(), "class rotation is for label 10; expected labels from 0 to 9");
        let row = mlp_data::ImageShape { height: 1, width: data.pixels() };
        let rows = Dataset::new(data.images().to_vec(), row, data.labels().to_vec(), 10).unwrap();
        assert_eq!(
            config.validate(&rows).unwrap_err().to_string(),
            "augmentation distorts images; expected at least 2 rows and columns, found 1x784"
        );
    }
}
