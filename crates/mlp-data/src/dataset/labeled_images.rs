//! Images with labels, validated: every image has a label and every label is a class.

use super::pixels::Pixels;
use crate::Error;
use crate::mapped::MappedFile;
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::Range;

/// Height and width of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Rows times columns: the length of one image.
    pub const fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Transposes images of this shape.
    pub(crate) fn transpose_all(self, images: &mut [u8]) {
        let mut upright = vec![0; self.pixels()];
        for image in images.chunks_exact_mut(self.pixels().max(1)) {
            for row in 0..self.height {
                for column in 0..self.width {
                    upright[column * self.height + row] = image[row * self.width + column];
                }
            }
            image.copy_from_slice(&upright);
        }
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// Images of one shape, one byte per pixel, each with a label. The pixels are in memory, or in a
/// mapped file if that is large.
///
/// # Example
/// ```
/// use mlp_data::{Dataset, ImageShape};
/// let shape = ImageShape { height: 1, width: 2 };
/// let data = Dataset::new(vec![0, 255, 51, 0], shape, vec![1, 0], 2)?;
/// assert_eq!((data.len(), data.pixels()), (2, 2));
/// assert_eq!(data.image(0), [0, 255]);
/// assert_eq!(data.density(), 0.5);
///
/// let mut features = [0f32; 4];
/// data.features(0..2, &mut features);
/// assert_eq!(features, [0.0, 1.0, 0.2, 0.0]);
/// # Ok::<(), mlp_data::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    pub(super) images: Pixels, // (len, height, width), row-major
    pub(super) shape: ImageShape,
    pub(super) labels: Vec<u8>, // (len,)
    pub(super) classes: usize,
    pub(super) non_zeros: usize, // pixels; counted once, since every training asks several times
}

impl Dataset {
    /// Creates a dataset from the pixels of all images, row-major, and their labels.
    ///
    /// # Errors
    /// [`Error::NoPixels`], [`Error::PartialImage`], [`Error::CountsDiffer`], [`Error::Classes`] or
    /// [`Error::LabelOutOfRange`].
    pub fn new(images: Vec<u8>, shape: ImageShape, labels: Vec<u8>, classes: usize) -> Result<Self, Error> {
        Self::of_pixels(images.into(), shape, labels, classes)
    }

    /// [`Dataset::new`], with pixels that may be in a file.
    pub(crate) fn of_pixels(
        images: Pixels,
        shape: ImageShape,
        labels: Vec<u8>,
        classes: usize,
    ) -> Result<Self, Error> {
        let pixels = shape.height.checked_mul(shape.width).filter(|&pixels| pixels > 0);
        let Some(pixels) = pixels else {
            return Err(Error::NoPixels { height: shape.height, width: shape.width });
        };
        if !images.len().is_multiple_of(pixels) {
            return Err(Error::PartialImage { bytes: images.len(), pixels });
        }
        if images.len() / pixels != labels.len() {
            return Err(Error::CountsDiffer { images: images.len() / pixels, labels: labels.len() });
        }
        if !(1..=256).contains(&classes) {
            return Err(Error::Classes { classes });
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            let last = classes as i64 - 1;
            return Err(Error::LabelOutOfRange { index, label: labels[index].into(), first: 0, last });
        }
        Ok(Self::of_valid(images, shape, labels, classes))
    }

    /// Creates a dataset from parts of a valid one.
    pub(super) fn of_valid(images: Pixels, shape: ImageShape, labels: Vec<u8>, classes: usize) -> Self {
        let non_zeros = images.by_block(count_non_zero).into_iter().sum();
        Self { images, shape, labels, classes, non_zeros }
    }

    /// Changes the number of classes; all labels must be below it.
    pub(crate) fn with_classes(self, classes: usize) -> Self {
        debug_assert!(self.labels.iter().all(|&label| usize::from(label) < classes));
        Self { classes, ..self }
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns true if there are no examples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height and width of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Pixels per image, the number of features.
    pub fn pixels(&self) -> usize {
        self.shape.pixels()
    }

    /// Number of classes; every label is below it.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The labels, in order.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// All pixels: `len` images of `pixels` bytes.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The pixels of one image, row-major.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[track_caller]
    pub fn image(&self, index: usize) -> &[u8] {
        assert!(index < self.len(), "image {index} of {}", self.len());
        &self.images[index * self.pixels()..][..self.pixels()]
    }

    /// The number of examples of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// The fraction of non-zero pixels; 0 for an empty set.
    pub fn density(&self) -> f64 {
        self.non_zeros as f64 / self.images.len().max(1) as f64
    }

    /// A hash of shape, number of classes, labels and pixels, in 64 hexadecimal digits: equal for
    /// equal datasets, however they are stored. It is a SHA-256 over the SHA-256 of each MiB of
    /// pixels, which all cores compute.
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"mlp-data dataset 2\n");
        for number in [self.len(), self.shape.height, self.shape.width, self.classes] {
            hasher.update((number as u64).to_le_bytes());
        }
        hasher.update(&self.labels);
        for block in self.images.by_block(|pixels| Sha256::digest(pixels)) {
            hasher.update(block);
        }
        hex(&hasher.finalize())
    }
}

/// Datasets larger than memory.
impl Dataset {
    /// The file in which the pixels are, if they were not read into memory.
    pub fn mapped_file(&self) -> Option<&MappedFile> {
        self.images.file()
    }

    /// Checks that the file in which the pixels are has not changed since it was opened.
    ///
    /// # Errors
    /// [`Error::ChangedInUse`], [`Error::Io`].
    pub fn check_unchanged(&self) -> Result<(), Error> {
        self.mapped_file().map_or(Ok(()), MappedFile::check)
    }

    /// Tells the system that the pixels of the examples `range` are not needed for now: the part of
    /// a mapped file that holds them no longer counts as memory of this process. Does nothing if
    /// they are in memory.
    ///
    /// # Panics
    /// If the range goes beyond the end.
    #[track_caller]
    pub fn release(&self, range: Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.len(), "examples {range:?} of {}", self.len());
        self.images.release(range.start * self.pixels()..range.end * self.pixels());
    }

    /// Tells the system that images of a mapped file will be read in random order, for which
    /// reading ahead is a waste.
    pub fn expect_random_access(&self) {
        self.images.file().inspect(|file| file.expect_random_access());
    }
}

/// Leaves out the pixels.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("len", &self.len())
            .field("shape", &self.shape)
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
}

/// Counts the non-zero pixels, in lanes of bytes, which vectorizes where one `usize` and checks for
/// overflow do not.
pub(super) fn count_non_zero(pixels: &[u8]) -> usize {
    let (rounds, rest) = pixels.as_chunks::<64>();
    let mut count = rest.iter().filter(|&&pixel| pixel != 0).count();
    // A byte can count 255 rounds.
    for rounds in rounds.chunks(255) {
        let mut lanes = [0u8; 64];
        for round in rounds {
            for (lane, &pixel) in lanes.iter_mut().zip(round) {
                *lane = lane.wrapping_add(u8::from(pixel != 0));
            }
        }
        count += lanes.iter().map(|&lane| usize::from(lane)).sum::<usize>();
    }
    count
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 2, width: 3 };

    fn small() -> Dataset {
        Dataset::new((0..18).collect(), SHAPE, vec![2, 0, 2], 3).unwrap()
    }

    #[test]
    fn images_and_labels_keep_their_order() {
        let data = small();
        assert_eq!(data.image(1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(data.labels(), [2, 0, 2]);
        assert_eq!(data.class_counts(), [1, 0, 2]);
        assert_eq!((data.len(), data.is_empty(), data.classes()), (3, false, 3));
    }

    #[test]
    fn transposing_swaps_rows_and_columns() {
        let mut images = vec![1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60];
        ImageShape { height: 2, width: 3 }.transpose_all(&mut images);
        assert_eq!(images, [1, 4, 2, 5, 3, 6, 10, 40, 20, 50, 30, 60]);
    }

    #[test]
    fn density_counts_every_pixel_once() {
        for len in [1, 63, 64, 65, 255 * 64, 255 * 64 + 1, 100_003] {
            let images: Vec<u8> =
                (0..len).map(|i| if i % 3 == 0 { 0 } else { (i % 255) as u8 + 1 }).collect();
            let non_zero = images.iter().filter(|&&pixel| pixel != 0).count();
            let data = Dataset::new(images, ImageShape { height: 1, width: 1 }, vec![0; len], 1).unwrap();
            assert_eq!(data.density(), non_zero as f64 / len as f64, "{len}");
        }
        assert_eq!(Dataset::new(vec![], SHAPE, vec![], 1).unwrap().density(), 0.0);
    }

    #[test]
    fn any_difference_changes_the_hash() {
        let base = small();
        let mut hashes = vec![base.sha256()];
        let variants = [
            ((0..18).collect(), SHAPE, vec![2, 0, 1], 3),
            ((1..19).collect(), SHAPE, vec![2, 0, 2], 3),
            ((0..18).collect(), ImageShape { height: 3, width: 2 }, vec![2, 0, 2], 3),
            ((0..18).collect(), SHAPE, vec![2, 0, 2], 4),
        ];
        for (images, shape, labels, classes) in variants {
            hashes.push(Dataset::new(images, shape, labels, classes).unwrap().sha256());
        }
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 5);
        assert_eq!(small().sha256(), base.sha256());
        assert_eq!(base.sha256().len(), 64);
    }

    #[test]
    fn the_hash_covers_each_mib_of_pixels_on_any_number_of_cores() {
        const MIB: usize = 1 << 20;
        let images: Vec<u8> = (0..5 * MIB + 4).map(|i| (i * i / 7) as u8).collect();
        let shape = ImageShape { height: 2, width: 2 };
        let labels = vec![0; images.len() / 4];
        let mut hasher = Sha256::new();
        hasher.update(b"mlp-data dataset 2\n");
        for number in [labels.len() as u64, 2, 2, 1] {
            hasher.update(number.to_le_bytes());
        }
        hasher.update(&labels);
        for first in (0..images.len()).step_by(MIB) {
            hasher.update(Sha256::digest(&images[first..images.len().min(first + MIB)]));
        }
        let data = Dataset::new(images, shape, labels, 1).unwrap();
        assert_eq!(data.sha256(), hex(&hasher.finalize()));
    }

    #[test]
    #[should_panic(expected = "image 3 of 3")]
    fn an_image_beyond_the_end_panics() {
        small().image(3);
    }
}
