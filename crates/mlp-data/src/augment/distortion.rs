//! One random distortion, and the affine map that it is.

use crate::ImageShape;
use crate::augment::limits::Augmentation;
use crate::random::SplitMix64;

/// An image is scaled by these factors, then sheared, then rotated about its center, then moved. A
/// negative width mirrors it.
#[derive(Debug)]
pub(super) struct Distortion {
    pub(super) angle: f64, // radians, clockwise
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shear: f64,
    pub(super) right: f64,
    pub(super) down: f64,
}

impl Distortion {
    pub(super) fn draw(limits: &Augmentation, label: u8, stream: &mut SplitMix64) -> Self {
        let of_class = limits.class_rotation.iter().find(|&&(class, _)| class == label);
        let rotation = of_class.map_or(limits.rotation, |&(_, degrees)| degrees);
        let mut within = |limit: f64| stream.between(-limit, limit);
        let distortion = Self {
            angle: within(rotation).to_radians(),
            width: 1.0 + within(limits.scale),
            height: 1.0 + within(limits.scale),
            shear: within(limits.shear),
            right: within(limits.translate),
            down: within(limits.translate),
        };
        let is_mirrored = limits.flip && within(1.0) < 0.0;
        Self { width: if is_mirrored { -distortion.width } else { distortion.width }, ..distortion }
    }

    /// Returns the map from positions in the distorted image to those in the original.
    pub(super) fn map(&self, shape: ImageShape) -> Affine {
        let &Self { angle, width, height, shear, right, down } = self;
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        let x = [(cos + shear * sin) / width, (sin - shear * cos) / width];
        let y = [-sin / height, cos / height];
        let center = [(shape.width - 1) as f64 / 2.0, (shape.height - 1) as f64 / 2.0];
        let moved = [center[0] + right, center[1] + down];
        let offset = |row: [f64; 2], center: f64| center - row[0] * moved[0] - row[1] * moved[1];
        Affine { rows: [x, y], offset: [offset(x, center[0]), offset(y, center[1])] }
    }
}

/// An affine map: x' = `rows[0]`·(x, y) + `offset[0]`, and y' likewise.
pub(super) struct Affine {
    pub(super) rows: [[f64; 2]; 2],
    pub(super) offset: [f64; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distortions_keep_within_their_limits_and_classes_have_their_own() {
        let limits = Augmentation { class_rotation: vec![(1, 7.5)], ..Augmentation::default() };
        let mut stream = SplitMix64::new(1);
        for (label, degrees) in [(0, 15.0), (1, 7.5)] {
            let mut largest = [0f64; 6];
            for _ in 0..10_000 {
                let drawn = Distortion::draw(&limits, label, &mut stream);
                let Distortion { angle, width, height, shear, right, down } = drawn;
                let sizes = [angle.to_degrees(), width - 1.0, height - 1.0, shear, right, down];
                largest.iter_mut().zip(sizes).for_each(|(largest, size)| *largest = largest.max(size.abs()));
            }
            for (largest, limit) in largest.into_iter().zip([degrees, 0.15, 0.15, 0.1, 1.0, 1.0]) {
                assert!((0.999 * limit..=limit * (1.0 + 1e-12)).contains(&largest), "{largest} {limit}");
            }
        }
    }

    #[test]
    fn half_of_the_images_are_mirrored_if_flips_are_allowed() {
        for (flip, expected) in [(false, 0..=0), (true, 4_850..=5_150)] {
            let limits = Augmentation { flip, ..Augmentation::default() };
            let mut stream = SplitMix64::new(1);
            let mut is_mirrored = || Distortion::draw(&limits, 0, &mut stream).width < 0.0;
            let mirrored = (0..10_000).filter(|_| is_mirrored()).count();
            assert!(expected.contains(&mirrored), "{mirrored}");
        }
    }
}
