//! The limits of random distortions.

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
    /// [`elastic_sigma`](Self::elastic_sigma). A pixel moves by α/(σ·√(12π)) in each direction,
    /// root mean square (Simard, Steinkraus and Platt 2003).
    pub elastic_alpha: f64,
    /// Smoothness σ of the elastic deformation, in pixels, above 0.
    pub elastic_sigma: f64,
    /// Mirrors half of the images left to right.
    pub flip: bool,
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
            flip: false,
        }
    }
}
