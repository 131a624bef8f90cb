//! Ground and ink told apart: which of the two is the lighter one, and how far each pixel stands out of the ground. A file of its own
//! because this is where a photograph differs from a drawing: its ground has a shade of its own, shadows, and noise.

use super::Polarity;
use super::plane::Plane;

/// Levels by which ink differs from its ground at the least; below it is taken for the paper's own unevenness.
const LEAST_CONTRAST: f32 = 12.0;

/// How many standard deviations of its noise the ground may reach without being ink.
const NOISE: f32 = 3.0;

/// The most pixels that the ground is fitted to.
const SAMPLES: usize = 20_000;

/// Whether the ground is the lighter of the two.
///
/// The pixels are parted into light and dark where that explains their variance best (Otsu). Ground is what surrounds and what there
/// is more of: the border counts twice, because a bold stroke may fill most of its picture but seldom touches all of its edges, and the
/// whole once, because what fills a picture to its edges leaves the border undecided.
pub(super) fn is_light(plane: &Plane, polarity: Polarity) -> bool {
    match polarity {
        Polarity::LightOnDark => return false,
        Polarity::DarkOnLight => return true,
        Polarity::Auto => {}
    }
    let threshold = otsu(&plane.levels);
    let (mut border, mut light_border, mut light) = (0usize, 0usize, 0usize);
    for (i, &level) in plane.levels.iter().enumerate() {
        let is_light = level > threshold;
        light += usize::from(is_light);
        if plane.is_border(i % plane.width, i / plane.width) {
            border += 1;
            light_border += usize::from(is_light);
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    2.0 * share(light_border, border) + share(light, plane.levels.len()) > 1.5
}

/// The level above which a pixel is light: the one that leaves the least variance within light and dark. Where all are of one level, it is
/// light from the middle on.
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

/// How far the pixels stand out of their ground.
pub(super) struct Relief {
    /// Heights above the ground; below it, and where only noise is, 0.
    pub(super) heights: Plane,
    /// The height that noise reaches.
    pub(super) noise: f32,
}

impl Relief {
    /// Of a picture whose ground is dark. Shading of a page is followed by a surface of second order, fitted to the pixels that are ground:
    /// those below the threshold between light and dark at first, then those within the noise of the fit.
    pub(super) fn of(plane: &Plane) -> Self {
        let threshold = otsu(&plane.levels);
        let samples = samples(plane);
        let mut surface =
            Surface::level(median(samples.iter().map(|s| s.level).filter(|&level| level <= threshold)));
        let mut noise = 0.0;
        let mut ground: Vec<Sample> = samples.iter().copied().filter(|s| s.level <= threshold).collect();
        for _ in 0..6 {
            let Some(fit) = Surface::fit(&ground) else { break };
            surface = fit;
            noise = NOISE * 1.4826 * median(ground.iter().map(|s| (s.level - surface.at(s.x, s.y)).abs()));
            let near = |s: &Sample| (s.level - surface.at(s.x, s.y)).abs() <= noise.max(1.0);
            ground = samples.iter().copied().filter(near).collect();
        }
        let mut heights = plane.clone();
        for (i, level) in heights.levels.iter_mut().enumerate() {
            let (x, y) = place(plane, i);
            *level = (*level - surface.at(x, y)).max(0.0);
        }
        Self { heights, noise }
    }

    /// Whether nothing stands out.
    pub(super) fn is_flat(&self, peak: f32) -> bool {
        peak < LEAST_CONTRAST.max(1.5 * self.noise)
    }
}

/// A pixel as the fit sees it.
#[derive(Clone, Copy)]
struct Sample {
    x: f32, // from -1 to 1
    y: f32, // from -1 to 1
    level: f32,
}

/// Where pixel `i` is, from -1 to 1 each way.
fn place(plane: &Plane, i: usize) -> (f32, f32) {
    let along = |at: usize, length: usize| (2 * at + 1) as f32 / length as f32 - 1.0;
    (along(i % plane.width, plane.width), along(i / plane.width, plane.height))
}

/// Pixels evenly over the plane.
fn samples(plane: &Plane) -> Vec<Sample> {
    let step = (1..).find(|step| (plane.width / step) * (plane.height / step) <= SAMPLES).unwrap_or(1);
    let mut samples = Vec::new();
    for y in (0..plane.height).step_by(step) {
        for x in (0..plane.width).step_by(step) {
            let i = y * plane.width + x;
            let (x, y) = place(plane, i);
            samples.push(Sample { x, y, level: plane.levels[i] });
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

/// A surface of second order, as the coefficients of 1, x, y, x², xy and y².
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
