//! Maps values to pixels: axis ranges, positions on an axis, and clipping of lines to the frame.
//!
//! All awkward numbers end here. Whatever a series holds (nothing, one value, NaN, 1e300), the
//! range has two distinct ends and every pixel is finite. Lines are clipped here and not by the SVG
//! viewer, because viewers compute in `f32`, where a diverging path overflows.

use super::chart::{Axis, Scale};

/// Ranges are clamped to ±`LIMIT`, so that neither their width nor their margins overflow.
const LIMIT: f64 = 1e300;
/// Margin at each end of a fitted range, as a fraction of its width.
const MARGIN: f64 = 0.05;
/// Ends whose relative difference is below this, or that differ by less than 1/`LIMIT`, count as
/// one value, because ticks could not tell them apart.
const NARROW: f64 = 1e-9;

/// Maps the values of one axis to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Projection {
    scale: Scale,
    range: (f64, f64),
    pixels: (f64, f64),
}

impl Projection {
    /// Maps the range of `axis`, or else the range of `values` with a margin, to the pixels from
    /// `pixels.0` to `pixels.1`, which may be in reverse order.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Self {
        let scale = axis.scale;
        let range = match axis.range {
            Some((a, b)) => ends([a, b].into_iter(), scale),
            None => widen(ends(values, scale), scale),
        };
        Self { scale, range, pixels }
    }

    /// The values at the two ends, lower one first: finite, distinct, and positive on a logarithmic
    /// axis.
    pub(super) fn range(&self) -> (f64, f64) {
        self.range
    }

    /// Returns the pixel of `value`, which may be far outside the frame, or `None` if the axis
    /// cannot show it.
    pub(super) fn pixel(&self, value: f64) -> Option<f64> {
        let share = match self.scale {
            Scale::Linear => (value - self.range.0) / (self.range.1 - self.range.0),
            // Not the logarithm of a quotient, because 1e300 / 1e-300 overflows.
            Scale::Log => (value.ln() - self.range.0.ln()) / (self.range.1.ln() - self.range.0.ln()),
        };
        Some(self.pixels.0 + share * (self.pixels.1 - self.pixels.0)).filter(|pixel| pixel.is_finite())
    }
}

/// The minimum and maximum of the values that the scale can show, made distinct.
fn ends(values: impl Iterator<Item = f64>, scale: Scale) -> (f64, f64) {
    let placed = values
        .filter(|v| v.is_finite() && (scale == Scale::Linear || *v > 0.0))
        .map(|v| if scale == Scale::Log { v.clamp(1.0 / LIMIT, LIMIT) } else { v.clamp(-LIMIT, LIMIT) });
    let (lo, hi) = placed.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    let apart = hi - lo > (NARROW * lo.abs().max(hi.abs())).max(1.0 / LIMIT);
    match scale {
        _ if apart => (lo, hi),
        Scale::Linear if lo > hi => (0.0, 1.0),
        Scale::Log if lo > hi => (0.1, 1.0),
        Scale::Linear if lo.abs() < 100.0 / LIMIT => (-1.0, 1.0),
        Scale::Linear => (lo - 0.1 * lo.abs(), lo + 0.1 * lo.abs()),
        Scale::Log => ((lo / 2.0).max(1.0 / LIMIT), (lo * 2.0).min(LIMIT)),
    }
}

/// Adds a margin at both ends.
fn widen((lo, hi): (f64, f64), scale: Scale) -> (f64, f64) {
    match scale {
        Scale::Linear => (lo - MARGIN * (hi - lo), hi + MARGIN * (hi - lo)),
        Scale::Log => {
            let factor = ((hi.ln() - lo.ln()) * MARGIN).exp();
            ((lo / factor).max(1.0 / LIMIT), (hi * factor).min(LIMIT))
        }
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// Returns true if the point is inside the frame or on its edge.
    pub(super) fn contains(&self, (x, y): (f64, f64)) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    /// Clips the line from `a` to `b` to the frame with the Liang–Barsky algorithm: each edge
    /// narrows the interval [from, to] of the line's parameter, which is 0 at `a` and 1 at `b`.
    pub(super) fn clip(&self, a: (f64, f64), b: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (step, room) in
            [(-dx, a.0 - self.left), (dx, self.right - a.0), (-dy, a.1 - self.top), (dy, self.bottom - a.1)]
        {
            if step == 0.0 && room < 0.0 {
                return None;
            } else if step < 0.0 {
                from = from.max(room / step);
            } else if step > 0.0 {
                to = to.min(room / step);
            }
        }
        let at = |t: f64| {
            // Rounding may put the intersection just outside.
            let (x, y) = (dx.mul_add(t, a.0), dy.mul_add(t, a.1));
            (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
        };
        (from <= to).then(|| (if from > 0.0 { at(from) } else { a }, if to < 1.0 { at(to) } else { b }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };

    fn fitted(values: &[f64], scale: Scale) -> Projection {
        Projection::new(&Axis::new("", scale), values.iter().copied(), (0.0, 100.0))
    }

    #[test]
    fn a_given_range_fills_the_frame() {
        for (scale, middle) in [(Scale::Linear, 50.5), (Scale::Log, 10.0)] {
            let axis = Axis::new("", scale).between(1.0, 100.0);
            let p = Projection::new(&axis, std::iter::empty(), (20.0, 420.0));
            assert_eq!((p.pixel(1.0), p.pixel(100.0)), (Some(20.0), Some(420.0)));
            assert!((p.pixel(middle).unwrap() - 220.0).abs() < 1e-9, "{scale:?}");
        }
    }

    #[test]
    fn every_range_has_two_distinct_finite_ends() {
        let sets: [&[f64]; 12] = [
            &[],
            &[0.0],
            &[3.0, 3.0],
            &[-7.0],
            &[f64::NAN, f64::INFINITY],
            &[1e300, -1e300],
            &[f64::MAX, f64::MIN],
            &[5e-324],
            &[0.0, 5e-324],
            &[1e-300, 1e300],
            &[25.0, 1e307],
            &[1.0, 1.0 + f64::EPSILON],
        ];
        for values in sets {
            for scale in [Scale::Linear, Scale::Log] {
                let (lo, hi) = fitted(values, scale).range();
                assert!(
                    lo < hi && lo.is_finite() && hi.is_finite() && (hi - lo).is_finite(),
                    "{values:?} {scale:?}"
                );
                assert!(scale == Scale::Linear || lo > 0.0, "{values:?}");
            }
        }
    }

    #[test]
    fn a_fitted_range_has_margins() {
        let (lo, hi) = fitted(&[2.0, 1.0, 3.0, f64::NAN], Scale::Linear).range();
        assert!((lo - 0.9).abs() < 1e-12 && (hi - 3.1).abs() < 1e-12);
        let (lo, hi) = fitted(&[1.0, 100.0, -5.0], Scale::Log).range();
        assert!(lo < 1.0 && lo > 0.5 && hi > 100.0 && hi < 200.0);
    }

    #[test]
    fn values_that_the_axis_cannot_show_have_no_pixel() {
        assert_eq!(fitted(&[0.0, 1.0], Scale::Linear).pixel(f64::NAN), None);
        assert_eq!(fitted(&[1.0, 2.0], Scale::Log).pixel(0.0), None);
        assert_eq!(fitted(&[1.0, 2.0], Scale::Log).pixel(-1.0), None);
        assert_eq!(fitted(&[0.0, 1e-20], Scale::Linear).pixel(1e300), None);
    }

    #[test]
    fn a_line_is_clipped_at_the_frame() {
        assert_eq!(FRAME.clip((5.0, 5.0), (5.0, 25.0)), Some(((5.0, 5.0), (5.0, 10.0))));
        assert_eq!(FRAME.clip((-10.0, 5.0), (22.0, 5.0)), Some(((0.0, 5.0), (10.0, 5.0))));
        assert_eq!(FRAME.clip((1.0, 2.0), (3.0, 4.0)), Some(((1.0, 2.0), (3.0, 4.0))));
        assert_eq!(FRAME.clip((-1.0, 5.0), (-1.0, 9.0)), None);
        assert_eq!(FRAME.clip((-9.0, 1.0), (1.0, -9.0)), None);
    }

    #[test]
    fn a_line_to_a_distant_point_keeps_its_direction() {
        let (_, (x, y)) = FRAME.clip((5.0, 5.0), (-1e150, -1e300)).unwrap();
        assert!((x - 5.0).abs() < 1e-9 && y == 0.0, "{x} {y}");
    }
}
