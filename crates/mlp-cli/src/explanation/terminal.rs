//! An explanation as text for a terminal, section by section, so that somebody can read one and then go on.

use anstyle::Style;
use ndarray::Array2;

use super::{Axis, Check, Explanation, Quantity, Step, Subject};
use crate::plot::{Colours, Tile, draw_tiles};
use crate::table::{Table, percent};

const HEADING: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// As many entries as are shown one under the other, with their names.
const LISTED: usize = 16;
/// As many as are shown at all; of more, the largest.
const SHOWN: usize = 128;
/// The largest entries of a matrix that is too large to be shown.
const LARGEST: usize = 6;
/// Numbers in a row of many.
const IN_A_ROW: usize = 10;
/// Characters of a whole bar.
const BAR: usize = 30;
/// Words are broken at this width, or at the terminal's.
const MEASURE: usize = 96;

/// What the text is for.
pub(crate) struct Terminal {
    pub(crate) colours: Colours,
    pub(crate) width: usize,
}

impl Terminal {
    /// The beginning, a section for each quantity, and the step of descent; each ends in an empty line.
    pub(crate) fn sections(&self, explanation: &Explanation, subject: &Subject) -> Vec<String> {
        let mut sections = vec![self.beginning(explanation, subject)];
        sections.extend(explanation.quantities.iter().map(|quantity| self.quantity(quantity, subject)));
        sections.push(self.descent(explanation, subject));
        sections
    }

    fn beginning(&self, explanation: &Explanation, subject: &Subject) -> String {
        let name = |class: usize| &subject.class_names[class];
        let tile = Tile { pixels: &subject.pixels, width: subject.shape.width, caption: String::new() };
        let verdict = if explanation.guess == subject.label { "right" } else { "wrong" };
        format!(
            "{HEADING}{}, {}{HEADING:#}\n{}\n\n{}\n\
             label  {}\nguess  {}, {} certain: {verdict}\n\n{}\n",
            subject.model,
            subject.network,
            subject.place,
            draw_tiles(&[tile], self.colours, self.width),
            name(subject.label),
            name(explanation.guess),
            percent(explanation.probabilities[explanation.guess]),
            self.wrapped(
                "X is this image as one row, each pixel from 0 to 1; Y is 1 at the class of the label and 0 elsewhere. First the \
                 forward pass, from X to the loss J, then the backward pass, from the loss to the gradient of every parameter. \
                 Under each matrix stands its shape."
            )
        )
    }

    fn quantity(&self, quantity: &Quantity, subject: &Subject) -> String {
        let label = quantity.equation.map_or(String::new(), |label| format!("{label}  "));
        let [formula, shapes] = quantity.formula.lines();
        let mut text = format!("{HEADING}{label}{}{HEADING:#}\n", quantity.symbol);
        text += &format!("  {formula}\n  {QUIET}{shapes}{QUIET:#}\n{}", self.wrapped(&quantity.words));
        text += &values(quantity, subject);
        if !quantity.checks.is_empty() {
            text.push('\n');
            text += &checks(quantity, subject);
        }
        text.push('\n');
        text
    }

    fn descent(&self, explanation: &Explanation, subject: &Subject) -> String {
        let mut table = Table::new(["  learning rate η", "predicted", "actual", "actual/predicted", "J", "ŷ"]);
        table.row([
            "  before".to_owned(),
            String::new(),
            String::new(),
            String::new(),
            number(explanation.loss),
            percent(explanation.probabilities[subject.label]),
        ]);
        for step in &explanation.steps {
            table.row([
                format!("  {}", step.learning_rate),
                number(step.predicted),
                number(step.actual),
                ratio(step),
                number(step.loss),
                percent(step.probability),
            ]);
        }
        format!(
            "{HEADING}One step of descent{HEADING:#}\n  θ ← θ − η ∇J   ‖∇J‖ = {}\n{}{table}",
            number(explanation.gradient_norm),
            self.wrapped(
                "To first order the step changes the loss of this example by −η‖∇J‖². That is the slope of J along the step: the \
                 smaller the step, the nearer to 1 is the actual change over the predicted one. What J and the probability ŷ of the \
                 right class would be after the step is found by taking it."
            )
        )
    }

    /// Words in lines that are not too long to read.
    fn wrapped(&self, words: &str) -> String {
        let measure = MEASURE.min(self.width.saturating_sub(2)).max(20);
        let (mut text, mut line) = (String::new(), String::new());
        for word in words.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > measure {
                text += &format!("  {line}\n");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        text + &format!("  {line}\n")
    }
}

/// The numbers: all of them where they are few, and else what they are like and which are the largest.
fn values(quantity: &Quantity, subject: &Subject) -> String {
    let values = &quantity.values;
    if values.len() == 1 {
        return format!("  {} = {}\n", quantity.symbol, number(values[(0, 0)]));
    }
    let mut text = format!("  {}\n", facts(quantity, subject));
    if values.nrows() == 1 && values.len() <= LISTED {
        let mut table = Table::new([""]);
        let most = values.fold(0.0_f64, |most, value| most.max(value.abs()));
        for ((_, column), &value) in values.indexed_iter() {
            table.row([format!("  {}", entry_name(quantity, (0, column), subject)), number(value), bar(value, most)]);
        }
        text += table.to_string().trim_start_matches('\n');
    } else if values.nrows() == 1 && values.len() <= SHOWN {
        text += &grid(values);
    } else {
        let mut table = Table::new([""]);
        for index in quantity.largest(LARGEST) {
            table.row([format!("  {}", entry_name(quantity, index, subject)), number(values[index])]);
        }
        text += "  the largest:";
        text += &table.to_string();
    }
    text
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

/// Rows of ten, with the number of the first in front.
fn grid(values: &Array2<f64>) -> String {
    let mut table = Table::of([""].into_iter().chain((0..IN_A_ROW).map(|_| "")));
    let numbers: Vec<String> = values.iter().map(|&value| short_number(value)).collect();
    for (row, chunk) in numbers.chunks(IN_A_ROW).enumerate() {
        let first = row * IN_A_ROW;
        table.row([format!("  {first:>3}")].into_iter().chain(chunk.iter().cloned()));
    }
    table.to_string().trim_start_matches('\n').to_owned()
}

fn checks(quantity: &Quantity, subject: &Subject) -> String {
    let mut table = Table::new(["  checked", "backward pass", "differences", "relative error"]);
    for check in &quantity.checks {
        let differences = check.differences.map_or("-".to_owned(), |value| format!("{value:.9e}"));
        table.row([
            format!("  {}", entry_name(quantity, check.index, subject)),
            format!("{:.9e}", check.backward),
            differences,
            verdict(check),
        ]);
    }
    table.to_string()
}

/// What a check found, in words where a number does not say it.
pub(super) fn verdict(check: &Check) -> String {
    match (check.relative_error(), check.agrees()) {
        (Some(error), Some(true)) => format!("{error:.0e}"),
        (Some(error), _) => format!("{error:.0e} DISAGREES"),
        (None, _) => "across a kink".to_owned(),
    }
}

/// The actual change over the predicted one.
pub(super) fn ratio(step: &Step) -> String {
    let ratio = step.actual / step.predicted;
    if ratio.is_finite() { format!("{ratio:.4}") } else { "-".to_owned() }
}

/// What an entry belongs to: `pixel (14, 9) → unit 17`, `class 3`.
pub(super) fn entry_name(quantity: &Quantity, (row, column): (usize, usize), subject: &Subject) -> String {
    let are_both_units = matches!(quantity.axes, (Axis::Units(_), Axis::Units(_)));
    let name = |axis: Axis, index: usize| match axis {
        Axis::One => None,
        Axis::Pixels => Some(format!("pixel ({}, {})", index / subject.shape.width, index % subject.shape.width)),
        // Only where rows and columns are both units do their layers need a name.
        Axis::Units(layer) if are_both_units => Some(format!("unit {index} of H^{layer}")),
        Axis::Units(_) => Some(format!("unit {index}")),
        Axis::Classes => Some(class_name(&subject.class_names[index], index)),
    };
    let names = [name(quantity.axes.0, row), name(quantity.axes.1, column)];
    names.into_iter().flatten().collect::<Vec<_>>().join(" → ")
}

/// `class 7`, or `class 7 (sneaker)` where the name says more than the number.
pub(super) fn class_name(name: &str, class: usize) -> String {
    if name == class.to_string() { format!("class {class}") } else { format!("class {class} ({name})") }
}

/// Four digits behind the point, or powers of ten where those would show nothing or too much.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 => "0".to_owned(),
        size if (1e-3..1e5).contains(&size) => format!("{value:.5}"),
        _ => format!("{value:.3e}"),
    }
}

/// As [`number`], for many beside each other.
pub(super) fn short_number(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 => "0".to_owned(),
        size if (1e-2..1e3).contains(&size) => format!("{value:.3}"),
        _ => format!("{value:.0e}"),
    }
}

/// A bar as long as the value is large, beginning with a sign where it is negative.
fn bar(value: f64, most: f64) -> String {
    let length = (value.abs() / most * BAR as f64).round();
    let length = if length.is_finite() { length as usize } else { 0 };
    let (sign, block) = if value < 0.0 { ("-", "░") } else { (" ", "█") };
    // As wide as the longest, so that a table sets it to the left.
    format!("{sign}{:<BAR$}", block.repeat(length))
}
