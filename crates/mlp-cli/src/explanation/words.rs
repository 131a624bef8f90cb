//! What the terminal and the page say in the same words: numbers, names of entries, and what a check or a step has found.

use super::differences::{Check, Finding};
use super::{Axis, Explanation, Quantity, Step, Subject};
use crate::output::table::percent;

/// What X, Y and the order of the sections are.
pub(super) const INTRODUCTION: &str = "X is this image as one row, each pixel from 0 to 1; Y is 1 at the \
    class of the label and 0 elsewhere. First the forward pass, from X to the loss J, then the backward pass, \
    from the loss to the gradient of every parameter. Under each matrix stands its shape.";

/// What is tried at the end, and what for.
pub(super) const DESCENT: &str = "To first order the step changes the loss of this example by −η‖∇J‖²: that is \
    the slope of J along the step. The smaller the step, the nearer to 1 is the actual change over the predicted \
    one. What J and the probability ŷ of the right class would be is found by taking the step, from the same \
    parameters each time.";

/// `2, at 98.13%: right`.
pub(super) fn prediction(explanation: &Explanation, subject: &Subject) -> String {
    format!(
        "{}, at {}: {}",
        subject.class_names[explanation.prediction],
        percent(explanation.probabilities[explanation.prediction]),
        if explanation.prediction == subject.label { "right" } else { "wrong" }
    )
}

/// Norm, range and zeros.
pub(super) fn facts(quantity: &Quantity, subject: &Subject) -> String {
    let values = &quantity.values;
    let by = |better: fn(f64, f64) -> bool| {
        let first = ((0, 0), values[(0, 0)]);
        let pick = |best: ((usize, usize), f64), (index, &value): ((usize, usize), &f64)| {
            if better(value, best.1) { (index, value) } else { best }
        };
        values.indexed_iter().fold(first, pick)
    };
    let said = |(index, value): ((usize, usize), f64)| {
        format!("{} ({})", number(value), entry_name(quantity, index, subject))
    };
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    let zeros = if zeros == 0 { String::new() } else { format!(", {zeros} of {} are 0", values.len()) };
    format!(
        "norm {}, from {} to {}{zeros}",
        number(quantity.norm()),
        said(by(|value, best| value < best)),
        said(by(|value, best| value > best))
    )
}

/// What a check found, in words where a number does not say it.
pub(super) fn verdict(check: &Check) -> String {
    let error = check.relative_error().map_or(String::new(), |error| format!("{error:.0e}"));
    match check.finding() {
        Finding::Agrees => error,
        Finding::Disagrees => format!("{error} DISAGREES"),
        Finding::AcrossKink => "across a kink".to_owned(),
        Finding::RoundedAway => "rounded away".to_owned(),
    }
}

/// The actual change over the predicted one.
pub(super) fn ratio(step: &Step) -> String {
    let ratio = step.actual / step.predicted;
    if ratio.is_finite() { format!("{ratio:.4}") } else { "-".to_owned() }
}

/// What an entry belongs to: `pixel (14, 9) → unit 17`, `class 3`. Of two units the first is of the layer below.
pub(super) fn entry_name(quantity: &Quantity, (row, column): (usize, usize), subject: &Subject) -> String {
    let name = |axis: Axis, index: usize| match axis {
        Axis::One => None,
        Axis::Pixels => {
            Some(format!("pixel ({}, {})", index / subject.shape.width, index % subject.shape.width))
        }
        Axis::Units => Some(format!("unit {index}")),
        Axis::Classes => Some(class_name(&subject.class_names[index], index)),
    };
    let names = [name(quantity.axes.0, row), name(quantity.axes.1, column)];
    names.into_iter().flatten().collect::<Vec<_>>().join(" → ")
}

/// `class 7`, or `class 7 (sneaker)` where the name says more than the number.
pub(super) fn class_name(name: &str, class: usize) -> String {
    if name == class.to_string() { format!("class {class}") } else { format!("class {class} ({name})") }
}

/// Five digits behind the point, or powers of ten where those would show nothing or too much.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !size.is_finite() => "not finite".to_owned(),
        size if (1e-3..1e5).contains(&size) => format!("{value:.5}"),
        _ => format!("{value:.3e}"),
    }
}

/// As [`number`], in at most seven characters, for many beside each other.
pub(super) fn short_number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (1e-3..10.0).contains(&size) => format!("{value:.3}"),
        size if (10.0..100.0).contains(&size) => format!("{value:.2}"),
        size if (100.0..1e4).contains(&size) => format!("{value:.0}"),
        _ => format!("{value:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        let numbers = [0.0, -0.123_456_7, 99_999.5, 1e-10, -2e30, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(
            numbers,
            ["0", "-0.12346", "99999.50000", "1.000e-10", "-2.000e30", "not finite", "not finite"]
        );
        let short = [0.0, -0.123_456_7, -99.999, -9999.4, -1e-10, -1e-100].map(short_number);
        assert_eq!(short, ["0", "-0.123", "-100.00", "-9999", "-1e-10", "-1e-100"]);
    }

    #[test]
    fn a_class_is_named_where_its_name_says_something() {
        assert_eq!([class_name("7", 7), class_name("sneaker", 7)], ["class 7", "class 7 (sneaker)"]);
    }
}
