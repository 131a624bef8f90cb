//! Telling ground from ink: which is lighter, and how far each pixel stands out of the ground. The
//! ground of a photograph has shading and noise, so it is a fitted surface.

use super::Polarity;
use super::plane::Plane;

/// The minimum contrast of ink, in levels; anything less is unevenness of the paper.
const MIN_CONTRAST: f32 = 12.0;

/// How many standard deviations of noise still count as ground.
const NOISE: f32 = 3.0;

/// The maximum number of pixels that the ground is fitted to.
const SAMPLES: usize = 5_000;

/// The share of ground on a page with something on it.
const PAGE: f64 = 0.7;

/// The number of times that the ground is fitted.
const ROUNDS: usize = 6;

/// A picture turned so that its ground is the darker of the two, and whether light and dark were
/// exchanged for it.
pub(super) fn oriented(plane: Plane, polarity: Polarity) -> (Plane, bool) {
    let is_light = match polarity {
        Polarity::LightOnDark => false,
        Polarity::DarkOnLight => true,
        Polarity::Auto => has_light_ground(&plane),
    };
    if is_light { (plane.inverted(), true) } else { (plane, false) }
}

/// Whether the ground is the lighter of the two.
///
/// If most pixels lie on one surface, that is the ground, however it is shaded, and ink is what
/// stands out of it the most: on the dark side, if the ground is light. Otherwise, as where a bold
/// stroke fills its picture, pixels are divided into light and dark, and the ground is the
/// majority. The border counts twice, because a stroke seldom touches all edges, and the whole
/// picture once, because a stroke that fills it leaves the border undecided.
fn has_light_ground(plane: &Plane) -> bool {
    let samples = samples(plane);
    let ground = Ground::fit(samples.clone(), &samples);
    if ground.is_page(&samples) {
        // The cube, because few pixels of ink stand out far and many of a shadow a little.
        let all = plane.levels.iter().enumerate();
        return all.map(|(i, level)| f64::from(level - ground.level(plane, i)).powi(3)).sum::<f64>() < 0.0;
    }
    let threshold = otsu(&plane.levels);
    let share = |of: &mut dyn Iterator<Item = &Sample>| {
        let (light, count) = of.fold((0u32, 0u32), |(l, n), s| (l + u32::from(s.level > threshold), n + 1));
        f64::from(light) / f64::from(count.max(1))
    };
    2.0 * share(&mut samples.iter().filter(|s| s.is_border)) + share(&mut samples.iter()) > 1.5
}

/// Otsu's threshold: the level that leaves the least variance within light and dark. Where all
/// pixels have one level, it is the middle.
fn otsu(levels: &[f32]) -> f32 {
    let mut counts = [0u64; 256];
    levels.iter().for_each(|level| counts[usize::from(level.round() as u8)] += 1);
    let total: u64 = counts.iter().sum();
    let sum: f64 = counts.iter().zip(0u32..).map(|(&count, level)| count as f64 * f64::from(level)).sum();
    let (mut below, mut sum_below) = (0u64, 0.0);
    let (mut best, mut threshold) = (0.0, 127.0);
    for (level, &count) in counts.iter().enumerate() {
        below += count;
        sum_below += count as f64 * level as f64;
        let above = total - below;
        if below == 0 || above == 0 {
            continue;
        }
        let apart = sum_below / below as f64 - (sum - sum_below) / above as f64;
        let between = below as f64 * above as f64 * apart * apart;
        if between > best {
            (best, threshold) = (between, level as f32);
        }
    }
    threshold + 0.5
}

/// The ground: a surface, and how far its pixels are from it.
pub(super) struct Ground {
    surface: Surface,
    /// The maximum height of noise above it.
    pub(super) noise: f32,
}

impl Ground {
    /// Finds the ground of a picture with lighter ink: a quadratic surface, which follows the
    /// shading of a page, fitted to the pixels of the ground. There are two first guesses of these:
    /// the dark pixels, which is right for drawings, however bold, and all pixels, which is right
    /// for pages whose shaded corners are as dark as the ink.
    pub(super) fn of(plane: &Plane) -> Self {
        let samples = samples(plane);
        let threshold = otsu(&plane.levels);
        let dark: Vec<Sample> = samples.iter().copied().filter(|s| s.level <= threshold).collect();
        let (by_level, by_place) = (Self::fit(dark, &samples), Self::fit(samples.clone(), &samples));
        // With the narrower of the two bands: everything is within the noise of a fit that is bad
        // enough.
        let band = by_level.band().min(by_place.band());
        let is_better = by_place.worth(&samples, band) > by_level.worth(&samples, band);
        if is_better { by_place } else { by_level }
    }

    /// Fits a surface to the pixels of the ground, redefines the ground as the pixels within its
    /// noise, and repeats.
    fn fit(mut ground: Vec<Sample>, samples: &[Sample]) -> Self {
        let level = median(ground.iter().map(|s| s.level));
        let mut found = Self { surface: Surface::level(level), noise: 0.0 };
        for _ in 0..ROUNDS {
            let Some(surface) = Surface::fit(&ground) else { break };
            found.surface = surface;
            found.noise = NOISE * 1.4826 * median(ground.iter().map(|s| found.distance(s).abs()));
            ground = samples.iter().copied().filter(|s| found.distance(s).abs() <= found.band()).collect();
        }
        found
    }

    /// A score of the fit: the number of pixels in a band around it, less those below, where
    /// nothing should be.
    fn worth(&self, samples: &[Sample], band: f32) -> i64 {
        let worth = |s: &Sample| match self.distance(s) {
            d if d < -band => -2,
            d if d <= band => 1,
            _ => 0,
        };
        samples.iter().map(worth).sum()
    }

    /// Whether most of a picture lies on it, unless its noise is as large as the contrast of the
    /// picture.
    fn is_page(&self, samples: &[Sample]) -> bool {
        let within = samples.iter().filter(|s| self.distance(s).abs() <= self.band()).count();
        let most = samples.iter().map(|s| self.distance(s).abs()).fold(0.0, f32::max);
        within as f64 > PAGE * samples.len() as f64 && 3.0 * self.band() < most
    }

    fn distance(&self, sample: &Sample) -> f32 {
        sample.level - self.surface.at(sample.x, sample.y)
    }

    fn band(&self) -> f32 {
        self.noise.max(1.0)
    }

    /// Heights above the ground; below it 0.
    pub(super) fn heights(&self, plane: &Plane) -> Plane {
        let mut heights = plane.clone();
        for (i, level) in heights.levels.iter_mut().enumerate() {
            *level = (*level - self.level(plane, i)).max(0.0);
        }
        heights
    }

    /// Its level where pixel `i` is.
    fn level(&self, plane: &Plane, i: usize) -> f32 {
        let (x, y) = place(plane, i);
        self.surface.at(x, y)
    }

    /// Whether nothing stands out, if this is how far the highest does.
    pub(super) fn is_flat(&self, peak: f32) -> bool {
        peak < MIN_CONTRAST.max(1.5 * self.noise)
    }
}

/// A pixel as the fit sees it.
#[derive(Clone, Copy)]
struct Sample {
    x: f32, // from -1 to 1
    y: f32, // from -1 to 1
    level: f32,
    is_border: bool,
}

/// Where pixel `i` is, from -1 to 1 each way.
fn place(plane: &Plane, i: usize) -> (f32, f32) {
    let along = |at: usize, length: usize| (2 * at + 1) as f32 / length as f32 - 1.0;
    (along(i % plane.width, plane.width), along(i / plane.width, plane.height))
}

/// Pixels evenly over the plane, its last row and column among them.
fn samples(plane: &Plane) -> Vec<Sample> {
    let step = (1..).find(|step| (plane.width / step) * (plane.height / step) <= SAMPLES).unwrap_or(1);
    let along = |length: usize| (0..length - 1).step_by(step).chain([length - 1]);
    let mut samples = Vec::new();
    for row in along(plane.height) {
        for column in along(plane.width) {
            let i = row * plane.width + column;
            let (x, y) = place(plane, i);
            samples.push(Sample { x, y, level: plane.levels[i], is_border: plane.is_border(column, row) });
        }
    }
    samples
}

/// The middle one of some numbers; 0 of none.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

const TERMS: usize = 6;

/// A quadratic surface, as the coefficients of 1, x, y, x², xy and y².
#[derive(Clone, Copy)]
struct Surface([f64; TERMS]);

impl Surface {
    fn level(level: f32) -> Self {
        Self([level.into(), 0.0, 0.0, 0.0, 0.0, 0.0])
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let terms = Self::terms(x, y);
        self.0.iter().zip(terms).map(|(coefficient, term)| coefficient * term).sum::<f64>() as f32
    }

    fn terms(x: f32, y: f32) -> [f64; TERMS] {
        let (x, y) = (f64::from(x), f64::from(y));
        [1.0, x, y, x * x, x * y, y * y]
    }

    /// Least squares; `None` where the samples do not determine a surface.
    fn fit(samples: &[Sample]) -> Option<Self> {
        // The normal equations, with the right side as the last column.
        let mut rows = [[0.0; TERMS + 1]; TERMS];
        for sample in samples {
            let terms = Self::terms(sample.x, sample.y);
            for (row, term) in rows.iter_mut().zip(terms) {
                for (cell, other) in row.iter_mut().zip(terms) {
                    *cell += term * other;
                }
                row[TERMS] += term * f64::from(sample.level);
            }
        }
        solve(rows, 1e-6 * samples.len() as f64).map(Self)
    }
}

/// Gauss and Jordan with pivots; `None` where a pivot is not above `least`.
fn solve(mut rows: [[f64; TERMS + 1]; TERMS], least: f64) -> Option<[f64; TERMS]> {
    for column in 0..TERMS {
        let pivot =
            (column..TERMS).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let top = rows[column];
        if top[column].abs() <= least {
            return None;
        }
        for (i, row) in rows.iter_mut().enumerate() {
            if i != column {
                let factor = row[column] / top[column];
                row.iter_mut().zip(top).for_each(|(cell, above)| *cell -= factor * above);
            }
        }
    }
    Some(std::array::from_fn(|i| rows[i][TERMS] / rows[i][i]))
}
