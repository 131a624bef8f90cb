//! The shapes of the synthetic digits: one or two styles per digit, each a few strokes through
//! points in a 20x20 box.

/// x to the right, y downwards.
pub(super) type Point = (f64, f64);
/// Points of a smooth curve; at a corner one stroke ends and another begins.
type Stroke = &'static [Point];
type Style = &'static [Stroke];

/// Straight pieces per pair of neighboring points.
const POINTS_PER_SPAN: usize = 6;

/// The styles of each digit.
#[rustfmt::skip]
pub(super) const STYLES: [&[Style]; 10] = [
    &[&[&[(10.0, 1.0), (5.0, 4.0), (4.0, 10.0), (5.0, 16.0), (10.0, 19.0), (15.0, 16.0), (16.0, 10.0), (15.0, 4.0), (10.0, 1.0)]]],
    &[
        &[&[(10.0, 1.0), (10.0, 10.0), (10.0, 19.0)]],
        &[&[(6.0, 5.0), (10.0, 1.0)], &[(10.0, 1.0), (10.0, 10.0), (10.0, 19.0)]],
    ],
    &[
        &[&[(4.5, 6.0), (6.0, 2.5), (10.0, 1.0), (14.5, 2.5), (15.5, 6.0), (13.0, 11.0), (8.5, 15.0), (4.0, 19.0)],
          &[(4.0, 19.0), (16.0, 19.0)]],
        &[&[(4.5, 5.0), (10.0, 1.0), (15.0, 5.0), (12.5, 11.5), (7.0, 18.0), (4.0, 17.5), (5.5, 15.0), (10.0, 17.5), (16.0, 18.5)]],
    ],
    &[&[&[(4.5, 3.0), (9.0, 1.0), (14.0, 2.5), (14.5, 6.5), (9.0, 9.5)],
        &[(9.0, 9.5), (15.0, 11.5), (15.5, 15.5), (10.5, 19.0), (4.0, 17.0)]]],
    &[
        &[&[(13.0, 1.0), (3.5, 13.0)], &[(3.5, 13.0), (17.0, 13.0)], &[(13.0, 1.0), (13.0, 19.0)]],
        &[&[(5.0, 1.0), (4.0, 10.5)], &[(4.0, 10.5), (10.0, 11.5), (16.0, 10.5)], &[(14.5, 1.0), (13.5, 19.0)]],
    ],
    &[&[&[(15.0, 1.0), (6.0, 1.0)], &[(6.0, 1.0), (5.0, 9.0)],
        &[(5.0, 9.0), (10.0, 7.5), (15.0, 10.0), (15.5, 14.5), (11.0, 19.0), (4.0, 17.0)]]],
    &[&[&[(14.0, 1.5), (8.5, 4.5), (4.5, 11.0), (5.5, 16.5), (10.0, 19.0), (15.0, 16.5), (15.5, 12.5), (11.0, 10.0), (6.5, 11.5), (4.7, 14.0)]]],
    &[
        &[&[(4.0, 1.5), (16.0, 1.5)], &[(16.0, 1.5), (11.0, 10.0), (8.0, 19.0)]],
        &[&[(4.0, 1.5), (16.0, 1.5)], &[(16.0, 1.5), (11.0, 10.0), (8.0, 19.0)], &[(7.0, 10.0), (15.0, 10.0)]],
    ],
    &[&[&[(10.0, 9.5), (5.5, 6.5), (5.5, 3.0), (10.0, 1.0), (14.5, 3.0), (14.5, 6.5), (10.0, 9.5), (4.5, 13.0), (5.0, 17.0), (10.0, 19.0), (15.0, 17.0), (15.5, 13.0), (10.0, 9.5)]]],
    &[
        &[&[(15.0, 6.5), (13.0, 2.0), (9.0, 1.0), (5.0, 3.5), (5.0, 7.5), (9.0, 10.0), (13.0, 9.0), (15.0, 6.5)],
          &[(15.0, 6.5), (14.5, 13.0), (11.0, 19.0)]],
        &[&[(15.0, 5.0), (10.0, 1.0), (5.0, 4.5), (8.5, 9.5), (15.0, 5.0)], &[(15.0, 5.0), (15.0, 19.0)]],
    ],
];

/// Returns points along the Catmull-Rom spline through `points`, the first and last of which count
/// twice. Panics if there are none.
pub(super) fn curve(points: &[Point]) -> Vec<Point> {
    let at = |index: usize| points[index.clamp(1, points.len()) - 1]; // shifted by one: at(1) is the first
    let mut chain = vec![points[0]];
    for first in 1..points.len() {
        let [p0, p1, p2, p3] = [at(first - 1), at(first), at(first + 1), at(first + 2)];
        for step in 1..=POINTS_PER_SPAN {
            let t = step as f64 / POINTS_PER_SPAN as f64;
            let along = |p0: f64, p1: f64, p2: f64, p3: f64| {
                let (a, b) = (p2 - p0, 2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3);
                let c = 3.0 * (p1 - p2) + p3 - p0;
                p1 + 0.5 * t * (a + t * (b + t * c))
            };
            chain.push((along(p0.0, p1.0, p2.0, p3.0), along(p0.1, p1.1, p2.1, p3.1)));
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_passes_through_its_points() {
        for stroke in STYLES.concat().concat() {
            let chain = curve(stroke);
            for (index, &(x, y)) in stroke.iter().enumerate() {
                let (cx, cy) = chain[index * POINTS_PER_SPAN];
                // Coordinates below 32, about ten roundings.
                assert!((x - cx).abs() < 1e-13 && (y - cy).abs() < 1e-13, "({cx}, {cy}) for ({x}, {y})");
            }
        }
    }

    #[test]
    fn two_points_give_a_straight_line() {
        for (x, y) in curve(&[(0.0, 0.0), (8.0, 4.0)]) {
            assert!((x - 2.0 * y).abs() < 1e-14);
        }
    }
}
