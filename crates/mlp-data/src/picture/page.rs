//! Finding a page within a picture: paper on a table, or a scan with a dark frame. It is a convex
//! area of one brightness class with ink of the other inside, on a background of the other.

use super::ground::otsu;
use super::plane::{Plane, fitted};

/// Pages are searched in a picture reduced to this side.
const SIDE: usize = 128;

/// The minimum fraction of the picture that a page takes.
const MIN_AREA: f64 = 0.03;

/// The fraction of a page that is ink, from and to. A stroke around a hole is not a page.
const INK: [f64; 2] = [0.005, 0.45];

/// The minimum fraction of its convex hull that a page fills, and of a rectangle that the hull of a
/// sheet fills; a disk fills 0.79.
const SOLID: f64 = 0.94;
const SHEET: f64 = 0.88;

/// The maximum fraction of a sheet for ink that could be the hole of a bold 0.
const MAX_HOLE: f64 = 0.2;

/// The maximum fraction of its hull for ink that cannot be the hole of a bold 0.
const STROKES: f64 = 0.8;

/// The minimum part of the difference between page and background that is at the page's edge.
const STEP: f32 = 0.5;

/// The width of a page's edge that is not read, in pixels of the reduced picture.
const EDGE: usize = 2;

/// A part of a picture that is a page.
pub(super) struct Page {
    pub(super) plane: Plane,
    /// The column of the picture where it begins.
    pub(super) left: usize,
}

/// The pixels of a reduced picture.
struct Area {
    width: usize,
    height: usize,
    pixels: Vec<bool>,
}

/// Finds the page of a picture, if it has one.
pub(super) fn find(plane: &Plane) -> Option<Page> {
    let (width, height) = fitted(plane.width, plane.height, SIDE.min(plane.width), SIDE.min(plane.height));
    let small = plane.resized(width, height);
    let threshold = otsu(&small.levels);
    let area = |pixels: Vec<bool>| Area { width, height, pixels };
    let light = area(small.levels.iter().map(|&level| level > threshold).collect());
    let border: Vec<bool> = light.border().map(|i| light.pixels[i]).collect();
    let is_light = 2 * border.iter().filter(|&&light| light).count() < border.len();
    // Not as light as the border, or not as dark.
    let candidate = area(light.pixels.iter().map(|&light| light == is_light).collect());
    let paper = candidate.largest();
    let outside = paper.outside();
    let page = area(outside.pixels.iter().map(|&outside| !outside).collect());
    let ink = area((0..width * height).map(|i| page.pixels[i] && !paper.pixels[i]).collect());

    let hull = page.hull();
    let share = |part: f64, whole: f64| part / whole.max(1.0);
    let ink_share = share(ink.size(), page.size());
    if share(page.size(), (width * height) as f64) < MIN_AREA
        || !(INK[0]..INK[1]).contains(&ink_share)
        || share(page.size(), polygon(&hull)) < SOLID
        || !has_step(&small, &page, &paper)
    {
        return None;
    }
    let is_sheet = share(polygon(&hull), rectangle_around(&hull)) >= SHEET;
    let blot = ink.largest();
    let has_strokes = share(blot.size(), polygon(&blot.hull())) < STROKES;
    if !(has_strokes || is_sheet && ink_share <= MAX_HOLE) {
        return None;
    }
    cut_out(plane, &page)
}

/// Returns true if levels change at the edge of a page at once, not gradually as in a shadow.
fn has_step(small: &Plane, page: &Area, paper: &Area) -> bool {
    let mean = |area: &Area, inside: bool| {
        let levels = small.levels.iter().zip(&area.pixels).filter(|&(_, &pixel)| pixel == inside);
        let (sum, count) = levels.fold((0.0, 0.0f32), |(sum, count), (level, _)| (sum + level, count + 1.0));
        sum / count.max(1.0)
    };
    let (width, height) = (small.width, small.height);
    let (mut sum, mut count) = (0.0, 0.0);
    for (i, &pixel) in page.pixels.iter().enumerate() {
        let (x, y) = (i % width, i / width);
        let mut add = |from: usize, to: usize| {
            sum += (small.levels[from] - small.levels[to]).abs();
            count += 1.0;
        };
        if x + 1 < width && page.pixels[i + 1] != pixel {
            add(i - x.min(EDGE), (i + 1 + EDGE).min(i + width - 1 - x));
        }
        if y + 1 < height && page.pixels[i + width] != pixel {
            add(i - y.min(EDGE) * width, x + (y + 1 + EDGE).min(height - 1) * width);
        }
    }
    sum >= STEP * count * (mean(paper, true) - mean(page, false)).abs()
}

/// Cuts a page out of the picture. Beside its edge, the nearest pixels of the page are repeated.
fn cut_out(plane: &Plane, page: &Area) -> Option<Page> {
    let inside = |x: usize, y: usize| {
        let (x, y) = (x * page.width / plane.width, y * page.height / plane.height);
        (y.saturating_sub(EDGE)..=(y + EDGE).min(page.height - 1))
            .all(|row| page.pixels[row * page.width + x])
            && (x.saturating_sub(EDGE)..=(x + EDGE).min(page.width - 1))
                .all(|column| page.pixels[y * page.width + column])
    };
    let mut rows = Vec::new();
    for y in 0..plane.height {
        let mut columns = (0..plane.width).filter(|&x| inside(x, y));
        if let Some(first) = columns.next() {
            rows.push((y, first, columns.next_back().unwrap_or(first)));
        }
    }
    let left = rows.iter().map(|&(_, first, _)| first).min()?;
    let right = rows.iter().map(|&(.., last)| last).max()?;
    let mut levels = Vec::with_capacity(rows.len() * (right + 1 - left));
    for &(y, first, last) in &rows {
        levels.extend((left..=right).map(|x| plane.levels[y * plane.width + x.clamp(first, last)]));
    }
    Some(Page { plane: Plane { width: right + 1 - left, height: rows.len(), levels }, left })
}

impl Area {
    fn size(&self) -> f64 {
        self.pixels.iter().filter(|&&pixel| pixel).count() as f64
    }

    fn border(&self) -> impl Iterator<Item = usize> {
        let (width, height) = (self.width, self.height);
        (0..width * height).filter(move |i| {
            let (x, y) = (i % width, i / width);
            x == 0 || y == 0 || x + 1 == width || y + 1 == height
        })
    }

    /// Marks in `seen` all pixels like `start` that are connected to it, and counts them.
    fn flood(&self, start: usize, seen: &mut [bool]) -> usize {
        let (mut open, mut count) = (vec![start], 0);
        seen[start] = true;
        while let Some(i) = open.pop() {
            count += 1;
            let (x, y) = (i % self.width, i / self.width);
            let mut visit = |is_there: bool, next: usize| {
                if is_there && !seen[next] && self.pixels[next] == self.pixels[start] {
                    seen[next] = true;
                    open.push(next);
                }
            };
            visit(x > 0, i.wrapping_sub(1));
            visit(x + 1 < self.width, i + 1);
            visit(y > 0, i.wrapping_sub(self.width));
            visit(y + 1 < self.height, i + self.width);
        }
        count
    }

    /// The largest connected part.
    fn largest(&self) -> Self {
        let mut seen = vec![false; self.pixels.len()];
        let mut best = (0, None);
        for start in 0..self.pixels.len() {
            if self.pixels[start] && !seen[start] {
                let count = self.flood(start, &mut seen);
                if count > best.0 {
                    best = (count, Some(start));
                }
            }
        }
        let mut pixels = vec![false; self.pixels.len()];
        if let (_, Some(start)) = best {
            self.flood(start, &mut pixels);
        }
        Self { pixels, ..*self }
    }

    /// What is not in this area, and connected to the border.
    fn outside(&self) -> Self {
        let mut pixels = vec![false; self.pixels.len()];
        for start in self.border() {
            if !self.pixels[start] && !pixels[start] {
                self.flood(start, &mut pixels);
            }
        }
        Self { pixels, ..*self }
    }

    /// The corners of the convex hull, counterclockwise.
    fn hull(&self) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        for (y, row) in self.pixels.chunks_exact(self.width).enumerate() {
            let ends = (row.iter().position(|&pixel| pixel), row.iter().rposition(|&pixel| pixel));
            if let (Some(first), Some(last)) = ends {
                for (x, y) in [(first, y), (last + 1, y), (first, y + 1), (last + 1, y + 1)] {
                    points.push((x as f64, y as f64));
                }
            }
        }
        points.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        let half = |points: &mut dyn Iterator<Item = &(f64, f64)>| {
            let mut hull: Vec<(f64, f64)> = Vec::new();
            for &c in points {
                while let [.., a, b] = hull[..] {
                    if (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) > 0.0 {
                        break;
                    }
                    hull.pop();
                }
                hull.push(c);
            }
            hull.pop();
            hull
        };
        let mut hull = half(&mut points.iter());
        hull.extend(half(&mut points.iter().rev()));
        hull
    }
}

/// The area of a polygon.
fn polygon(corners: &[(f64, f64)]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>().abs() / 2.0
}

/// The area of the smallest rectangle around points, within a few degrees.
fn rectangle_around(points: &[(f64, f64)]) -> f64 {
    let extent = |(x, y): (f64, f64)| {
        let along = points.iter().map(|point| point.0 * x + point.1 * y);
        let (low, high) = along.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        (high - low).max(0.0)
    };
    let area = |degrees: u32| {
        let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
        extent((cos, sin)) * extent((-sin, cos))
    };
    (0..90).step_by(3).map(area).fold(f64::MAX, f64::min)
}
