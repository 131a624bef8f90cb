//! Separating ground from ink: which is lighter, and how far each pixel rises above the ground. The
//! ground of a photograph has shading and noise, so it is a fitted surface.

use super::plane::Plane;

/// The minimum contrast of ink, in levels; anything less is uneven paper.
const MIN_CONTRAST: f32 = 12.0;

/// The number of standard deviations of noise that count as ground.
const NOISE: f32 = 3.0;

/// The maximum number of pixels that the ground is fitted to.
const SAMPLES: usize = 5_000;

/// The minimum fraction of ground on a page.
const PAGE: f64 = 0.7;

/// The number of iterations of the fit.
const ROUNDS: usize = 6;

/// Returns the evidence that the ground is lighter than the ink, from 0 to 1; light if above 0.5.
///
/// If most pixels lie on one surface, that is the ground, and the ink is on the side where pixels
/// stand out the most. Otherwise, for example if a bold stroke fills the picture, the ground is the
/// majority of light or dark pixels. The border counts twice, because a stroke seldom touches all
/// edges; the whole picture counts once, for strokes that leave the border undecided.
pub(super) fn light_ground(plane: &Plane) -> f64 {
    let samples = samples(plane);
    let ground = Ground::fit(samples.clone(), &samples);
    if ground.is_page(&samples) {
        // Cubed, because few pixels of ink stand out far, and many of a shadow a little.
        let all = plane.levels.iter().enumerate();
        let skew: f64 = all.map(|(i, level)| f64::from(level - ground.level(plane, i)).powi(3)).sum();
        return if skew < 0.0 { 1.0 } else { 0.0 };
    }
    let threshold = otsu(&plane.levels);
    let share = |of: &mut dyn Iterator<Item = &Sample>| {
        let (light, count) = of.fold((0u32, 0u32), |(l, n), s| (l + u32::from(s.level > threshold), n + 1));
        f64::from(light) / f64::from(count.max(1))
    };
    (2.0 * share(&mut samples.iter().filter(|s| s.is_border)) + share(&mut samples.iter())) / 3.0
}

/// Otsu's threshold, which minimizes the variance within light and dark; 127.5 for a single level.
pub(super) fn otsu(levels: &[f32]) -> f32 {
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

/// The ground: a surface and its noise.
pub(super) struct Ground {
    surface: Surface,
    /// The maximum height of noise above it.
    pub(super) noise: f32,
}

impl Ground {
    /// Finds the ground of a picture with lighter ink: a quadratic surface, which follows the
    /// shading of a page. The fit starts from the dark pixels, which is right for drawings, however
    /// bold, and from all pixels, which is right for pages with shaded corners as dark as the ink,
    /// and the better result is taken.
    pub(super) fn of(plane: &Plane) -> Self {
        let samples = samples(plane);
        let threshold = otsu(&plane.levels);
        let dark: Vec<Sample> = samples.iter().copied().filter(|s| s.level <= threshold).collect();
        let (by_level, by_place) = (Self::fit(dark, &samples), Self::fit(samples.clone(), &samples));
        // With the narrower band: everything is within the noise of a bad enough fit.
        let band = by_level.band().min(by_place.band());
        let is_better = by_place.score(&samples, band) > by_level.score(&samples, band);
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

    /// Scores the fit: the number of pixels in a band around it, minus twice those below, where
    /// nothing should be.
    fn score(&self, samples: &[Sample], band: f32) -> i64 {
        let score = |s: &Sample| match self.distance(s) {
            d if d < -band => -2,
            d if d <= band => 1,
            _ => 0,
        };
        samples.iter().map(score).sum()
    }

    /// Returns true if most of a picture lies on the surface, with little noise for its contrast.
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

    /// Heights above the ground, 0 below it.
    pub(super) fn heights(&self, plane: &Plane) -> Plane {
        let mut heights = plane.clone();
        for (i, level) in heights.levels.iter_mut().enumerate() {
            *level = (*level - self.level(plane, i)).max(0.0);
        }
        heights
    }

    /// The level of the ground at pixel `i`.
    fn level(&self, plane: &Plane, i: usize) -> f32 {
        let (x, y) = place(plane, i);
        self.surface.at(x, y)
    }

    /// Returns true if a peak of this height is not ink.
    pub(super) fn is_flat(&self, peak: f32) -> bool {
        peak < MIN_CONTRAST.max(1.5 * self.noise)
    }
}

#[derive(Clone, Copy)]
struct Sample {
    x: f32, // from -1 to 1
    y: f32, // from -1 to 1
    level: f32,
    is_border: bool,
}

/// The coordinates of pixel `i`, from -1 to 1.
fn place(plane: &Plane, i: usize) -> (f32, f32) {
    let along = |at: usize, length: usize| (2 * at + 1) as f32 / length as f32 - 1.0;
    (along(i % plane.width, plane.width), along(i / plane.width, plane.height))
}

/// Samples the plane evenly, including its last row and column.
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

/// The median, or 0 of no values.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

const TERMS: usize = 6;

/// A quadratic surface: the coefficients of 1, x, y, x², xy and y².
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

    /// Least squares; `None` if the samples do not determine a surface.
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

/// Gauss-Jordan elimination with pivoting; `None` if a pivot is not above `least`.
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
