//! The learning-rate range test of Smith 2017, "Cyclical learning rates for training neural
//! networks", section 3.3: a short training whose rate grows geometrically. A good rate is where
//! the loss falls fastest; where the loss rises again, the rate is too large.

use crate::{Control, Error, Event, Number, Trainer};

/// A step of a range test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RangePoint {
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Loss of the batch before the step.
    pub loss: f64,
    /// Exponentially weighted mean of the losses so far, with decay [`SMOOTHING`].
    pub smoothed: f64,
}

/// Decay of the smoothed loss, a mean over about twenty steps.
pub const SMOOTHING: f64 = 0.95;

/// The test ends when the smoothed loss exceeds this multiple of its minimum.
const MAX_RISE: f64 = 4.0;

/// Takes steps with rates from `first` to `last`, evenly spaced on a log scale. Ends early if the
/// smoothed loss rises above four times its minimum or a loss is not finite.
///
/// # Panics
/// If not `0 < first < last < ∞`, or if there are fewer than two steps.
///
/// # Errors
/// Those of [`Trainer::drive`] except [`Error::Diverged`].
#[track_caller]
pub fn range_test<A: Number>(
    trainer: &mut Trainer<'_, A>,
    first: f64,
    last: f64,
    steps: usize,
) -> Result<Vec<RangePoint>, Error> {
    assert!(0.0 < first && first < last && last.is_finite(), "rates from {first} to {last}");
    assert!(steps >= 2, "{steps} steps");
    let rate = |step: usize| first * libm::pow(last / first, step as f64 / (steps - 1) as f64);
    let mut points: Vec<RangePoint> = Vec::with_capacity(steps);
    let (mut sum, mut weight, mut lowest) = (0.0, 0.0, f64::INFINITY);
    trainer.force_learning_rate(rate(0));
    let ended = trainer.drive(|trainer, event| {
        let &Event::StepDone { loss, learning_rate, .. } = event else { return Ok(Control::Continue) };
        (sum, weight) = (SMOOTHING * sum + loss, SMOOTHING * weight + 1.0);
        let smoothed = sum / weight;
        points.push(RangePoint { learning_rate, loss, smoothed });
        lowest = f64::min(lowest, smoothed);
        if points.len() == steps || smoothed > MAX_RISE * lowest {
            return Ok(Control::Stop);
        }
        trainer.force_learning_rate(rate(points.len()));
        Ok(Control::Continue)
    });
    match ended {
        Ok(_) | Err(Error::Diverged { .. }) => Ok(points),
        Err(error) => Err(error),
    }
}

/// Returns the rate at which the smoothed loss falls fastest, measured over [`SPAN`] steps, up to
/// the minimum; `None` if it never falls. Skips the first [`SPAN`] steps, where the mean has not
/// settled.
pub fn steepest(points: &[RangePoint]) -> Option<f64> {
    let until_lowest = points.get(SPAN..=lowest(points)?)?;
    let fall = |span: &[RangePoint]| span[SPAN].smoothed - span[0].smoothed;
    let falls = until_lowest.windows(SPAN + 1).filter(|span| fall(span) < 0.0);
    falls.min_by(|a, b| fall(a).total_cmp(&fall(b))).map(|span| span[SPAN / 2].learning_rate)
}

/// Steps over which a fall is measured: about the window of the smoothed loss.
pub const SPAN: usize = 20;

/// The index of the minimum smoothed loss.
fn lowest(points: &[RangePoint]) -> Option<usize> {
    (0..points.len()).min_by(|&a, &b| points[a].smoothed.total_cmp(&points[b].smoothed))
}

/// Returns a tenth of the rate with the minimum smoothed loss, an upper bound for a safe rate.
pub fn tenth_of_lowest(points: &[RangePoint]) -> Option<f64> {
    lowest(points).map(|index| points[index].learning_rate / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Examples, TrainConfig};

    #[test]
    fn rates_grow_geometrically_and_losses_are_smoothed() {
        let data = mlp_data::synthetic::digits(400, 10, 0);
        let config = TrainConfig {
            hidden: vec![16],
            epochs: 100,
            loss_reduction: mlp_core::Reduction::Mean,
            ..TrainConfig::default()
        };
        let plan = config.validate(&data.train).unwrap();
        let examples = Examples::<f64>::new(&plan, &data.train);
        let test = |last: f64| {
            let mut trainer = Trainer::new(plan.clone(), &examples).unwrap();
            range_test(&mut trainer, 1e-4, last, 81).unwrap()
        };
        let points = test(1.0);
        assert_eq!(points.len(), 81, "over several epochs");
        assert_eq!(points[0].learning_rate, 1e-4);
        assert!((points[80].learning_rate - 1.0).abs() < 1e-12);
        let growth = points[41].learning_rate / points[40].learning_rate;
        assert!((growth / 1e4_f64.powf(1.0 / 80.0) - 1.0).abs() < 1e-12);
        let plain = |n: usize| {
            let weights = (0..=n).map(|i| 0.95_f64.powi((n - i) as i32));
            let sum: f64 = weights.clone().zip(&points).map(|(w, point)| w * point.loss).sum();
            sum / weights.sum::<f64>()
        };
        for n in [0, 1, 50] {
            assert!((points[n].smoothed - plain(n)).abs() < 1e-12, "{n}");
        }
        let best = steepest(&points).unwrap();
        assert!(best > 0.01 && best < 1.0, "{best}");

        // Rates far too large end the test early.
        assert!(test(1e12).len() < 81);
    }

    #[test]
    fn steepest_and_lowest_are_found() {
        // Flat, falling by one each step from 40 to 60, flat, rising.
        let loss = |n: usize| 30.0 - (n.clamp(40, 60) - 40) as f64 + n.saturating_sub(80) as f64;
        let point = |n: usize| RangePoint {
            learning_rate: 10_f64.powf(n as f64 / 10.0 - 8.0),
            loss: loss(n),
            smoothed: loss(n),
        };
        let points: Vec<_> = (0..100).map(point).collect();
        assert_eq!(steepest(&points), Some(points[50].learning_rate));
        assert_eq!(tenth_of_lowest(&points), Some(points[60].learning_rate / 10.0));
        assert_eq!(steepest(&points[70..]), None, "it only rises");
        assert_eq!((steepest(&[]), tenth_of_lowest(&[])), (None, None));
    }
}
