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

/// The minimum fraction of a side that a line runs along, and its maximum thickness as a divisor of
/// the other side.
const LINE: f32 = 0.95;
const MAX_LINE: usize = 25;

/// The fraction of the longer side of a box that a figure in it has at least.
const IN_BOX: f32 = 0.3;

pub(super) struct Ink {
    /// From 0, the ground, to 1, full ink.
    pub(super) amounts: Plane,
    /// The bounding box.
    pub(super) bounds: Patch,
    /// The bounding boxes of figures side by side, from left to right; at least one.
    pub(super) figures: Vec<Patch>,
    /// True if a figure consists of large parts above one another.
    pub(super) is_stacked: bool,
    /// True if there is ink beside the figures that is too little for another.
    pub(super) has_marks: bool,
    /// The height of full ink above the ground, and of the ground's noise.
    pub(super) contrast: f32,
    pub(super) noise: f32,
}

impl Ink {
    /// Returns `None` if there is no ink.
    pub(super) fn of(plane: &Plane, ground: &Ground) -> Option<Self> {
        let mut heights = ground.heights(plane);
        let mut full = full_height(heights.levels.iter().copied(), ground.noise);
        if ground.is_flat(full) {
            return None;
        }
        let least = ground.noise.max(EDGE * full);
        erase_lines(&mut heights, least);
        let heights = &heights;
        let mut patches = Patches::of(heights, least);
        patches.drop_frames(heights);
        patches.drop_specks(heights);
        // A speck may have been higher than the ink.
        full = full_height(patches.kept(heights), ground.noise);
        if ground.is_flat(full) {
            return None;
        }
        let bounds = patches.bounds(heights)?;
        let (figures, has_marks, is_stacked) = patches.figures(heights);
        let amount = |height: f32| ((height - ground.noise) / (full - ground.noise)).clamp(0.0, 1.0);
        let mut amounts = heights.clone();
        for (i, level) in amounts.levels.iter_mut().enumerate() {
            *level = if patches.is_near(i, heights.width, heights.height) { amount(*level) } else { 0.0 };
        }
        let (contrast, noise) = (full, ground.noise);
        Some(Self { amounts, bounds, figures, is_stacked, has_marks, contrast, noise })
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

/// Erases thin lines from edge to edge, such as those of ruled paper. What crosses them is lowered
/// by their height.
fn erase_lines(heights: &mut Plane, least: f32) {
    let (width, height) = (heights.width, heights.height);
    erase_lines_along(heights, least, height, |line, at| line * width + at, width);
    erase_lines_along(heights, least, width, |line, at| at * width + line, height);
}

/// Erases lines of `length` pixels; `index` finds a pixel of a line.
fn erase_lines_along(
    heights: &mut Plane,
    least: f32,
    lines: usize,
    index: impl Fn(usize, usize) -> usize,
    length: usize,
) {
    // The median of each line from edge to edge.
    let median = |line: usize| {
        let mut levels: Vec<f32> = (0..length).map(|at| heights.levels[index(line, at)]).collect();
        let above = levels.iter().filter(|&&level| level > least).count() as f32;
        let median = *levels.select_nth_unstable_by(length / 2, f32::total_cmp).1;
        (above >= LINE * length as f32).then_some(median)
    };
    let medians: Vec<Option<f32>> = (0..lines).map(median).collect();
    let mut first = 0;
    for group in medians.chunk_by(|a, b| a.is_some() == b.is_some()) {
        for (line, median) in (first..).zip(group) {
            // Thicker ones may be a figure that fills the picture.
            if let Some(median) = median.filter(|_| group.len() <= lines / MAX_LINE) {
                for at in 0..length {
                    let level = &mut heights.levels[index(line, at)];
                    *level = (*level - median - least).max(0.0);
                }
            }
        }
        first += group.len();
    }
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

    /// Drops patches that reach from edge to edge, such as the frame of a scan, if a figure touches
    /// no edge; and boxes around a figure.
    fn drop_frames(&mut self, heights: &Plane) {
        let patches = self.boxes(heights);
        let (width, height) = (heights.width, heights.height);
        let is_figure = |patch: &Patch| {
            patch.is_within(&Patch { left: 0, top: 0, width, height, ink: 0.0 })
                && patch.side() >= SPECK_SIDE * width.min(height) as f32
        };
        let has_figure = patches.iter().any(is_figure);
        let is_around =
            |frame: &Patch, patch: &Patch| patch.is_within(frame) && patch.side() >= IN_BOX * frame.side();
        let is_frame = |number: usize| {
            let frame = &patches[number];
            has_figure && (frame.width == width || frame.height == height)
                || patches.iter().any(|patch| is_around(frame, patch)) && self.is_hollow(number, frame, width)
        };
        let dropped: Vec<bool> = (0..patches.len()).map(is_frame).collect();
        for number in &mut self.numbers {
            if dropped[*number as usize] {
                *number = 0;
            }
        }
    }

    /// Returns true if a patch has ink only near the sides of its bounding box.
    fn is_hollow(&self, number: usize, patch: &Patch, width: usize) -> bool {
        let (across, down) = (patch.width * 3 / 20, patch.height * 3 / 20);
        let mut rows = patch.top + down..patch.top + patch.height - down;
        rows.all(|y| {
            let row = &self.numbers[y * width..][patch.left + across..patch.left + patch.width - across];
            row.iter().all(|&other| other as usize != number)
        })
    }

    /// The figures side by side, whether there are marks beside them, and whether one of them has
    /// large parts above one another.
    fn figures(&self, heights: &Plane) -> (Vec<Patch>, bool, bool) {
        let mut patches: Vec<Patch> =
            self.boxes(heights).into_iter().filter(|patch| patch.width > 0).collect();
        patches.sort_by_key(|patch| patch.left);
        let (ink, height) = (
            FIGURE_INK * patches.iter().map(|patch| patch.ink).fold(0.0, f32::max),
            FIGURE_HEIGHT * patches.iter().map(|patch| patch.height as f32).fold(0.0, f32::max),
        );
        let large: Vec<&Patch> =
            patches.iter().filter(|patch| patch.ink >= ink && patch.height as f32 >= height).collect();
        let is_above = |a: &Patch, b: &Patch| {
            let share_columns = a.left < b.left + b.width && b.left < a.left + a.width;
            share_columns && a.top + a.height <= b.top
        };
        let is_stacked = large.iter().any(|a| large.iter().any(|b| is_above(a, b)));
        let mut figures: Vec<Patch> = Vec::new();
        for patch in patches {
            match figures.last_mut() {
                Some(figure) if patch.left < figure.left + figure.width => figure.join(&patch),
                _ => figures.push(patch),
            }
        }
        let groups = figures.len();
        let ink = FIGURE_INK * figures.iter().map(|figure| figure.ink).fold(0.0, f32::max);
        let height = FIGURE_HEIGHT * figures.iter().map(|figure| figure.height as f32).fold(0.0, f32::max);
        figures.retain(|figure| figure.ink >= ink && figure.height as f32 >= height);
        let has_marks = figures.len() < groups;
        (figures, has_marks, is_stacked)
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

    /// Returns true if this patch is inside of another, away from its sides.
    fn is_within(&self, other: &Self) -> bool {
        self.width > 0
            && self.left > other.left
            && self.top > other.top
            && self.left + self.width < other.left + other.width
            && self.top + self.height < other.top + other.height
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
