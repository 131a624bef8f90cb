//! Text shared by the terminal and the page: sentences, numbers, entry names, and table rows.

use super::check::{Check, Finding};
use super::explanation::{Explanation, Subject};
use super::quantity::{Axis, Quantity};
use crate::output::table::{percent, three_digits};

/// Introduces X, Y and the two passes.
pub(super) const INTRODUCTION: &str = "X is the image as a row of pixels between 0 and 1, and Y is the \
    one-hot label. The forward pass computes the loss J from X. The backward pass computes the gradient of J \
    with respect to every parameter. The shape of each matrix is shown below it.";

/// Explains the table of steps.
pub(super) const DESCENT: &str = "To first order, the step changes the loss of this example by −η‖∇J‖². The \
    smaller the step, the closer the ratio of the actual to the predicted change is to 1. J and the probability \
    ŷ of the correct class are measured after the step. Every step starts from the same parameters.";

/// `2 (98.13%), correct`.
pub(super) fn prediction(explanation: &Explanation, subject: &Subject) -> String {
    format!(
        "{} ({}), {}",
        subject.class_names[explanation.prediction],
        percent(explanation.probabilities[explanation.prediction]),
        if explanation.prediction == subject.label { "correct" } else { "wrong" }
    )
}

/// Summarizes the norm, the range and the number of zeros.
pub(super) fn summary(quantity: &Quantity, subject: &Subject) -> String {
    let values = &quantity.values;
    let extreme = |is_better: fn(f64, f64) -> bool| {
        let best =
            values.indexed_iter().reduce(|best, next| if is_better(*next.1, *best.1) { next } else { best });
        let (index, value) = best.expect("a layer has units");
        format!("{} ({})", number(*value), entry_name(quantity, index, subject))
    };
    let (min, max) = (extreme(|a, b| a < b), extreme(|a, b| a > b));
    let zeros = match values.iter().filter(|value| **value == 0.0).count() {
        0 => String::new(),
        zeros => format!(", {zeros} of {} are 0", values.len()),
    };
    format!("norm {}, from {min} to {max}{zeros}", number(quantity.norm()))
}

/// The relative error of a check, or why it is inconclusive.
pub(super) fn verdict(check: &Check) -> String {
    let error = check.relative_error().map_or(String::new(), |error| format!("{error:.0e}"));
    match check.finding() {
        Finding::Agrees => error,
        Finding::Disagrees => format!("{error} DISAGREES"),
        Finding::AcrossKink => "across a kink".to_owned(),
        Finding::RoundedAway => "rounded away".to_owned(),
    }
}

/// The rows of the table of steps.
pub(super) fn step_rows(explanation: &Explanation, subject: &Subject) -> Vec<Vec<String>> {
    let empty = String::new;
    let before = percent(explanation.probabilities[subject.label]);
    let mut rows =
        vec![vec!["before".to_owned(), empty(), empty(), empty(), number(explanation.loss), before]];
    rows.extend(explanation.steps.iter().map(|step| {
        let ratio = step.actual / step.predicted;
        vec![
            three_digits(step.learning_rate),
            number(step.predicted),
            number(step.actual),
            if ratio.is_finite() { format!("{ratio:.4}") } else { "-".to_owned() },
            number(step.loss),
            percent(step.probability),
        ]
    }));
    rows
}

/// The name of an entry, lower layer first: `pixel (14, 9) → unit 17`, `class 3`.
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

/// `class 7`, or `class 7 (sneaker)` if the name is more than the number.
pub(super) fn class_name(name: &str, class: usize) -> String {
    if name == class.to_string() { format!("class {class}") } else { format!("class {class} ({name})") }
}

/// Formats a number with five decimals, or in scientific notation if it is very small or large.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !size.is_finite() => "not finite".to_owned(),
        size if (1e-3..1e5).contains(&size) => format!("{value:.5}"),
        _ => format!("{value:.3e}"),
    }
}

/// Formats a number in at most seven characters.
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
    fn numbers_have_meaningful_digits() {
        let numbers = [0.0, -0.123_456_7, 99_999.5, 1e-10, -2e30, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(
            numbers,
            ["0", "-0.12346", "99999.50000", "1.000e-10", "-2.000e30", "not finite", "not finite"]
        );
        let short = [0.0, -0.123_456_7, -99.999, -9999.4, -1e-10, -1e-100].map(short_number);
        assert_eq!(short, ["0", "-0.123", "-100.00", "-9999", "-1e-10", "-1e-100"]);
    }

    #[test]
    fn class_names_are_shown_unless_they_are_numbers() {
        assert_eq!([class_name("7", 7), class_name("sneaker", 7)], ["class 7", "class 7 (sneaker)"]);
    }
}
