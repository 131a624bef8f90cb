//! Drawing the synthetic digits.

use super::strokes::{self, Point, STYLES};
use crate::random::SplitMix64;
use crate::{Dataset, Datasets, ImageShape, Polarity, Preprocessing};

/// The name of the dataset.
pub const NAME: &str = "synthetic";
/// The shape of a drawn digit.
pub const SHAPE: ImageShape = ImageShape { height: 28, width: 28 };
/// Number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;
/// Training examples of the dataset named `synthetic`.
pub const TRAIN: usize = 10_000;
/// Test examples of the dataset named `synthetic`.
pub const TEST: usize = 2_000;

/// Draws `train` and `test` digits, with classes as even as possible and in random order.
///
/// An example depends only on seed and position, so a larger set starts with the smaller one.
///
/// # Example
/// ```
/// let sets = mlp_data::synthetic::digits(50, 20, 7);
/// assert_eq!(sets.train.len(), 50);
/// assert_eq!(sets.test.class_counts(), [2; 10]);
/// ```
pub fn digits(train: usize, test: usize, seed: u64) -> Datasets {
    Datasets {
        name: NAME.to_owned(),
        train: draw_set(train, seed, 0),
        validation: None,
        test: draw_set(test, seed, 1),
        class_names: ('0'..='9').map(String::from).collect(),
        preprocessing: Preprocessing::Digit,
        polarity: Polarity::Auto,
    }
}

fn draw_set(count: usize, seed: u64, set: u64) -> Dataset {
    let mut images = vec![0; count * SHAPE.pixels()];
    let mut labels = Vec::with_capacity(count);
    // Each block of ten holds each digit once.
    for block in 0..count.div_ceil(CLASSES) as u64 {
        let mut classes: [u8; CLASSES] = std::array::from_fn(|class| class as u8);
        SplitMix64::for_item(seed, set + 2, block).shuffle(&mut classes);
        labels.extend_from_slice(&classes);
    }
    labels.truncate(count);
    for (index, (image, &label)) in images.chunks_exact_mut(SHAPE.pixels()).zip(&labels).enumerate() {
        draw(image, label, &mut SplitMix64::for_item(seed, set, index as u64));
    }
    Dataset::new(images, SHAPE, labels, CLASSES).expect("drawn images and labels fit together")
}

/// Draws one digit over a black image.
fn draw(image: &mut [u8], label: u8, random: &mut SplitMix64) {
    let styles = STYLES[usize::from(label)];
    let style = styles[random.below(styles.len() as u64) as usize];
    let map = Affine::random(random);
    let radius = random.between(0.7, 1.5);
    let brightness = random.between(200.0, 255.0);
    for stroke in style {
        let points: Vec<Point> = stroke
            .iter()
            .map(|&(x, y)| map.apply((x + random.between(-0.6, 0.6), y + random.between(-0.6, 0.6))))
            .collect();
        for ends in strokes::curve(&points).windows(2) {
            draw_segment(image, ends[0], ends[1], radius, brightness);
        }
    }
}

/// A map from the 20x20 box of the strokes to the image.
struct Affine {
    xx: f64,
    xy: f64,
    yx: f64,
    yy: f64,
    dx: f64,
    dy: f64,
}

impl Affine {
    fn random(random: &mut SplitMix64) -> Self {
        // A rotation by up to 0.3 radians, from the tangent of half its angle: no sine or cosine.
        let tangent = random.between(-0.15, 0.15);
        let norm = 1.0 + tangent * tangent;
        let (cos, sin) = ((1.0 - tangent * tangent) / norm, 2.0 * tangent / norm);
        let (width, height) = (random.between(0.7, 1.1), random.between(0.8, 1.1));
        let slant = random.between(-0.3, 0.3);
        Self {
            xx: cos * width,
            xy: cos * slant - sin * height,
            yx: sin * width,
            yy: sin * slant + cos * height,
            dx: 13.5 + random.between(-2.0, 2.0),
            dy: 13.5 + random.between(-2.0, 2.0),
        }
    }

    fn apply(&self, (x, y): Point) -> Point {
        let (x, y) = (x - 10.0, y - 10.0);
        (self.xx * x + self.xy * y + self.dx, self.yx * x + self.yy * y + self.dy)
    }
}

/// Brightens each pixel by how much of it the pen covers, a disk of `radius` moved from `a` to `b`.
fn draw_segment(image: &mut [u8], a: Point, b: Point, radius: f64, brightness: f64) {
    let reach = radius + 0.5;
    let span = |p: f64, q: f64, size: usize| {
        let low = (p.min(q) - reach).ceil().max(0.0) as usize;
        let high = (p.max(q) + reach).floor().min(size as f64 - 1.0);
        low..(high + 1.0).max(0.0) as usize
    };
    let (along_x, along_y) = (b.0 - a.0, b.1 - a.1);
    let length_squared = along_x * along_x + along_y * along_y;
    for row in span(a.1, b.1, SHAPE.height) {
        for column in span(a.0, b.0, SHAPE.width) {
            let (x, y) = (column as f64 - a.0, row as f64 - a.1);
            // The nearest point of the segment, which may have length zero.
            let t = if length_squared > 0.0 {
                ((x * along_x + y * along_y) / length_squared).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let (x, y) = (x - t * along_x, y - t * along_y);
            let cover = (reach - (x * x + y * y).sqrt()).clamp(0.0, 1.0);
            let pixel = &mut image[row * SHAPE.width + column];
            *pixel = (*pixel).max((cover * brightness) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN_LABELS: [u8; 10] = [2, 4, 6, 9, 5, 3, 7, 1, 0, 8];
    const TRAIN_HASH: &str = "6005c963d137c7820bedb97efd2608442cbf76adf48c0391431ab0601d71a757";
    const TEST_HASH: &str = "14eaa614853418579c0f4e0c4e2b3f0043da49433c500d3d4c2e89b61a486cb2";

    #[test]
    fn a_seed_always_gives_the_same_bytes() {
        let sets = digits(200, 100, 0);
        assert_eq!(sets.train.labels()[..10], TRAIN_LABELS);
        assert_eq!(sets.train.sha256(), TRAIN_HASH);
        assert_eq!(sets.test.sha256(), TEST_HASH);
    }

    #[test]
    fn a_larger_set_starts_with_the_smaller_one() {
        let (small, large) = (digits(30, 10, 5), digits(75, 40, 5));
        assert_eq!(large.train.take(30), small.train);
        assert_eq!(large.test.take(10), small.test);
    }

    #[test]
    fn different_seeds_and_sets_differ() {
        let (a, b) = (digits(50, 50, 1), digits(50, 50, 2));
        assert_ne!(a.train, b.train);
        assert_ne!(a.train, a.test);
    }

    #[test]
    fn digits_have_as_much_ink_as_handwriting() {
        let data = digits(1000, 0, 3).train;
        assert!((0.08..0.35).contains(&data.density()), "{}", data.density());
        for index in 0..data.len() {
            let ink = data.image(index).iter().filter(|&&pixel| pixel > 127).count();
            assert!((15..350).contains(&ink), "example {index}, a {}: {ink}", data.labels()[index]);
        }
        assert_eq!(data.class_counts(), [100; 10]);
    }

    #[test]
    fn the_nearest_class_mean_classifies_most_but_not_all() {
        let sets = digits(2000, 500, 11);
        let pixels = SHAPE.pixels();
        let mut means = vec![0f64; CLASSES * pixels];
        for index in 0..sets.train.len() {
            let class = usize::from(sets.train.labels()[index]);
            for (mean, &pixel) in means[class * pixels..].iter_mut().zip(sets.train.image(index)) {
                *mean += f64::from(pixel) / 200.0;
            }
        }
        let distance = |class: usize, image: &[u8]| -> f64 {
            let mean = &means[class * pixels..][..pixels];
            mean.iter().zip(image).map(|(mean, &pixel)| (mean - f64::from(pixel)).powi(2)).sum()
        };
        let right = (0..sets.test.len())
            .filter(|&index| {
                let image = sets.test.image(index);
                let nearest = (0..CLASSES).min_by(|&a, &b| distance(a, image).total_cmp(&distance(b, image)));
                nearest == Some(usize::from(sets.test.labels()[index]))
            })
            .count();
        assert!((300..490).contains(&right), "{right} of 500");
    }
}
