//! A grid of floating-point levels, and resizing: averaging the area of each new pixel to reduce,
//! linear interpolation to enlarge.

use super::GrayPicture;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) levels: Vec<f32>, // (height, width)
}

impl Plane {
    /// Converts a picture, reducing its longer side to at most `side` pixels.
    pub(super) fn of(picture: &GrayPicture, side: usize) -> Self {
        let (width, height) = (picture.width(), picture.height());
        if width.max(height) <= side {
            let levels = picture.pixels().iter().map(|&pixel| pixel.into()).collect();
            return Self { width, height, levels };
        }
        let (to_width, to_height) = fitted(width, height, side, side);
        Self::scaled(picture, to_width, to_height)
    }

    /// Converts a picture and resizes it to at least one pixel each way.
    pub(super) fn scaled(picture: &GrayPicture, width: usize, height: usize) -> Self {
        resized(picture.pixels(), picture.width(), width, height)
    }

    pub(super) fn inverted(mut self) -> Self {
        self.levels.iter_mut().for_each(|level| *level = 255.0 - *level);
        self
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // `as` saturates.
        self.levels.iter().map(|&level| level.round() as u8).collect()
    }

    pub(super) fn is_border(&self, x: usize, y: usize) -> bool {
        x == 0 || y == 0 || x + 1 == self.width || y + 1 == self.height
    }

    /// Crops to `width` by `height` pixels from (x, y).
    pub(super) fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let rows = self.levels.chunks_exact(self.width).skip(y).take(height);
        Self { width, height, levels: rows.flat_map(|row| &row[x..x + width]).copied().collect() }
    }

    /// Resizes to at least one pixel each way.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        resized(&self.levels, self.width, width, height)
    }
}

/// Resizes levels in rows of `from_width`, converted row by row because pictures can be large.
fn resized<T: Copy + Into<f32>>(levels: &[T], from_width: usize, width: usize, height: usize) -> Plane {
    let from_height = levels.len() / from_width;
    let across = taps(from_width, width);
    let mut narrow = Vec::with_capacity(width * from_height);
    for row in levels.chunks_exact(from_width) {
        narrow.extend(across.iter().map(|taps| taps.sum(|from| row[from].into())));
    }
    let mut levels = Vec::with_capacity(width * height);
    for taps in taps(from_height, height) {
        levels.extend((0..width).map(|x| taps.sum(|from| narrow[from * width + x])));
    }
    Plane { width, height, levels }
}

/// Scales a size to fit into another with its aspect ratio, rounded to whole pixels.
pub(super) fn fitted(width: usize, height: usize, into_width: usize, into_height: usize) -> (usize, usize) {
    let scale = (into_width as f64 / width as f64).min(into_height as f64 / height as f64);
    let side = |length: usize, most: usize| ((length as f64 * scale).round() as usize).clamp(1, most.max(1));
    (side(width, into_width), side(height, into_height))
}

/// The weights of old pixels in a new one, along a row or column.
struct Taps {
    first: usize,
    weights: Vec<f32>, // sum 1
}

impl Taps {
    fn sum(&self, level: impl Fn(usize) -> f32) -> f32 {
        self.weights.iter().enumerate().map(|(i, weight)| weight * level(self.first + i)).sum()
    }
}

/// The taps of each of `to` new pixels, from `from` old ones.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    if scale >= 1.0 {
        (0..to).map(|pixel| averaging(pixel as f64 * scale, (pixel + 1) as f64 * scale, from)).collect()
    } else {
        (0..to).map(|pixel| between((pixel as f64 + 0.5) * scale - 0.5, from)).collect()
    }
}

/// Averages from `low` to `high`.
fn averaging(low: f64, high: f64, from: usize) -> Taps {
    let first = (low as usize).min(from - 1);
    let end = (high.ceil() as usize).clamp(first + 1, from);
    let share =
        |old: usize| ((high.min((old + 1) as f64) - low.max(old as f64)).max(0.0) / (high - low)) as f32;
    Taps { first, weights: (first..end).map(share).collect() }
}

/// Interpolates at `place`, clamped, where the center of pixel i is at i.
fn between(place: f64, from: usize) -> Taps {
    let place = place.clamp(0.0, (from - 1) as f64);
    let first = place as usize;
    let share = (place - first as f64) as f32;
    let weights = if first + 1 < from { vec![1.0 - share, share] } else { vec![1.0] };
    Taps { first, weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, levels: &[f32]) -> Plane {
        Plane { width, height: levels.len() / width, levels: levels.to_vec() }
    }

    #[test]
    fn resizing_to_the_same_size_changes_nothing() {
        let plane = plane(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(plane.resized(3, 2), plane);
        let picture = GrayPicture::new(3, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!((Plane::of(&picture, 3), Plane::scaled(&picture, 3, 2)), (plane.clone(), plane));
    }

    #[test]
    fn reducing_averages_the_area_of_each_new_pixel() {
        let plane = plane(3, &[0.0, 30.0, 60.0]);
        // Each new pixel covers one and a half: all of the outer one, half of the middle one.
        assert_eq!(plane.resized(2, 1).levels, [10.0, 50.0]);
        assert_eq!(plane.resized(1, 1).levels, [30.0]);
    }

    #[test]
    fn a_large_picture_keeps_its_aspect_ratio() {
        let picture = GrayPicture::new(4, 2, vec![0, 2, 10, 30, 4, 6, 20, 40]).unwrap();
        assert_eq!(Plane::of(&picture, 2), plane(2, &[3.0, 25.0]));
    }

    #[test]
    fn enlarging_interpolates_and_keeps_the_ends() {
        assert_eq!(plane(2, &[0.0, 8.0]).resized(4, 1).levels, [0.0, 2.0, 6.0, 8.0]);
        assert_eq!(plane(1, &[7.0]).resized(2, 2).levels, [7.0; 4]);
    }

    #[test]
    fn a_fitted_size_keeps_its_aspect_ratio_and_at_least_a_pixel() {
        assert_eq!(fitted(40, 20, 20, 20), (20, 10));
        assert_eq!(fitted(7, 14, 20, 20), (10, 20));
        assert_eq!(fitted(1, 100_000, 28, 28), (1, 28));
        assert_eq!(fitted(50, 50, 28, 14), (14, 14));
    }

    #[test]
    fn a_part_is_cropped() {
        let plane = plane(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(plane.part(1, 0, 2, 2).levels, [2.0, 3.0, 5.0, 6.0]);
    }
}
