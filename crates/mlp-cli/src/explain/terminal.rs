//! Renders an explanation for a terminal, in sections. No line is wider than the terminal, down to
//! 80 characters.

use anstyle::Style;
use ndarray::Array2;

use super::explanation::{Explanation, Subject};
use super::quantity::Quantity;
use super::words::{
    DESCENT, INTRODUCTION, entry_name, number, prediction, short_number, step_rows, summary, verdict,
};
use crate::output::table::Table;
use crate::output::text::wrapped;
use crate::output::tiles::{Colors, Tile, columns, draw_tiles};

const HEADING: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Maximum number of entries that are listed one per line, with names.
const MAX_LISTED: usize = 16;
/// Maximum number of entries that are all shown, in a grid.
const MAX_SHOWN: usize = 200;
/// Number of largest entries shown for a larger matrix.
const LARGEST: usize = 6;
/// Maximum width of an entry name.
const NAME: usize = 30;
/// Width of the longest bar.
const BAR: usize = 30;
/// Maximum width of text.
const MEASURE: usize = 96;

/// The output terminal.
pub(crate) struct Terminal {
    pub(crate) colors: Colors,
    pub(crate) width: usize,
}

impl Terminal {
    /// Returns the introduction, a section for each quantity, and the gradient descent step. Each
    /// ends with a blank line.
    pub(crate) fn sections(&self, explanation: &Explanation, subject: &Subject) -> Vec<String> {
        let mut sections = vec![self.introduction(explanation, subject)];
        sections.extend(explanation.quantities.iter().map(|quantity| self.quantity(quantity, subject)));
        sections.push(self.descent(explanation, subject));
        sections
    }

    fn introduction(&self, explanation: &Explanation, subject: &Subject) -> String {
        let tile = Tile { pixels: &subject.pixels, width: subject.shape.width, caption: String::new() };
        let image = if columns(&tile, self.colors) <= self.width {
            draw_tiles(&[tile], self.colors, self.width)
        } else {
            format!("({} image, too wide for this terminal)\n", subject.shape)
        };
        // Truncate the start of the path, because its end is more informative.
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        let model = reversed(&elided(&reversed(&subject.model), self.width));
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
        let label = quantity.equation().map_or(String::new(), |label| format!("{label}  "));
        let [formula, shapes] = quantity.formula.lines();
        let mut text = format!("{HEADING}{label}{}{HEADING:#}\n", quantity.symbol());
        text += &format!("  {formula}\n  {QUIET}{shapes}{QUIET:#}\n{}", self.wrapped(quantity.words));
        text += &self.values(quantity, subject);
        if !quantity.checks.is_empty() {
            text.push('\n');
            text += &checks(quantity, subject);
        }
        text.push('\n');
        text
    }

    /// Shows a summary and the values, or the largest ones if there are many.
    fn values(&self, quantity: &Quantity, subject: &Subject) -> String {
        let values = &quantity.values;
        if values.len() == 1 {
            return format!("  {} = {}\n", quantity.symbol(), number(values[(0, 0)]));
        }
        let mut text = self.wrapped(&summary(quantity, subject));
        let named = |index| vec![shown_name(quantity, index, subject), number(values[index])];
        if values.nrows() == 1 && values.len() <= MAX_LISTED {
            let max = quantity.max_abs();
            text +=
                &list(values.indexed_iter().map(|(index, &v)| [named(index), vec![bar(v, max)]].concat()));
        } else if values.nrows() == 1 && values.len() <= MAX_SHOWN {
            text += &self.grid(values);
        } else {
            text += "  largest entries:\n";
            text += &list(quantity.largest(LARGEST).into_iter().map(named));
        }
        text
    }

    /// Rows of 20, 10 or 5 values, each starting with the index of its first value.
    fn grid(&self, values: &Array2<f64>) -> String {
        let numbers: Vec<String> = values.iter().map(|&value| short_number(value)).collect();
        let width = numbers.iter().map(|number| number.len() + 1).max().unwrap_or(0);
        let fits = |count: &usize| 6 + count * width <= self.width;
        let per_row = [20, 10].into_iter().find(fits).unwrap_or(5);
        let mut text = String::new();
        for (row, chunk) in numbers.chunks(per_row).enumerate() {
            let chunk: String = chunk.iter().map(|number| format!("{number:>width$}")).collect();
            text += &format!("{QUIET}{:>5}{QUIET:#} {chunk}\n", row * per_row);
        }
        text
    }

    fn descent(&self, explanation: &Explanation, subject: &Subject) -> String {
        let mut table = Table::new(["rate η", "predicted ΔJ", "actual ΔJ", "ratio", "J", "ŷ"]);
        step_rows(explanation, subject).into_iter().for_each(|row| table.row(row));
        format!(
            "{HEADING}One gradient descent step{HEADING:#}\n  θ ← θ − η ∇J   ‖∇J‖ = {}\n{}{}\n",
            number(explanation.gradient_norm),
            self.wrapped(DESCENT),
            indented(&table.to_string())
        )
    }

    /// Wraps and indents text.
    fn wrapped(&self, text: &str) -> String {
        let measure = MEASURE.min(self.width.saturating_sub(2)).max(20);
        indented(&wrapped(text, measure).join("\n"))
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Aligns rows in columns, without a header.
fn list(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::of([]);
    rows.for_each(|row| table.row(row));
    indented(table.to_string().trim_start_matches('\n'))
}

fn checks(quantity: &Quantity, subject: &Subject) -> String {
    let mut table = Table::new(["gradient check", "backward", "central diff.", "error"]);
    for check in &quantity.checks {
        let differences = check.differences.map_or("-".to_owned(), |value| format!("{value:.6e}"));
        let backward = format!("{:.6e}", check.backward);
        table.row([shown_name(quantity, check.index, subject), backward, differences, verdict(check)]);
    }
    indented(&table.to_string())
}

fn shown_name(quantity: &Quantity, index: (usize, usize), subject: &Subject) -> String {
    elided(&entry_name(quantity, index, subject), NAME)
}

/// Truncates text to one line of at most `width` characters.
fn elided(text: &str, width: usize) -> String {
    let flat: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.len() <= width {
        flat.into_iter().collect()
    } else {
        flat[..width - 1].iter().chain(&['…']).collect()
    }
}

/// A bar proportional to |value|, after a minus sign if the value is negative.
fn bar(value: f64, max: f64) -> String {
    let length = (value.abs() / max * BAR as f64).round();
    let length = if length.is_finite() { length as usize } else { 0 };
    let (sign, block) = if value < 0.0 { ("-", "░") } else { (" ", "█") };
    // Padded to equal width so that the table aligns bars on the left.
    format!("{sign}{:<BAR$}", block.repeat(length))
}
