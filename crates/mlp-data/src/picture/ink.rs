//! The ink of a picture: what stands out of the ground, without specks of dust, and where it lies. A file of its own because it is the only
//! place that asks what hangs together.

use super::ground::Relief;
use super::plane::Plane;

/// The share of the full height from which on a pixel is ink.
const EDGE: f32 = 0.1;

/// The share of the largest patch's ink below which a patch is a speck.
const SPECK: f32 = 0.04;

/// The ink of a picture, and nothing else.
pub(super) struct Ink {
    /// From 0, the ground, to 1, full ink.
    pub(super) amounts: Plane,
    /// First column, first row, columns, rows.
    pub(super) bounds: (usize, usize, usize, usize),
}

impl Ink {
    /// `None` where there is none.
    pub(super) fn of(relief: &Relief) -> Option<Self> {
        let heights = &relief.heights;
        let mut full = full_height(heights.levels.iter().copied(), relief.noise);
        if relief.is_flat(full) {
            return None;
        }
        let mut patches = Patches::of(heights, relief.noise.max(EDGE * full));
        patches.drop_specks(heights);
        // A speck may have been more lively than the ink.
        full = full_height(patches.kept(heights), relief.noise);
        if relief.is_flat(full) {
            return None;
        }
        let bounds = patches.bounds(heights)?;
        let amount = |height: f32| ((height - relief.noise) / (full - relief.noise)).clamp(0.0, 1.0);
        let mut amounts = heights.clone();
        for (i, level) in amounts.levels.iter_mut().enumerate() {
            *level = if patches.is_near(i, heights.width, heights.height) { amount(*level) } else { 0.0 };
        }
        Some(Self { amounts, bounds })
    }
}

/// What most of the ink reaches: nine tenths of the pixels in the upper half are below it.
fn full_height(heights: impl Iterator<Item = f32> + Clone, noise: f32) -> f32 {
    let peak = heights.clone().fold(0.0, f32::max);
    let mut upper: Vec<f32> = heights.filter(|&height| height > noise.max(0.5 * peak)).collect();
    if upper.is_empty() {
        return peak;
    }
    let rank = (upper.len() - 1) * 9 / 10;
    *upper.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// Pixels of ink that hang together, over sides or corners.
struct Patches {
    numbers: Vec<u32>, // of each pixel's patch, from 1; 0 is no ink
    count: usize,
}

impl Patches {
    fn of(heights: &Plane, least: f32) -> Self {
        let mut numbers = vec![0; heights.levels.len()];
        let (mut count, mut open) = (0, Vec::new());
        for start in 0..numbers.len() {
            if numbers[start] != 0 || heights.levels[start] <= least {
                continue;
            }
            count += 1;
            numbers[start] = count as u32;
            open.push(start);
            while let Some(at) = open.pop() {
                for next in around(at, heights.width, heights.height) {
                    if numbers[next] == 0 && heights.levels[next] > least {
                        numbers[next] = count as u32;
                        open.push(next);
                    }
                }
            }
        }
        Self { numbers, count }
    }

    /// Leaves out the patches that are small beside the largest one.
    fn drop_specks(&mut self, heights: &Plane) {
        let mut mass = vec![0.0; self.count + 1];
        for (&number, &height) in self.numbers.iter().zip(&heights.levels) {
            mass[number as usize] += height;
        }
        mass[0] = 0.0;
        let least = SPECK * mass.iter().copied().fold(0.0, f32::max);
        for number in &mut self.numbers {
            if mass[*number as usize] < least {
                *number = 0;
            }
        }
    }

    fn kept<'a>(&'a self, heights: &'a Plane) -> impl Iterator<Item = f32> + Clone + 'a {
        let pairs = self.numbers.iter().zip(&heights.levels);
        pairs.filter(|&(&number, _)| number != 0).map(|(_, &height)| height)
    }

    /// Whether a pixel is ink or beside some: there the edge of a stroke fades into the ground.
    fn is_near(&self, at: usize, width: usize, height: usize) -> bool {
        self.numbers[at] != 0 || around(at, width, height).any(|next| self.numbers[next] != 0)
    }

    fn bounds(&self, heights: &Plane) -> Option<(usize, usize, usize, usize)> {
        let places = || {
            let ink = self.numbers.iter().enumerate().filter(|&(_, &number)| number != 0);
            ink.map(|(i, _)| (i % heights.width, i / heights.width))
        };
        let (left, right) = (places().map(|p| p.0).min()?, places().map(|p| p.0).max()?);
        let (top, bottom) = (places().map(|p| p.1).min()?, places().map(|p| p.1).max()?);
        Some((left, top, right - left + 1, bottom - top + 1))
    }
}

/// The neighbours of a pixel, eight or fewer.
fn around(at: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
        .filter(move |&next| next != at)
}
