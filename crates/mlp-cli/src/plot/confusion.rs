//! Who was taken for whom: the confusion matrix as a field of cells.

use mlp_train::ConfusionMatrix;

use super::drawing::Drawing;
use super::svg::{Anchor, Font, Ink, Svg};
use super::text;
use crate::table::thousands;

const EDGE: f64 = 24.0;
/// The side that the whole matrix has, before cells become too small or too large.
const FIELD: f64 = 560.0;
/// The smallest and the largest cell.
const CELL: (f64, f64) = (13.0, 56.0);
/// A cell that is smaller holds no number.
const READABLE: f64 = 24.0;
/// The most room that the names of classes get.
const NAMES: f64 = 150.0;

const TITLE: Font = Font { size: 17.0, anchor: Anchor::Start, ink: Ink::Text };
const NOTE: Font = Font { size: 13.0, anchor: Anchor::Start, ink: Ink::Muted };

/// Rows are classes, columns are predictions. What is right is green, what is wrong orange, each the stronger the more there is of it in its kind:
/// on one scale the diagonal would leave nothing to see of the mistakes.
pub(crate) fn confusion(confusion: &ConfusionMatrix, names: &[String], title: &str) -> Drawing {
    let classes = confusion.classes();
    let cell = (FIELD / classes as f64).clamp(CELL.0, CELL.1);
    let name_size = cell.clamp(9.0, 13.0);
    let widest = names.iter().map(|name| text::width(name, name_size)).fold(0.0, f64::max).min(NAMES);
    // Names that fit over their column lie there; longer ones stand.
    let is_upright = widest <= cell - 4.0;
    let above = if is_upright { name_size } else { widest };
    let (left, top) = (EDGE + 26.0 + widest, EDGE + 74.0 + above);
    let side = cell * classes as f64;
    let heading = EDGE + 14.0;
    let width = (left + side + EDGE).max(EDGE * 2.0 + text::width(title, TITLE.size));
    let mut svg = Svg::new(width, top + side + EDGE);
    svg.text((EDGE, heading), title, TITLE);
    svg.text((EDGE, heading + 20.0), &counts(confusion), NOTE);
    svg.text((left, top - above - 14.0), "prediction", NOTE);
    svg.text_upwards((EDGE + 8.0, top + side / 2.0), "class", Font { anchor: Anchor::Middle, ..NOTE });
    let at = |row: usize, column: usize| (left + cell * column as f64, top + cell * row as f64);
    let strongest = |is_right: bool| {
        let cells = (0..classes).flat_map(|row| (0..classes).map(move |column| (row, column)));
        cells
            .filter(|(row, column)| (row == column) == is_right)
            .map(|(r, c)| confusion.count(r, c))
            .max()
            .unwrap_or(0)
    };
    let (right, wrong) = (strongest(true), strongest(false));
    for (row, name) in names.iter().enumerate().take(classes) {
        let name = text::fit(name, name_size, NAMES);
        let font = Font { size: name_size, anchor: Anchor::End, ink: Ink::Text };
        let middle = 0.5 * cell + 0.35 * name_size;
        svg.text((left - 6.0, at(row, 0).1 + middle), &name, font);
        if is_upright {
            let center = at(0, row).0 + 0.5 * cell;
            svg.text((center, top - 6.0), &name, Font { anchor: Anchor::Middle, ..font });
        } else {
            svg.text_upwards(
                (at(0, row).0 + middle, top - 6.0),
                &name,
                Font { anchor: Anchor::Start, ..font },
            );
        }
        for column in 0..classes {
            let (count, place) = (confusion.count(row, column), at(row, column));
            let (ink, most) = if row == column { (Ink::Palette(2), right) } else { (Ink::Palette(1), wrong) };
            let size = (cell - 1.0, cell - 1.0);
            svg.cell(place, size, Ink::Grid, 0.5);
            if count == 0 {
                continue;
            }
            // Square roots, so that a single mistake shows beside a hundred.
            let strength = (count as f64 / most as f64).sqrt();
            svg.cell(place, size, ink, if row == column { 0.45 * strength } else { 0.1 + 0.75 * strength });
            if cell >= READABLE {
                let size = (0.32 * cell).min(13.0).min(0.8 * cell / text::width(&count.to_string(), 1.0));
                let font = Font { size, anchor: Anchor::Middle, ink: Ink::Text };
                svg.text(
                    (place.0 + cell / 2.0, place.1 + cell / 2.0 + 0.35 * size),
                    &count.to_string(),
                    font,
                );
            }
        }
    }
    Drawing::new(svg, title)
}

fn counts(confusion: &ConfusionMatrix) -> String {
    let all: u64 = (0..confusion.classes()).flat_map(|label| confusion.row(label)).sum();
    let right: u64 = (0..confusion.classes()).map(|class| confusion.count(class, class)).sum();
    let [right, wrong, all] = [right, all - right, all].map(|count| thousands(count as usize));
    format!("{right} of {all} right, {wrong} mistakes")
}

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree::Document;

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
    fn every_count_that_is_not_zero_stands_in_its_cell() {
        let (matrix, names) = matrix(3);
        let drawing = confusion(&matrix, &names, "who is who");
        let document = Document::parse(drawing.svg()).unwrap();
        let texts: Vec<_> =
            document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        assert_eq!(texts.iter().filter(|text| **text == "<1>").count(), 2, "{texts:?}");
        // 0 as 0 twice, 1 as 0 once and as 1 twice, 2 as 0 once and as 2 three times.
        let numbers: Vec<_> = texts.iter().filter(|text| text.parse::<u64>().is_ok()).copied().collect();
        assert_eq!(numbers, ["2", "1", "2", "1", "3"]);
        assert!(texts.contains(&"7 of 9 right, 2 mistakes"), "{texts:?}");
    }

    #[test]
    fn one_class_and_many_can_be_drawn() {
        for classes in [1, 62, 256] {
            let (matrix, names) = matrix(classes);
            assert!(confusion(&matrix, &names, "").png().is_ok(), "{classes}");
        }
        let (_, names) = matrix(2);
        assert!(confusion(&ConfusionMatrix::new(2), &names, "empty").png().is_ok());
    }
}
