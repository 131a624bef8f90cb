//! The ink of a picture, without its ground and specks of dust.

use super::ground::Ground;
use super::plane::Plane;

/// The fraction of the full height above which a pixel is ink.
const EDGE: f32 = 0.1;

/// A patch is a speck if it has less than these fractions of the largest patch's ink or longer
/// side. Both are needed: the separate bar of a 5 is longer than a speck, which may have as much
/// ink as a thin stroke.
const SPECK_INK: f32 = 0.04;
const SPECK_SIDE: f32 = 0.15;

/// A patch is a separate figure if it has at least these fractions of the largest figure's ink and
/// of the height of the tallest.
const FIGURE_INK: f32 = 0.25;
const FIGURE_HEIGHT: f32 = 0.5;

pub(super) struct Ink {
    /// From 0, the ground, to 1, full ink.
    pub(super) amounts: Plane,
    /// The bounding box.
    pub(super) bounds: Patch,
    /// The bounding boxes of figures side by side, from left to right; at least one.
    pub(super) figures: Vec<Patch>,
}

impl Ink {
    /// Returns `None` if there is no ink.
    pub(super) fn of(plane: &Plane, ground: &Ground) -> Option<Self> {
        let heights = &ground.heights(plane);
        let mut full = full_height(heights.levels.iter().copied(), ground.noise);
        if ground.is_flat(full) {
            return None;
        }
        let mut patches = Patches::of(heights, ground.noise.max(EDGE * full));
        patches.drop_frames(heights);
        patches.drop_specks(heights);
        // A speck may have been higher than the ink.
        full = full_height(patches.kept(heights), ground.noise);
        if ground.is_flat(full) {
            return None;
        }
        let bounds = patches.bounds(heights)?;
        let figures = patches.figures(heights);
        let amount = |height: f32| ((height - ground.noise) / (full - ground.noise)).clamp(0.0, 1.0);
        let mut amounts = heights.clone();
        for (i, level) in amounts.levels.iter_mut().enumerate() {
            *level = if patches.is_near(i, heights.width, heights.height) { amount(*level) } else { 0.0 };
        }
        Some(Self { amounts, bounds, figures })
    }
}

/// The height of full ink: the 90th percentile of the pixels above half the peak.
fn full_height(heights: impl Iterator<Item = f32> + Clone, noise: f32) -> f32 {
    let peak = heights.clone().fold(0.0, f32::max);
    let mut upper: Vec<f32> = heights.filter(|&height| height > noise.max(0.5 * peak)).collect();
    if upper.is_empty() {
        return peak;
    }
    let rank = (upper.len() - 1) * 9 / 10;
    *upper.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// Connected components of ink, over sides or corners.
struct Patches {
    numbers: Vec<u32>, // the patch of each pixel, from 1; 0 without ink
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

    /// The bounding box of each patch, by number. It is empty for number 0 and dropped patches.
    fn boxes(&self, heights: &Plane) -> Vec<Patch> {
        let mut patches = vec![Patch::default(); self.count + 1];
        for (i, (&number, &height)) in self.numbers.iter().zip(&heights.levels).enumerate() {
            if number != 0 {
                patches[number as usize].add(i % heights.width, i / heights.width, height);
            }
        }
        patches
    }

    /// Drops patches that reach from edge to edge, such as the frame of a scan or ruled lines, if a
    /// figure touches no edge.
    fn drop_frames(&mut self, heights: &Plane) {
        let patches = self.boxes(heights);
        let (width, height) = (heights.width, heights.height);
        let is_inside = |patch: &Patch| {
            patch.left > 0
                && patch.top > 0
                && patch.left + patch.width < width
                && patch.top + patch.height < height
                && patch.side() >= SPECK_SIDE * width.min(height) as f32
        };
        if !patches.iter().any(is_inside) {
            return;
        }
        for number in &mut self.numbers {
            let patch = &patches[*number as usize];
            if patch.width == width || patch.height == height {
                *number = 0;
            }
        }
    }

    /// The figures side by side. Patches above one another belong to the same figure.
    fn figures(&self, heights: &Plane) -> Vec<Patch> {
        let mut patches: Vec<Patch> =
            self.boxes(heights).into_iter().filter(|patch| patch.width > 0).collect();
        patches.sort_by_key(|patch| patch.left);
        let mut figures: Vec<Patch> = Vec::new();
        for patch in patches {
            match figures.last_mut() {
                Some(figure) if patch.left < figure.left + figure.width => figure.join(&patch),
                _ => figures.push(patch),
            }
        }
        let ink = FIGURE_INK * figures.iter().map(|figure| figure.ink).fold(0.0, f32::max);
        let height = FIGURE_HEIGHT * figures.iter().map(|figure| figure.height as f32).fold(0.0, f32::max);
        figures.retain(|figure| figure.ink >= ink && figure.height as f32 >= height);
        figures
    }

    /// Drops patches that are small compared to the largest.
    fn drop_specks(&mut self, heights: &Plane) {
        let patches = self.boxes(heights);
        let Some(largest) = patches.iter().max_by(|a, b| a.ink.total_cmp(&b.ink)) else { return };
        let (ink, side) = (SPECK_INK * largest.ink, SPECK_SIDE * largest.side());
        for number in &mut self.numbers {
            let patch = &patches[*number as usize];
            if patch.ink < ink || patch.side() < side {
                *number = 0;
            }
        }
    }

    fn kept<'a>(&'a self, heights: &'a Plane) -> impl Iterator<Item = f32> + Clone + 'a {
        let pairs = self.numbers.iter().zip(&heights.levels);
        pairs.filter(|&(&number, _)| number != 0).map(|(_, &height)| height)
    }

    /// Returns true if a pixel is ink or next to it, where the edge of a stroke fades into the
    /// ground.
    fn is_near(&self, at: usize, width: usize, height: usize) -> bool {
        self.numbers[at] != 0 || around(at, width, height).any(|next| self.numbers[next] != 0)
    }

    /// The bounding box of all patches.
    fn bounds(&self, heights: &Plane) -> Option<Patch> {
        let mut all: Option<Patch> = None;
        for (i, _) in self.numbers.iter().enumerate().filter(|&(_, &number)| number != 0) {
            all.get_or_insert_default().add(i % heights.width, i / heights.width, heights.levels[i]);
        }
        all
    }
}

/// The bounding box and amount of ink of a patch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patch {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    ink: f32,
}

impl Patch {
    fn add(&mut self, x: usize, y: usize, ink: f32) {
        if self.width == 0 {
            (self.left, self.top, self.width, self.height) = (x, y, 1, 1);
        } else {
            let (right, bottom) = ((self.left + self.width).max(x + 1), (self.top + self.height).max(y + 1));
            (self.left, self.top) = (self.left.min(x), self.top.min(y));
            (self.width, self.height) = (right - self.left, bottom - self.top);
        }
        self.ink += ink;
    }

    fn join(&mut self, other: &Self) {
        let ink = self.ink + other.ink;
        self.add(other.left, other.top, 0.0);
        self.add(other.left + other.width - 1, other.top + other.height - 1, 0.0);
        self.ink = ink;
    }

    fn side(&self) -> f32 {
        self.width.max(self.height) as f32
    }
}

/// The up to eight neighbors of a pixel.
fn around(at: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
        .filter(move |&next| next != at)
}
