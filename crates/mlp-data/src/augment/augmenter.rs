//! Distorts the images of a dataset.

use std::fmt;

use super::distortion::Distortion;
use super::field::Field;
use super::limits::Augmentation;
use super::warp::{MAX_SIDE, Warp};
use crate::random::SplitMix64;
use crate::{Dataset, ImageShape};

/// Distorts the images of a dataset. Each thread needs its own, a clone.
#[derive(Clone)]
pub struct Augmenter {
    limits: Augmentation,
    shape: ImageShape,
    seed: u64,
    field: Field,
    warp: Warp,
}

impl Augmenter {
    /// The maximum height and width of images.
    pub const MAX_SIDE: usize = MAX_SIDE;

    /// Creates an augmenter for images of a shape.
    ///
    /// # Panics
    /// If `elastic_sigma` is not above 0, or a side of the images is longer than
    /// [`MAX_SIDE`](Self::MAX_SIDE).
    #[track_caller]
    pub fn new(limits: &Augmentation, shape: ImageShape, seed: u64) -> Self {
        let (alpha, sigma) = (limits.elastic_alpha, limits.elastic_sigma);
        assert!(sigma > 0.0, "elastic sigma is {sigma}; expected a number above 0");
        let (height, width) = (shape.height, shape.width);
        assert!(height.max(width) <= MAX_SIDE, "images of {shape}; expected sides up to {MAX_SIDE}");
        let field = Field::new(shape, alpha, sigma);
        Self { limits: limits.clone(), shape, seed, field, warp: Warp::new(shape) }
    }

    /// Writes the image of an example in an epoch to `out`.
    ///
    /// # Panics
    /// If the example does not exist, its shape is another one, or `out` has the wrong length.
    #[track_caller]
    pub fn image(&mut self, data: &Dataset, epoch: u64, index: usize, out: &mut [u8]) {
        assert_eq!(data.shape(), self.shape, "the shape of the images");
        assert_eq!(out.len(), data.pixels(), "pixels of an image");
        // Apart from the streams of splits and of drawn digits.
        let mut stream = SplitMix64::for_item(self.seed ^ 0x6175_676d_656e_7421, epoch, index as u64);
        let map = Distortion::draw(&self.limits, data.labels()[index], &mut stream).map(self.shape);
        self.field.draw(&mut stream);
        self.warp.apply(data.image(index), &map, &self.field, out);
    }
}

/// Leaves out the buffers.
impl fmt::Debug for Augmenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Augmenter")
            .field("limits", &self.limits)
            .field("shape", &self.shape)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn images_are_frozen_and_depend_on_seed_epoch_and_example_alone() {
        let train = crate::synthetic::digits(50, 1, 0).train;
        let all = |seed, epoch, indices: &mut dyn Iterator<Item = usize>| {
            let mut augmenter = Augmenter::new(&Augmentation::default(), train.shape(), seed);
            let mut images = vec![0; train.images().len()];
            for index in indices {
                let image = &mut images[index * train.pixels()..][..train.pixels()];
                augmenter.image(&train, epoch, index, image);
            }
            images
        };
        let images = all(0, 0, &mut (0..50));
        assert_eq!(images, all(0, 0, &mut (0..50).rev()));
        for other in [all(1, 0, &mut (0..50)), all(0, 1, &mut (0..50))] {
            assert!(images.chunks(784).zip(other.chunks(784)).all(|(image, other)| image != other));
        }
        let hash = crate::dataset::hex(&Sha256::digest(&images));
        assert_eq!(hash, "dd7fb48cbbfab4b2f4fd014b86507c28f9987569a48ec7bd7e34b7dd5e92c30d");
    }

    #[test]
    fn training_images_stay_sparse() {
        let train = crate::synthetic::digits(200, 1, 0).train;
        let mut augmenter = Augmenter::new(&Augmentation::default(), train.shape(), 0);
        let (mut count, mut image) = (0, vec![0; train.pixels()]);
        for index in 0..train.len() {
            augmenter.image(&train, 0, index, &mut image);
            count += image.iter().filter(|&&pixel| pixel != 0).count();
        }
        let density = count as f64 / train.images().len() as f64;
        assert!(density < 1.2 * train.density(), "{density} {}", train.density());
    }
}
