//! Random distortions of training images: affine maps and elastic deformations (`field.rs`), applied
//! by resampling (`warp.rs`).
//!
//! A distorted image is a function of the seed, the epoch and the example alone. There is no state,
//! so threads, batches and interruptions cannot change a bit.

mod field;
mod warp;

use std::fmt;

use crate::random::SplitMix64;
use crate::{Dataset, ImageShape};
use field::Field;
use warp::{MAX_SIDE, Warp};

/// The limits of random distortions. Each distortion is drawn evenly within its limits, separately
/// for each image.
///
/// # Example
/// ```
/// use mlp_data::{Augmentation, Augmenter, Datasets};
/// use std::path::Path;
///
/// let train = Datasets::load("synthetic", Path::new("data"))?.train;
/// let mut augmenter = Augmenter::new(&Augmentation::default(), train.shape(), 0);
/// let mut image = vec![0; train.pixels()];
/// augmenter.image(&train, 7, 3, &mut image); // example 3 in epoch 7
/// assert_ne!(image, train.image(3));
///
/// let mut again = vec![0; train.pixels()];
/// augmenter.image(&train, 7, 3, &mut again);
/// assert_eq!(image, again);
/// # Ok::<(), mlp_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation {
    /// Maximum rotation in degrees, in both directions.
    pub rotation: f64,
    /// Other limits of the rotation for single classes: (label, degrees).
    pub class_rotation: Vec<(u8, f64)>,
    /// Maximum change of size as a share, below 1; drawn for width and height separately.
    pub scale: f64,
    /// Maximum horizontal shear, in pixels per row.
    pub shear: f64,
    /// Maximum translation in pixels, in both directions of both axes.
    pub translate: f64,
    /// Strength α of the elastic deformation, in pixels: the factor of a random field, uniform in
    /// [-1, 1] at each pixel, after smoothing with a Gaussian of standard deviation
    /// [`elastic_sigma`](Self::elastic_sigma). A pixel moves by α/(σ·√(12π)) in each direction, root
    /// mean square (Simard, Steinkraus and Platt 2003).
    pub elastic_alpha: f64,
    /// Smoothness σ of the elastic deformation, in pixels, above 0.
    pub elastic_sigma: f64,
}

/// Limits that suit handwritten digits of about 20 pixels.
impl Default for Augmentation {
    fn default() -> Self {
        Self {
            rotation: 15.0,
            class_rotation: Vec::new(),
            scale: 0.15,
            shear: 0.1,
            translate: 1.0,
            elastic_alpha: 36.0,
            elastic_sigma: 5.0,
        }
    }
}

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
    /// Creates an augmenter for images of a shape.
    ///
    /// # Panics
    /// If `elastic_sigma` is not above 0, or a side of the images is longer than 32,766 pixels.
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

/// An image is scaled by these factors, then sheared, then rotated about its center, then moved.
#[derive(Debug)]
struct Distortion {
    angle: f64, // radians, clockwise
    width: f64,
    height: f64,
    shear: f64,
    right: f64,
    down: f64,
}

impl Distortion {
    fn draw(limits: &Augmentation, label: u8, stream: &mut SplitMix64) -> Self {
        let of_class = limits.class_rotation.iter().find(|&&(class, _)| class == label);
        let rotation = of_class.map_or(limits.rotation, |&(_, degrees)| degrees);
        let mut within = |limit: f64| stream.between(-limit, limit);
        Self {
            angle: within(rotation).to_radians(),
            width: 1.0 + within(limits.scale),
            height: 1.0 + within(limits.scale),
            shear: within(limits.shear),
            right: within(limits.translate),
            down: within(limits.translate),
        }
    }

    /// Returns the map from positions in the distorted image to those in the original.
    fn map(&self, shape: ImageShape) -> Affine {
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
struct Affine {
    rows: [[f64; 2]; 2],
    offset: [f64; 2],
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
    use super::*;
    use sha2::{Digest, Sha256};

    const NONE: Distortion =
        Distortion { angle: 0.0, width: 1.0, height: 1.0, shear: 0.0, right: 0.0, down: 0.0 };

    fn distorted(image: &[u8], shape: ImageShape, distortion: &Distortion) -> Vec<u8> {
        let mut out = vec![1; image.len()];
        let field = Field::new(shape, 0.0, 5.0);
        Warp::new(shape).apply(image, &distortion.map(shape), &field, &mut out);
        out
    }

    #[test]
    fn each_distortion_moves_pixels_as_it_says() {
        let shape = ImageShape { height: 3, width: 5 };
        let image: Vec<u8> = (0..15).map(|i| 100 + i).collect();
        let expect = |distortion: Distortion, expected: [u8; 15]| {
            assert_eq!(distorted(&image, shape, &distortion), expected, "{distortion:?}");
        };
        expect(NONE, [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114]);
        let moved = Distortion { right: 1.0, down: -1.0, ..NONE };
        expect(moved, [0, 105, 106, 107, 108, 0, 110, 111, 112, 113, 0, 0, 0, 0, 0]);
        let halfway = Distortion { right: 0.5, ..NONE };
        expect(halfway, [50, 101, 102, 103, 104, 53, 106, 107, 108, 109, 55, 111, 112, 113, 114]);
        let twice = Distortion { width: 2.0, ..NONE };
        expect(twice, [101, 102, 102, 103, 103, 106, 107, 107, 108, 108, 111, 112, 112, 113, 113]);
        let sheared = Distortion { shear: 1.0, ..NONE };
        expect(sheared, [101, 102, 103, 104, 0, 105, 106, 107, 108, 109, 0, 110, 111, 112, 113]);
        let clockwise = Distortion { angle: std::f64::consts::FRAC_PI_2, ..NONE };
        expect(clockwise, [0, 111, 106, 101, 0, 0, 112, 107, 102, 0, 0, 113, 108, 103, 0]);
    }

    #[test]
    fn faint_pixels_become_background() {
        let shape = ImageShape { height: 1, width: 4 };
        assert_eq!(distorted(&[15, 16, 255, 1], shape, &NONE), [0, 16, 255, 0]);
    }

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
