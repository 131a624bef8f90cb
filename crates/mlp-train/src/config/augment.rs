//! The options of augmentation, and the limits that they amount to.

use mlp_data::{Augmentation, Augmenter, Dataset};

use crate::config::train_config::out_of_range;
use crate::{ConfigError, TrainConfig};

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
            flip: self.flip,
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
            ("flip", self.flip),
        ];
        match limits.into_iter().find(|&(_, is_given)| is_given && !self.augment) {
            Some((option, _)) => Err(ConfigError::NoAugmentation { option }),
            None => Ok(()),
        }
    }

    /// Refuses augmentation that these images do not admit.
    ///
    /// # Errors
    /// [`ConfigError::NoImages`], [`ConfigError::OutOfRange`].
    pub fn check_augmented(&self, train: &Dataset) -> Result<(), ConfigError> {
        let (shape, classes) = (train.shape(), train.classes());
        let is_possible = |side: usize| (2..=Augmenter::MAX_SIDE).contains(&side);
        if self.augment && !(is_possible(shape.height) && is_possible(shape.width)) {
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
    use crate::ClassRotation;

    /// Shorter ones would be lost in rounding without an error.
    #[test]
    fn adversarial_distances_that_do_nothing_or_overflow_are_errors() {
        for distance in [0.0, 1e-60, 1e39, f64::NAN] {
            let error =
                TrainConfig { adversarial: Some(distance), ..TrainConfig::default() }.check().unwrap_err();
            assert_eq!(error.to_string(), format!("adversarial is {distance}; expected from 1e-6 to 1e6"));
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
            config.clone().validate(&rows).unwrap_err().to_string(),
            "augmentation distorts images; expected 2 to 32766 rows and columns, found 1x784"
        );
        let wide = mlp_data::ImageShape { height: 2, width: 32_767 };
        let wide = Dataset::new(vec![0; wide.pixels()], wide, vec![0], 10).unwrap();
        let config = TrainConfig { batch_size: 1, ..config };
        assert!(config.validate(&wide).unwrap_err().to_string().ends_with("found 2x32767"));
    }
}
