//! Checks whether the ink of a picture looks like strokes of a figure.

use super::doubt::Doubt;
use super::ink::Ink;
use super::plane::Plane;

/// The minimum contrast in levels, and in multiples of the noise.
const CONTRAST: f32 = 24.0;
const NOISE: f32 = 2.5;

/// The side of a square, in twentieths of the longer side of the ink, that strokes do not fill.
const SQUARE: usize = 7;

/// The maximum fraction of its bounding box that ink of some width fills.
const FILLED: f64 = 0.65;

/// The number of corners of the bounding box that strokes seldom fill.
const CORNERS: usize = 3;

/// Returns the doubts about the ink on a plane; `fitted` is the ink in its bounding box.
pub(super) fn doubts(plane: &Plane, ink: &Ink, fitted: &Plane) -> Vec<Doubt> {
    let bounds = &ink.bounds;
    let touches_edge = bounds.left == 0
        || bounds.top == 0
        || bounds.left + bounds.width == plane.width
        || bounds.top + bounds.height == plane.height;
    let found = [
        (Doubt::Edge, touches_edge),
        (Doubt::Bulk, is_bulky(fitted)),
        (Doubt::Stacked, ink.is_stacked),
        (Doubt::Marks, ink.has_marks),
        (Doubt::Faint, ink.contrast < CONTRAST.max(NOISE * ink.noise)),
    ];
    found.into_iter().filter_map(|(doubt, holds)| holds.then_some(doubt)).collect()
}

/// Returns true if ink fills a square, most of its bounding box, or its corners. Of MNIST's digits,
/// 0.3% do.
fn is_bulky(fitted: &Plane) -> bool {
    let (width, height) = (fitted.width, fitted.height);
    let is_ink = |x: usize, y: usize| usize::from(fitted.levels[y * width + x] > 0.5);
    let filled = |left: usize, top: usize, side: usize| -> usize {
        (top..top + side).map(|y| (left..left + side).map(|x| is_ink(x, y)).sum::<usize>()).sum()
    };
    let side = (width.max(height) * SQUARE / 20).max(3);
    if side <= width.min(height) {
        let lefts = 0..=width - side;
        if lefts
            .flat_map(|x| (0..=height - side).map(move |y| (x, y)))
            .any(|(x, y)| filled(x, y, side) == side * side)
        {
            return true;
        }
    }
    let all: usize = (0..width * height).map(|i| is_ink(i % width, i / width)).sum();
    let corner = (width.max(height) / 7).clamp(1, width.min(height));
    let (right, bottom) = (width - corner, height - corner);
    let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)];
    let full = corners.iter().filter(|&&(x, y)| 2 * filled(x, y, corner) > corner * corner).count();
    2 * width >= height
        && 2 * height >= width
        && (all as f64 > FILLED * (width * height) as f64 || full >= CORNERS)
}
