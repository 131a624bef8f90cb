//! The non-zero pixels of images as a CSR matrix of bytes: 19% of the pixels in MNIST.

use super::Dataset;
use super::labeled_images::count_non_zero;
use super::pixels::parts_of;
use std::fmt;
use std::ops::Range;
use std::thread;

/// The non-zero pixels of some images as a CSR matrix.
///
/// Image `i` has the entries `offsets[i]..offsets[i + 1]` of `columns` (positions in the image,
/// ascending) and of `values` (the bytes, never zero; scaled by [`levels`](super::levels)).
///
/// # Example
/// ```
/// use mlp_data::{Dataset, ImageShape};
/// let shape = ImageShape { height: 1, width: 3 };
/// let data = Dataset::new(vec![0, 7, 9, 0, 0, 0, 5, 0, 0], shape, vec![0, 1, 0], 2)?;
/// let mut sparse = data.sparse();
/// assert_eq!(sparse.offsets(), [0, 2, 2, 3]);
/// assert_eq!(sparse.columns(), [1, 2, 0]);
/// assert_eq!(sparse.values(), [7, 9, 5]);
///
/// // Reuse the buffers for other images.
/// sparse.fill(&data, 1..3);
/// assert_eq!(sparse.offsets(), [0, 0, 1]);
/// assert_eq!((sparse.columns(), sparse.values()), (&[0][..], &[5][..]));
/// # Ok::<(), mlp_data::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SparseImages {
    offsets: Vec<usize>, // (len + 1,), ascending from 0
    columns: Vec<u16>,   // (non-zeros,), ascending within an image
    values: Vec<u8>,     // (non-zeros,)
    pixels: usize,
}

impl SparseImages {
    /// The maximum number of pixels per image, because columns have 16 bits.
    pub const MAX_PIXELS: usize = 1 << 16;

    /// Creates a matrix without images.
    pub fn new() -> Self {
        Self { offsets: vec![0], columns: Vec::new(), values: Vec::new(), pixels: 0 }
    }

    /// Replaces the content with the images `range` of `dataset`, on the calling thread.
    ///
    /// The first call reserves address space for dense images; later calls with ranges up to that
    /// length allocate nothing. For a whole dataset, see [`Dataset::sparse`].
    ///
    /// # Panics
    /// If the images have more than [`MAX_PIXELS`](Self::MAX_PIXELS) or the range is out of bounds.
    #[track_caller]
    pub fn fill(&mut self, dataset: &Dataset, range: Range<usize>) {
        let (pixels, len) = (dataset.pixels(), dataset.len());
        assert!(range.start <= range.end && range.end <= len, "examples {range:?} of {len}");
        self.fill_with(&dataset.images()[range.start * pixels..range.end * pixels], pixels);
    }

    /// Replaces the content with `images` of `pixels` bytes each, as [`fill`](Self::fill) does.
    ///
    /// # Panics
    /// If `pixels` is 0 or above [`MAX_PIXELS`](Self::MAX_PIXELS), or an image is incomplete.
    #[track_caller]
    pub fn fill_with(&mut self, images: &[u8], pixels: usize) {
        self.count(images, pixels, 1);
        let (most, count) = (images.len(), self.non_zeros());
        resize(&mut self.columns, count, most);
        resize(&mut self.values, count, most);
        compress(images, pixels, &self.offsets, &mut self.columns, &mut self.values);
    }

    /// Appends the images of another matrix.
    ///
    /// # Panics
    /// If both have images, of different numbers of pixels.
    #[track_caller]
    pub fn append(&mut self, other: &Self) {
        assert!(
            self.is_empty() || other.is_empty() || self.pixels == other.pixels,
            "images of {} and of {} pixels",
            self.pixels,
            other.pixels
        );
        if self.is_empty() {
            self.pixels = other.pixels;
        }
        let end = self.non_zeros();
        self.offsets.extend(other.offsets[1..].iter().map(|offset| end + offset));
        self.columns.extend_from_slice(&other.columns);
        self.values.extend_from_slice(&other.values);
    }

    /// Removes all images, but keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.columns.clear();
        self.values.clear();
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns true if there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels per image, zeros included; 0 before the first [`fill`](Self::fill).
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// The row offsets of the CSR matrix, `len + 1` numbers.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The position of each non-zero pixel in its image, ascending.
    pub fn columns(&self) -> &[u16] {
        &self.columns
    }

    /// The non-zero pixels, one for each of the [`columns`](Self::columns).
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    fn non_zeros(&self) -> usize {
        self.offsets[self.len()]
    }

    /// Sets `offsets` and `pixels` for these images, on `parts` threads.
    #[track_caller]
    fn count(&mut self, images: &[u8], pixels: usize, parts: usize) {
        assert!(pixels <= Self::MAX_PIXELS, "sparse images have at most 65536 pixels, not {pixels}");
        assert!(images.len().is_multiple_of(pixels), "{} bytes for images of {pixels}", images.len());
        self.pixels = pixels;
        self.offsets.resize(images.len() / pixels + 1, 0);
        let counts = &mut self.offsets[1..];
        let count = |images: &[u8], counts: &mut [usize]| {
            images.chunks_exact(pixels).zip(counts).for_each(|(image, count)| *count = count_non_zero(image));
        };
        if parts == 1 {
            count(images, counts);
        } else {
            let per_part = counts.len().div_ceil(parts).max(1);
            thread::scope(|scope| {
                for (images, counts) in images.chunks(per_part * pixels).zip(counts.chunks_mut(per_part)) {
                    scope.spawn(move || count(images, counts));
                }
            });
        }
        let mut end = 0;
        for offset in &mut self.offsets[1..] {
            end += *offset;
            *offset = end;
        }
    }

    /// Fills `columns` and `values`, which have the right lengths, on `parts` threads.
    fn compress_in_parts(&mut self, images: &[u8], parts: usize) {
        let per_part = self.len().div_ceil(parts).max(1);
        let (mut columns, mut values) = (&mut self.columns[..], &mut self.values[..]);
        let (offsets, pixels) = (&self.offsets, self.pixels);
        thread::scope(|scope| {
            for (part, images) in images.chunks(per_part * pixels).enumerate() {
                let first = part * per_part;
                let offsets = &offsets[first..=first + images.len() / pixels];
                let here = offsets[offsets.len() - 1] - offsets[0];
                let (part_columns, other_columns) = columns.split_at_mut(here);
                let (part_values, other_values) = values.split_at_mut(here);
                (columns, values) = (other_columns, other_values);
                scope.spawn(move || compress(images, pixels, offsets, part_columns, part_values));
            }
        });
    }
}

impl Default for SparseImages {
    fn default() -> Self {
        Self::new()
    }
}

/// Leaves out the entries.
impl fmt::Debug for SparseImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparseImages")
            .field("len", &self.len())
            .field("pixels", &self.pixels)
            .field("non_zeros", &self.non_zeros())
            .finish_non_exhaustive()
    }
}

impl Dataset {
    /// Converts all images to a CSR matrix, three bytes per non-zero pixel, on all processors.
    ///
    /// # Panics
    /// If the images have more than [`SparseImages::MAX_PIXELS`].
    #[track_caller]
    pub fn sparse(&self) -> SparseImages {
        self.sparse_in_parts(parts_of(self.images.len()))
    }

    #[track_caller]
    fn sparse_in_parts(&self, parts: usize) -> SparseImages {
        let mut sparse = SparseImages::new();
        sparse.count(&self.images, self.pixels(), parts);
        sparse.columns = vec![0; sparse.non_zeros()];
        sparse.values = vec![0; sparse.non_zeros()];
        sparse.compress_in_parts(&self.images, parts);
        sparse
    }
}

/// Resizes `entries` to `count`, with capacity for at least `most`.
fn resize<T: Copy + Default>(entries: &mut Vec<T>, count: usize, most: usize) {
    if entries.capacity() < most {
        // Growing would copy the old entries.
        *entries = Vec::with_capacity(most);
    }
    entries.resize(count, T::default());
}

/// Fills the entries of consecutive images: all of `columns` and `values`.
fn compress(images: &[u8], pixels: usize, offsets: &[usize], columns: &mut [u16], values: &mut [u8]) {
    for (image, ends) in images.chunks_exact(pixels).zip(offsets.windows(2)) {
        let entries = ends[0] - offsets[0]..ends[1] - offsets[0];
        compress_image(image, &mut columns[entries.clone()], &mut values[entries]);
    }
}

/// Fills the entries of one image, skipping eight zeros at a time.
fn compress_image(image: &[u8], columns: &mut [u16], values: &mut [u8]) {
    let mut next = 0;
    let (words, rest) = image.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if *word != [0; 8] {
            write_entries(word, index * 8, &mut next, columns, values);
        }
    }
    write_entries(rest, words.len() * 8, &mut next, columns, values);
}

/// Writes every pixel to the entry `next` and advances if it is not zero, without a branch to
/// mispredict. Zeros after the last entry are out of bounds and ignored.
#[inline(always)]
fn write_entries(pixels: &[u8], first: usize, next: &mut usize, columns: &mut [u16], values: &mut [u8]) {
    for (index, &pixel) in pixels.iter().enumerate() {
        if let (Some(column), Some(value)) = (columns.get_mut(*next), values.get_mut(*next)) {
            *column = (first + index) as u16;
            *value = pixel;
        }
        *next += usize::from(pixel != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageShape;
    use crate::dataset::pixels::PIXELS_PER_THREAD;
    use crate::random::SplitMix64;
    use proptest::prelude::*;

    fn dataset(images: Vec<u8>, pixels: usize) -> Dataset {
        let labels = vec![0; images.len() / pixels];
        Dataset::new(images, ImageShape { height: 1, width: pixels }, labels, 1).unwrap()
    }

    /// `len` images with about `density` non-zero pixels.
    fn random(len: usize, pixels: usize, density: f64, seed: u64) -> Dataset {
        let mut random = SplitMix64::new(seed);
        let pixel = |_| if random.between(0.0, 1.0) < density { 1 + random.below(255) as u8 } else { 0 };
        dataset((0..len * pixels).map(pixel).collect(), pixels)
    }

    /// The expected result, by a simple loop.
    fn by_plain_loop(data: &Dataset, range: Range<usize>) -> SparseImages {
        let mut sparse = SparseImages { pixels: data.pixels(), ..SparseImages::new() };
        for index in range {
            for (column, &pixel) in data.image(index).iter().enumerate() {
                if pixel != 0 {
                    sparse.columns.push(u16::try_from(column).unwrap());
                    sparse.values.push(pixel);
                }
            }
            sparse.offsets.push(sparse.values.len());
        }
        sparse
    }

    proptest! {
        #[test]
        fn any_images_match_a_plain_loop(
            len in 0usize..40,
            pixels in 1usize..100,
            density in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0],
            parts in 1usize..6,
            cut in (0.0f64..1.0, 0.0f64..1.0),
            seed: u64,
        ) {
            let data = random(len, pixels, density, seed);
            let expected = by_plain_loop(&data, 0..len);
            prop_assert_eq!(&data.sparse(), &expected);
            prop_assert_eq!(&data.sparse_in_parts(parts), &expected);

            let start = (cut.0 * (len + 1) as f64) as usize;
            let range = start..start + (cut.1 * (len - start + 1) as f64) as usize;
            let mut sparse = expected;
            sparse.fill(&data, range.clone());
            prop_assert_eq!(&sparse, &by_plain_loop(&data, range.clone()));
            let mut rest = SparseImages::new();
            rest.fill(&data, range.end..len);
            sparse.append(&rest);
            prop_assert_eq!(&sparse, &by_plain_loop(&data, range.start..len));
            sparse.clear();
            sparse.append(&rest);
            prop_assert_eq!(sparse, rest);
        }
    }

    #[test]
    fn large_datasets_use_threads_and_exact_allocations() {
        let data = random(4 * PIXELS_PER_THREAD / 784, 784, 0.2, 1);
        let sparse = data.sparse();
        assert_eq!(sparse, by_plain_loop(&data, 0..data.len()));
        assert_eq!(sparse.columns.capacity(), sparse.columns.len());
        assert_eq!(sparse.values.capacity(), sparse.values.len());
        assert_eq!(sparse.offsets.capacity(), data.len() + 1);
    }

    #[test]
    fn refilling_with_denser_images_allocates_nothing() {
        let mut images = vec![0; 50 * 30];
        images[20 * 30..].fill(1);
        let data = dataset(images, 30);
        let mut sparse = SparseImages::default();
        assert!(sparse.is_empty());
        let buffers = |s: &SparseImages| (s.offsets.as_ptr(), s.columns.as_ptr(), s.values.as_ptr());
        sparse.fill(&data, 0..20);
        assert_eq!((sparse.len(), sparse.columns()), (20, &[][..]));
        let before = buffers(&sparse);
        for range in [10..30, 30..50, 5..6, 0..0, 28..48] {
            sparse.fill(&data, range.clone());
            assert_eq!(sparse, by_plain_loop(&data, range));
            assert_eq!(buffers(&sparse), before);
        }
    }

    #[test]
    fn the_largest_images_use_all_16_bit_columns() {
        let mut images = vec![0; 2 * SparseImages::MAX_PIXELS];
        *images.last_mut().unwrap() = 3;
        images[0] = 2;
        let sparse = dataset(images, SparseImages::MAX_PIXELS).sparse();
        assert_eq!(sparse.columns(), [0, u16::MAX]);
        assert_eq!(sparse.offsets(), [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "at most 65536 pixels, not 65537")]
    fn larger_images_panic() {
        dataset(vec![1; SparseImages::MAX_PIXELS + 1], SparseImages::MAX_PIXELS + 1).sparse();
    }

    #[test]
    #[should_panic(expected = "examples 1..3 of 2")]
    fn a_range_beyond_the_end_panics() {
        SparseImages::new().fill(&dataset(vec![0; 4], 2), 1..3);
    }
}
