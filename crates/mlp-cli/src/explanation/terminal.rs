//! An explanation as text for a terminal, section by section, so that somebody can read one and then go on. No line is wider than the
//! terminal, down to 80 characters.

use anstyle::Style;
use ndarray::Array2;

use super::words::{
    DESCENT, INTRODUCTION, entry_name, facts, number, prediction, ratio, short_number, verdict,
};
use super::{Explanation, Quantity, Subject};
use crate::output::table::{Table, percent, three_digits};
use crate::output::text::wrapped;
use crate::output::tiles::{Colors, Tile, columns, draw_tiles};

const HEADING: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// As many entries as are shown one under the other, with their names.
const LISTED: usize = 16;
/// As many as are shown at all; of more, the largest.
const SHOWN: usize = 200;
/// The largest entries of a matrix that is too large to be shown.
const LARGEST: usize = 6;
/// Characters of the longest name of an entry.
const NAME: usize = 30;
/// Characters of a whole bar.
const BAR: usize = 30;
/// Words are broken at this width, or at the terminal's.
const MEASURE: usize = 96;

/// What the text is for.
pub(crate) struct Terminal {
    pub(crate) colors: Colors,
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
        let tile = Tile { pixels: &subject.pixels, width: subject.shape.width, caption: String::new() };
        let image = if columns(&tile, self.colors) <= self.width {
            draw_tiles(&[tile], self.colors, self.width)
        } else {
            format!("an image of {}, too wide to be drawn here\n", subject.shape)
        };
        // Of a path the end says more than the beginning.
        let model = from_end(&subject.model, self.width);
        let lines = [&subject.network, &subject.place].map(|line| elided(line, self.width)).join("\n");
        let label = elided(&format!("label  {}", subject.class_names[subject.label]), self.width);
        let prediction = elided(&format!("prediction  {}", prediction(explanation, subject)), self.width);
        let remarks: String = subject.remarks.iter().map(|remark| self.wrapped(remark)).collect();
        format!(
            "{HEADING}{model}{HEADING:#}\n{lines}\n\n{image}\n{label}\n{prediction}\n\n{}{remarks}\n",
            self.wrapped(INTRODUCTION)
        )
    }

    fn quantity(&self, quantity: &Quantity, subject: &Subject) -> String {
        let label = quantity.equation.map_or(String::new(), |label| format!("{label}  "));
        let [formula, shapes] = quantity.formula.lines();
        let mut text = format!("{HEADING}{label}{}{HEADING:#}\n", quantity.symbol);
        text += &format!("  {formula}\n  {QUIET}{shapes}{QUIET:#}\n{}", self.wrapped(&quantity.words));
        text += &self.values(quantity, subject);
        if !quantity.checks.is_empty() {
            text.push('\n');
            text += &checks(quantity, subject);
        }
        text.push('\n');
        text
    }

    /// The numbers: all of them where they are few, and else what they are like and which are the largest.
    fn values(&self, quantity: &Quantity, subject: &Subject) -> String {
        let values = &quantity.values;
        if values.len() == 1 {
            return format!("  {} = {}\n", quantity.symbol, number(values[(0, 0)]));
        }
        let mut text = self.wrapped(&facts(quantity, subject));
        if values.nrows() == 1 && values.len() <= LISTED {
            let most = values.fold(0.0_f64, |most, value| most.max(value.abs()));
            text += &list(values.indexed_iter().map(|(index, &value)| {
                [shown_name(quantity, index, subject), number(value), bar(value, most)]
            }));
        } else if values.nrows() == 1 && values.len() <= SHOWN {
            text += &self.grid(values);
        } else {
            text += "  the largest:\n";
            let largest = quantity.largest(LARGEST).into_iter();
            text += &list(
                largest.map(|index| [shown_name(quantity, index, subject), number(quantity.values[index])]),
            );
        }
        text
    }

    /// Rows of twenty, ten or five, with the number of the first in front.
    fn grid(&self, values: &Array2<f64>) -> String {
        let numbers: Vec<String> = values.iter().map(|&value| short_number(value)).collect();
        let widest = numbers.iter().map(|number| number.len() + 1).max().unwrap_or(0);
        let fits = |count: &usize| 6 + count * widest <= self.width;
        let in_a_row = [20, 10].into_iter().find(fits).unwrap_or(5);
        let mut text = String::new();
        for (row, chunk) in numbers.chunks(in_a_row).enumerate() {
            let chunk: String = chunk.iter().map(|number| format!("{number:>widest$}")).collect();
            text += &format!("{QUIET}{:>5}{QUIET:#} {chunk}\n", row * in_a_row);
        }
        text
    }

    fn descent(&self, explanation: &Explanation, subject: &Subject) -> String {
        let mut table = Table::new(["  rate η", "predicted", "actual", "actual/predicted", "J", "ŷ"]);
        let nothing = String::new;
        table.row([
            "  before".to_owned(),
            nothing(),
            nothing(),
            nothing(),
            number(explanation.loss),
            percent(explanation.probabilities[subject.label]),
        ]);
        for step in &explanation.steps {
            table.row([
                format!("  {}", three_digits(step.learning_rate)),
                number(step.predicted),
                number(step.actual),
                ratio(step),
                number(step.loss),
                percent(step.probability),
            ]);
        }
        format!(
            "{HEADING}One step of descent{HEADING:#}\n  θ ← θ − η ∇J   ‖∇J‖ = {}\n{}{table}\n",
            number(explanation.gradient_norm),
            self.wrapped(DESCENT)
        )
    }

    /// Words in lines that are not too long to read.
    fn wrapped(&self, words: &str) -> String {
        let measure = MEASURE.min(self.width.saturating_sub(2)).max(20);
        wrapped(words, measure).into_iter().map(|line| format!("  {line}\n")).collect()
    }
}

/// Rows in columns, without a header.
fn list<R: IntoIterator<Item = String>>(rows: impl Iterator<Item = R>) -> String {
    let mut table = Table::of([]);
    rows.for_each(|row| table.row(row));
    table.to_string().trim_start_matches('\n').to_owned()
}

fn checks(quantity: &Quantity, subject: &Subject) -> String {
    let mut table = Table::new(["  checked", "backward", "differences", "error"]);
    for check in &quantity.checks {
        let differences = check.differences.map_or("-".to_owned(), |value| format!("{value:.6e}"));
        let backward = format!("{:.6e}", check.backward);
        table.row([shown_name(quantity, check.index, subject), backward, differences, verdict(check)]);
    }
    table.to_string()
}

fn shown_name(quantity: &Quantity, index: (usize, usize), subject: &Subject) -> String {
    format!("  {}", elided(&entry_name(quantity, index, subject), NAME))
}

/// One line of at most so many characters.
fn elided(text: &str, width: usize) -> String {
    let flat: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.len() <= width {
        flat.into_iter().collect()
    } else {
        flat[..width - 1].iter().chain(&['…']).collect()
    }
}

/// As [`elided`], with the end of the text.
fn from_end(text: &str, width: usize) -> String {
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    reversed(&elided(&reversed(text), width))
}

/// A bar as long as the value is large, beginning with a sign where it is negative.
fn bar(value: f64, most: f64) -> String {
    let length = (value.abs() / most * BAR as f64).round();
    let length = if length.is_finite() { length as usize } else { 0 };
    let (sign, block) = if value < 0.0 { ("-", "░") } else { (" ", "█") };
    // As wide as the longest, so that a table sets it to the left.
    format!("{sign}{:<BAR$}", block.repeat(length))
}
