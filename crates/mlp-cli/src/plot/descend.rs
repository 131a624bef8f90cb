//! The figures of `mlp descend`: gradient descent on a function of one variable.
//!
//! The chapter shows the descent that works. These also have to show the ones that do not, where the numbers of one path can
//! differ by three hundred orders of magnitude; choosing what part of the plane to show is most of the work here.

use super::chart::{Axis, Chart, Marker, Role, Scale, Series, Stroke};
use super::ticks::number;

/// Points on the curve of the function: about one for each pixel of the frame.
const SAMPLES: usize = 600;
/// A step belongs in the picture while it is at most this many times as high above the bottom as the start is.
const HEADROOM: f64 = 16.0;

/// The chapter's figure: the curve of the loss, dashed, and on it the path that descent took.
///
/// `formula` is the right-hand side of L(x) = …, `function` the same to be computed, `path` the pairs (x, L(x)) from the start on,
/// `learning_rate` the factor of the gradient. The picture covers the values from −r to r, with r so large that every step fits; of a
/// path that diverges it shows the steps that are still of the order of the first, an arrow where the path leaves, and a remark on the
/// rest. An empty path gives the curve alone.
pub(crate) fn descent_chart(
    formula: &str,
    function: impl Fn(f64) -> f64,
    path: &[(f64, f64)],
    learning_rate: f64,
) -> Chart {
    let window = Window::around(path, &function);
    let curve = sample(-window.reach, window.reach).map(|x| (x, function(x)));
    let start = path.first().copied().filter(|&point| window.holds(point));
    Chart {
        title: format!("Gradient descent on L(x) = {formula}"),
        subtitle: subtitle(path, learning_rate),
        x: axis("x", Scale::Linear, Some(window.x_range())),
        y: axis("Loss", Scale::Linear, Some(window.y_range())),
        series: vec![
            Series {
                label: "L(x)".to_owned(),
                points: curve.collect(),
                role: Role::Reference,
                stroke: Some(Stroke::Dashed),
                marker: None,
            },
            Series {
                label: "x after each step".to_owned(),
                points: path.to_vec(),
                role: Role::Data(0),
                stroke: Some(Stroke::Solid),
                marker: Some(Marker::Dot),
            },
            Series {
                label: if start.is_some() { "start".to_owned() } else { String::new() },
                points: start.into_iter().collect(),
                role: Role::Data(1),
                stroke: None,
                marker: Some(Marker::Ring),
            },
        ],
        notes: remarks(path, &window),
    }
}

/// The loss by step, on a logarithmic axis where it falls or grows by orders of magnitude: there the constant factor per step,
/// by which descent on a parabola converges or diverges, is a straight line.
///
/// Arguments as for [`descent_chart`].
pub(crate) fn loss_chart(formula: &str, path: &[(f64, f64)], learning_rate: f64) -> Chart {
    let losses = || path.iter().map(|step| step.1).filter(|loss| loss.is_finite());
    let (least, most) = losses().fold((f64::INFINITY, 0.0), |(lo, hi), l| (f64::min(lo, l), f64::max(hi, l)));
    let scale = if least > 0.0 && most > 100.0 * least { Scale::Log } else { Scale::Linear };
    Chart {
        title: format!("Loss by step on L(x) = {formula}"),
        subtitle: subtitle(path, learning_rate),
        x: axis("step", Scale::Linear, None),
        y: axis("Loss", scale, None),
        series: vec![Series {
            label: String::new(),
            points: path.iter().enumerate().map(|(step, &(_, loss))| (step as f64, loss)).collect(),
            role: Role::Data(0),
            stroke: Some(Stroke::Solid),
            marker: Some(Marker::Dot),
        }],
        notes: not_finite(path).into_iter().collect(),
    }
}

/// The part of the plane that the figure shows: x from −reach to reach, and these losses.
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

        // What is worth showing is measured against the start: how high it stands above the bottom of what lies around it.
        let (x0, loss0) = finite().next().unwrap_or((0.0, f64::INFINITY));
        let bottom = losses_over(x0.abs()).chain(finite().map(|p| p.1)).fold(loss0, least);
        let ceiling = loss0 + (HEADROOM - 1.0) * (loss0 - bottom);
        let shown = || finite().filter(|&(_, loss)| loss <= ceiling);

        // A quarter beyond the best point, so that a minimum is seen from both sides.
        let best = shown().fold((0.0, f64::INFINITY), |best, p| if p.1 < best.1 { p } else { best });
        let reach = shown().fold(1.25 * best.0.abs(), |reach, (x, _)| reach.max(x.abs()));
        let reach = if reach > 0.0 { reach } else { 1.0 };

        let lowest = losses_over(reach).chain(shown().map(|p| p.1)).fold(f64::INFINITY, least);
        let top_of_curve = losses_over(reach).fold(lowest, f64::max);
        let top_of_path = shown().map(|p| p.1).fold(lowest, f64::max);
        // The path is what the figure is about: a curve that towers above it is cut off.
        let highest =
            if top_of_path > lowest { top_of_curve.min(lowest + 4.0 * (top_of_path - lowest)) } else { top_of_curve };
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

fn axis(label: &str, scale: Scale, range: Option<(f64, f64)>) -> Axis {
    Axis { label: label.to_owned(), scale, range }
}

/// Evenly spaced values from `from` to `to`, both included exactly.
fn sample(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..=SAMPLES).map(move |i| {
        let share = i as f64 / SAMPLES as f64;
        (1.0 - share) * from + share * to
    })
}

/// `learning rate 0.1, 20 steps from x = 5 to x = 0.05765`
fn subtitle(path: &[(f64, f64)], learning_rate: f64) -> String {
    let rate = format!("learning rate {}", number(learning_rate, 4));
    match path {
        [] => rate,
        [(x, _)] => format!("{rate}, no step from x = {}", number(*x, 4)),
        [(first, _), .., (last, _)] => {
            let (steps, first, last) = (steps(path.len() - 1), number(*first, 4), number(*last, 4));
            format!("{rate}, {steps} from x = {first} to x = {last}")
        }
    }
}

/// What the picture cannot show of the path.
fn remarks(path: &[(f64, f64)], window: &Window) -> Vec<String> {
    let finite = |&(x, loss): &(f64, f64)| x.is_finite() && loss.is_finite();
    let outside = || path.iter().enumerate().filter(|(_, p)| finite(p) && !window.holds(**p));
    let beyond = outside().next().map(|(step, (x, loss))| {
        let (x, loss) = (number(*x, 3), number(*loss, 3));
        match outside().count() {
            1 => format!("Step {step} lies outside the picture, at x = {x} with a loss of {loss}."),
            n => format!(
                "{n} of {} lie outside the picture, first step {step}, at x = {x} with a loss of {loss}.",
                steps(path.len() - 1)
            ),
        }
    });
    beyond.into_iter().chain(not_finite(path)).collect()
}

/// Where the path ceased to be numbers, if it did.
fn not_finite(path: &[(f64, f64)]) -> Option<String> {
    let (step, (x, loss)) = path.iter().enumerate().find(|(_, (x, loss))| !(x.is_finite() && loss.is_finite()))?;
    let (x, loss) = (number(*x, 3), number(*loss, 3));
    Some(format!("From step {step} on there are no finite numbers: x = {x} with a loss of {loss}."))
}

fn steps(n: usize) -> String {
    if n == 1 { "1 step".to_owned() } else { format!("{n} steps") }
}
