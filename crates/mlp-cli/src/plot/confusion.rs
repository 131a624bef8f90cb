//! The confusion matrix plot.

use mlp_train::ConfusionMatrix;

use super::drawing::{Anchor, Drawing, EDGE, Font, HEADING, Ink, NOTE, TITLE};
use super::text;
use crate::output::table::{counted, thousands};

/// Width of the matrix, unless its cells would be too small or too large.
const SIDE: f64 = 560.0;
/// Minimum and maximum size of a cell.
const CELL: (f64, f64) = (13.0, 56.0);
/// Minimum size of a cell that shows its count.
const READABLE: f64 = 24.0;
/// Maximum width of a class name.
const NAMES: f64 = 150.0;

/// Plots a confusion matrix: rows are true classes, columns are predicted classes. Correct
/// predictions are green and errors orange, on separate scales, because errors would be invisible
/// next to the diagonal.
pub(crate) fn confusion(confusion: &ConfusionMatrix, names: &[String], set: &str) -> Drawing {
    let title = &*format!("Confusion matrix on {set}");
    let classes = confusion.classes();
    let cell = (SIDE / classes as f64).clamp(CELL.0, CELL.1);
    let name_size = cell.clamp(9.0, 13.0);
    let widest = names.iter().map(|name| text::width(name, name_size)).fold(0.0, f64::max).min(NAMES);
    // Names wider than their column are rotated.
    let is_level = widest <= cell - 4.0;
    let above = if is_level { name_size } else { widest };
    let (left, top) = (EDGE + 26.0 + widest, EDGE + 74.0 + above);
    let side = cell * classes as f64;
    let width = (left + side + EDGE).max(EDGE * 2.0 + text::width(title, TITLE.size));
    let mut drawing = Drawing::new(title, width, top + side + EDGE);
    drawing.heading((EDGE, HEADING), title, &counts(confusion), width);
    drawing.text((left, top - above - 14.0), "Predicted class", NOTE);
    drawing.text_upwards((EDGE + 8.0, top + side / 2.0), "True class", NOTE.anchored(Anchor::Middle));
    let at = |row: usize, column: usize| (left + cell * column as f64, top + cell * row as f64);
    let cells = || (0..classes).flat_map(|row| (0..classes).map(move |column| (row, column)));
    let most = |is_right: bool| {
        let kind = cells().filter(|(row, column)| (row == column) == is_right);
        kind.map(|(row, column)| confusion.count(row, column)).max().unwrap_or(0)
    };
    let (right, wrong) = (most(true), most(false));
    for (class, name) in names.iter().enumerate().take(classes) {
        let name = text::fit(name, name_size, NAMES);
        let font = Font { size: name_size, anchor: Anchor::End, ink: Ink::Text };
        let middle = 0.5 * cell + 0.35 * name_size;
        drawing.text((left - 6.0, at(class, 0).1 + middle), &name, font);
        let x = at(0, class).0;
        if is_level {
            drawing.text((x + 0.5 * cell, top - 6.0), &name, font.anchored(Anchor::Middle));
        } else {
            drawing.text_upwards((x + middle, top - 6.0), &name, font.anchored(Anchor::Start));
        }
    }
    for (row, column) in cells() {
        let (count, place) = (confusion.count(row, column), at(row, column));
        let size = (cell - 1.0, cell - 1.0);
        drawing.cell(place, size, Ink::Grid, 0.5);
        if count == 0 {
            continue;
        }
        // The square root keeps a single error visible next to a hundred.
        let strength = |most: u64| (count as f64 / most as f64).sqrt();
        if row == column {
            drawing.cell(place, size, Ink::Palette(2), 0.45 * strength(right));
        } else {
            drawing.cell(place, size, Ink::Palette(1), 0.1 + 0.75 * strength(wrong));
        }
        if cell >= READABLE {
            let number = count.to_string();
            let size = (0.32 * cell).min(13.0).min(0.8 * cell / text::width(&number, 1.0));
            let at = (place.0 + cell / 2.0, place.1 + cell / 2.0 + 0.35 * size);
            drawing.text(at, &number, Font { size, anchor: Anchor::Middle, ink: Ink::Text });
        }
    }
    drawing
}

fn counts(confusion: &ConfusionMatrix) -> String {
    let all: u64 = (0..confusion.classes()).flat_map(|label| confusion.row(label)).sum();
    let right: u64 = (0..confusion.classes()).map(|class| confusion.count(class, class)).sum();
    let wrong = counted((all - right) as usize, "error");
    format!("{} of {} correct, {wrong}", thousands(right as usize), thousands(all as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(classes: usize) -> (ConfusionMatrix, Vec<String>) {
        let mut matrix = ConfusionMatrix::new(classes);
        for label in 0..classes {
            (0..=label).for_each(|_| matrix.add(label, label));
            matrix.add(label, 0);
        }
        (matrix, (0..classes).map(|class| format!("<{class}>")).collect())
    }

    #[test]
    fn every_nonzero_count_is_in_its_cell() {
        let (matrix, names) = matrix(3);
        let texts = confusion(&matrix, &names, "test").texts();
        assert_eq!(texts.iter().filter(|text| *text == "<1>").count(), 2, "{texts:?}");
        // By row: 2 in (0, 0); 1 and 2 in row 1; 1 and 3 in row 2.
        let numbers: Vec<_> = texts.iter().filter(|text| text.parse::<u64>().is_ok()).collect();
        assert_eq!(numbers, ["2", "1", "2", "1", "3"]);
        assert!(texts.contains(&"7 of 9 correct, 2 errors".to_owned()), "{texts:?}");
    }

    #[test]
    fn one_class_and_many_classes_can_be_plotted() {
        for classes in [1, 62, 256] {
            let (matrix, names) = matrix(classes);
            assert!(confusion(&matrix, &names, "").png().is_ok(), "{classes}");
        }
        let (_, names) = matrix(2);
        assert!(confusion(&ConfusionMatrix::new(2), &names, "empty").png().is_ok());
    }
}
