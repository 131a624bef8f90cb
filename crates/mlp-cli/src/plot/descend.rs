//! The plots of `mlp descend`: gradient descent on a function of one variable.
//!
//! Most of the code chooses the range of the axes, because the losses of a diverging path span
//! hundreds of orders of magnitude.

use super::chart::{Axis, Chart, Marker, Role, Scale, Series};
use super::ticks::number;
use crate::output::table::counted;

/// Number of sampled points of the function: about one per pixel.
const SAMPLES: usize = 600;
/// A step is shown if its height above the minimum is at most this multiple of the start's.
const HEADROOM: f64 = 16.0;

/// Plots the loss curve (dashed) and the path of gradient descent on it, as in the chapter.
///
/// `formula` is the right-hand side of L(x) = …, `function` computes it, and `path` holds (x, L(x))
/// for the start and each step. The x axis is symmetric about 0 and fits every step. If the path
/// diverges, only its first steps fit: an arrowhead marks where it leaves the frame, and a note
/// describes the rest.
pub(crate) fn descent_chart(
    formula: &str,
    function: impl Fn(f64) -> f64,
    path: &[(f64, f64)],
    learning_rate: f64,
) -> Chart {
    let window = Window::around(path, &function);
    let curve = sample(-window.reach, window.reach).map(|x| (x, function(x)));
    let start = path.first().copied().filter(|&point| window.holds(point));
    let (left, right) = window.x_range();
    let (low, high) = window.y_range();
    let label = if start.is_some() { "start" } else { "" };
    let series = vec![
        Series::line("L(x)", Role::Reference, curve.collect()).dashed(),
        Series::line("steps", Role::Data(0), path.to_vec()).with_dots(),
        Series::markers(label, Role::Data(1), Marker::Ring, start.into_iter().collect()),
    ];
    let title = format!("Gradient descent on L(x) = {formula}");
    let (x, y) = (Axis::linear("x").between(left, right), Axis::linear("loss").between(low, high));
    Chart {
        subtitle: subtitle(path, learning_rate),
        notes: remarks(path, &window),
        ..Chart::new(title, x, y, series)
    }
}

/// Plots the loss after each step. The arguments are those of [`descent_chart`].
///
/// The loss axis is logarithmic if the loss changes by orders of magnitude. On a parabola, where
/// each step changes the loss by a constant factor, the plot is then a straight line.
pub(crate) fn loss_chart(formula: &str, path: &[(f64, f64)], learning_rate: f64) -> Chart {
    let losses = || path.iter().map(|step| step.1).filter(|loss| loss.is_finite());
    let (least, most) = losses().fold((f64::INFINITY, 0.0), |(lo, hi), l| (f64::min(lo, l), f64::max(hi, l)));
    let scale = if least > 0.0 && most > 100.0 * least { Scale::Log } else { Scale::Linear };
    let points = path.iter().enumerate().map(|(step, &(_, loss))| (step as f64, loss)).collect();
    let series = vec![Series::line("", Role::Data(0), points).with_dots()];
    let (step, loss) = (Axis::linear("step").whole(), Axis::new("loss", scale));
    Chart {
        subtitle: subtitle(path, learning_rate),
        notes: not_finite(path).into_iter().collect(),
        ..Chart::new(format!("Loss per step on L(x) = {formula}"), step, loss, series)
    }
}

/// The visible part of the plane: x from −reach to reach, and a range of losses.
#[derive(Debug)]
struct Window {
    reach: f64,
    lowest: f64,
    highest: f64,
}

impl Window {
    fn around(path: &[(f64, f64)], function: &impl Fn(f64) -> f64) -> Self {
        let finite = || path.iter().copied().filter(|(x, loss)| x.is_finite() && loss.is_finite());
        let losses_over = |reach: f64| sample(-reach, reach).map(function).filter(|loss| loss.is_finite());
        let least = |a: f64, b: f64| a.min(b);

        // The scale is the height of the start above the lowest point nearby.
        let (x0, loss0) = finite().next().unwrap_or((0.0, f64::INFINITY));
        let bottom = losses_over(x0.abs()).chain(finite().map(|p| p.1)).fold(loss0, least);
        let ceiling = loss0 + (HEADROOM - 1.0) * (loss0 - bottom);
        let shown = || finite().filter(|&(_, loss)| loss <= ceiling);

        // Extend the range 25% past the best point, to show both sides of the minimum.
        let best = shown().fold((0.0, f64::INFINITY), |best, p| if p.1 < best.1 { p } else { best });
        let reach = shown().fold(1.25 * best.0.abs(), |reach, (x, _)| reach.max(x.abs()));
        let reach = if reach > 0.0 { reach } else { 1.0 };

        let lowest = losses_over(reach).chain(shown().map(|p| p.1)).fold(f64::INFINITY, least);
        let top_of_curve = losses_over(reach).fold(lowest, f64::max);
        let top_of_path = shown().map(|p| p.1).fold(lowest, f64::max);
        // The path matters most: clip a curve that rises far above it.
        let highest = if top_of_path > lowest {
            top_of_curve.min(lowest + 4.0 * (top_of_path - lowest))
        } else {
            top_of_curve
        };
        let highest = highest.max(top_of_path);
        if lowest.is_finite() && lowest < highest {
            Self { reach, lowest, highest }
        } else {
            let middle = if lowest.is_finite() { lowest } else { 0.0 };
            Self { reach, lowest: middle - 1.0, highest: middle + 1.0 }
        }
    }

    fn x_range(&self) -> (f64, f64) {
        (-1.05 * self.reach, 1.05 * self.reach)
    }

    fn y_range(&self) -> (f64, f64) {
        let margin = 0.05 * (self.highest - self.lowest);
        (self.lowest - margin, self.highest + margin)
    }

    fn holds(&self, (x, loss): (f64, f64)) -> bool {
        let (left, right) = self.x_range();
        let (low, high) = self.y_range();
        (left..=right).contains(&x) && (low..=high).contains(&loss)
    }
}

/// Evenly spaced values from `from` to `to`, including both ends exactly.
fn sample(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..=SAMPLES).map(move |i| {
        let share = i as f64 / SAMPLES as f64;
        (1.0 - share) * from + share * to
    })
}

/// `Learning rate 0.1, 20 steps from x = 5 to x = 0.05765`
fn subtitle(path: &[(f64, f64)], learning_rate: f64) -> String {
    let rate = format!("Learning rate {}", number(learning_rate, 4));
    match path {
        [] => rate,
        [(x, _)] => format!("{rate}, no steps from x = {}", number(*x, 4)),
        [(first, _), .., (last, _)] => {
            let (steps, first, last) = (steps(path.len() - 1), number(*first, 4), number(*last, 4));
            format!("{rate}, {steps} from x = {first} to x = {last}")
        }
    }
}

/// Notes about steps that are not shown.
fn remarks(path: &[(f64, f64)], window: &Window) -> Vec<String> {
    let finite = |&(x, loss): &(f64, f64)| x.is_finite() && loss.is_finite();
    let outside = || path.iter().enumerate().filter(|(_, p)| finite(p) && !window.holds(**p));
    let beyond = outside().next().map(|(step, (x, loss))| {
        let (x, loss) = (number(*x, 3), number(*loss, 3));
        match outside().count() {
            1 => format!("Step {step} is outside the plot, at x = {x} with loss {loss}."),
            n => format!(
                "{n} of {} are outside the plot; the first is step {step}, at x = {x} with loss {loss}.",
                steps(path.len() - 1)
            ),
        }
    });
    beyond.into_iter().chain(not_finite(path)).collect()
}

/// A note about the first step that is not finite.
fn not_finite(path: &[(f64, f64)]) -> Option<String> {
    let (step, (x, loss)) =
        path.iter().enumerate().find(|(_, (x, loss))| !(x.is_finite() && loss.is_finite()))?;
    let (x, loss) = (number(*x, 3), number(*loss, 3));
    Some(format!("Step {step} is not finite: x = {x}, loss {loss}."))
}

fn steps(n: usize) -> String {
    counted(n, "step")
}

#[cfg(test)]
mod tests {
    use super::super::drawing::Drawing;
    use super::*;

    fn square(x: f64) -> f64 {
        x * x
    }

    /// Descent on x², whose gradient is 2x.
    fn descend(start: f64, rate: f64, steps: usize) -> Vec<(f64, f64)> {
        let xs = std::iter::successors(Some(start), |x| Some(x - rate * 2.0 * x));
        xs.take(steps + 1).map(|x| (x, square(x))).collect()
    }

    fn chart(start: f64, rate: f64, steps: usize) -> Chart {
        descent_chart("x²", square, &descend(start, rate, steps), rate)
    }

    fn contains((lo, hi): (f64, f64), value: f64) -> bool {
        (lo..=hi).contains(&value)
    }

    #[test]
    fn the_chapters_example_shows_the_whole_path_from_minus_5_to_5() {
        let chart = chart(5.0, 0.1, 20);
        let curve = &chart.series[0].points;
        assert_eq!((curve[0], curve[SAMPLES]), ((-5.0, 25.0), (5.0, 25.0)));
        assert_eq!(chart.series[1].points.len(), 21);
        let (x, y) = (chart.x.range.unwrap(), chart.y.range.unwrap());
        assert!(chart.series[1].points.iter().all(|p| contains(x, p.0) && contains(y, p.1)));
        assert!(chart.notes.is_empty());
        assert_eq!(chart.subtitle, "Learning rate 0.1, 20 steps from x = 5 to x = 0.05765");
    }

    #[test]
    fn a_diverging_path_is_clipped_with_a_note() {
        let chart = chart(5.0, 1.1, 20);
        let (x, y) = (chart.x.range.unwrap(), chart.y.range.unwrap());
        let shown =
            chart.series[1].points.iter().take_while(|p| contains(x, p.0) && contains(y, p.1)).count();
        assert!((3..20).contains(&shown), "{shown}");
        assert!(y.1 < 25.0 * 20.0);
        assert_eq!(chart.notes.len(), 1);
        assert!(chart.notes[0].starts_with(&format!("{} of 20 steps", 21 - shown)), "{}", chart.notes[0]);
    }

    #[test]
    fn a_note_names_the_first_step_that_is_not_finite() {
        let path = descend(5.0, 10.0, 400);
        let first = path.iter().position(|p| !p.1.is_finite()).unwrap();
        let notes = descent_chart("x²", square, &path, 10.0).notes;
        assert!(
            notes.iter().any(|note| note.starts_with(&format!("Step {first} is not finite"))),
            "{notes:?}"
        );
        assert_eq!(loss_chart("x²", &path, 10.0).notes.len(), 1);
    }

    #[test]
    fn both_sides_of_a_minimum_are_visible() {
        let wells = |x: f64| (x * x - 1.0).powi(2);
        let path = [(0.01, wells(0.01)), (0.5, wells(0.5)), (1.0, 0.0)];
        let range = descent_chart("(x² − 1)²", wells, &path, 0.1).x.range.unwrap();
        assert!(range.0 < -1.2 && range.1 > 1.2);
    }

    #[test]
    fn any_path_can_be_plotted() {
        let paths: [&[(f64, f64)]; 8] = [
            &[],
            &[(0.0, 0.0)],
            &[(5.0, 25.0)],
            &[(f64::NAN, f64::NAN)],
            &[(1e300, f64::INFINITY), (1e299, f64::INFINITY)],
            &[(5.0, 25.0), (f64::INFINITY, f64::INFINITY), (2.0, 4.0)],
            &[(1e150, 1e300), (-1e150, 1e300)],
            &[(1e-200, 0.0), (1e-201, 0.0)],
        ];
        for path in paths {
            for function in [square as fn(f64) -> f64, |_| 3.0, |_| f64::NAN, |x| x.exp() - 1e308] {
                for picture in
                    [descent_chart("<x> & y", function, path, f64::NAN), loss_chart("<x>", path, 1e300)]
                {
                    let svg = Drawing::from(picture.clone());
                    let svg = svg.svg();
                    assert!(roxmltree::Document::parse(&svg).is_ok());
                    assert!(!svg.contains("='NaN") && !svg.contains("inf"), "{path:?}");
                }
            }
        }
    }

    #[test]
    fn the_loss_axis_is_logarithmic_if_the_loss_falls_by_orders_of_magnitude() {
        let scale = |path: &[(f64, f64)]| loss_chart("x²", path, 0.1).y.scale;
        assert_eq!(scale(&descend(5.0, 0.1, 20)), Scale::Log);
        assert_eq!(scale(&descend(5.0, 0.1, 2)), Scale::Linear);
        assert_eq!(scale(&[(0.0, -1.0), (1.0, 500.0)]), Scale::Linear);
    }
}
