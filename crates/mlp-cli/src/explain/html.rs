//! Renders an explanation as an HTML page: the sections of the terminal, plus all values of a row
//! and matrices as images.

use maud::{Markup, html};
use ndarray::Array2;

use super::explanation::{Explanation, Subject};
use super::quantity::{Axis, Quantity};
use super::typeset::{formula, text};
use super::words::{
    DESCENT, INTRODUCTION, class_name, entry_name, number, prediction, short_number, step_rows, summary,
    verdict,
};
use crate::plot::Raster;
use crate::report::page;

/// Maximum number of units shown as one image each.
const MAX_TILES: usize = 128;
/// Maximum number of entries in an image of a matrix. A screen has fewer pixels.
const MAX_CELLS: usize = 1 << 20;
/// Maximum number of values in the table of all values.
const MAX_VALUES: usize = 4096;
/// Number of values per row of that table.
const PER_ROW: usize = 10;
/// Number of largest entries listed for a matrix.
const LARGEST: usize = 8;

/// Renders the page.
pub(crate) fn page(explanation: &Explanation, subject: &Subject) -> String {
    let content = html! {
        (introduction(explanation, subject))
        @for quantity in &explanation.quantities { (section(quantity, subject)) }
        (descent(explanation, subject))
    };
    page::page(&format!("{}: {}", subject.model, subject.place), &content)
}

fn introduction(explanation: &Explanation, subject: &Subject) -> Markup {
    let label = &subject.class_names[subject.label];
    let image = Raster::gray(subject.shape.width, &subject.pixels).to_uri();
    html! {
        h1 { "Forward and backward pass of one example" }
        p.lead { (subject.place) br; (subject.model) br; (subject.network) }
        div.beside {
            img.digit src=(image) alt={ "Image of class " (label) };
            div {
                p { "Label: " b { (label) } br; "Prediction: " b { (prediction(explanation, subject)) } }
                p {
                    (INTRODUCTION)
                    " The labels G1 to G7 refer to the derivation in the documentation of mlp-core."
                }
                p.muted {
                    "In the images, " b.plus { "orange" } " is positive and " b.minus { "blue" } " is negative."
                }
                @for remark in &subject.remarks { p { (remark) } }
            }
        }
    }
}

fn section(quantity: &Quantity, subject: &Subject) -> Markup {
    html! {
        section {
            h2 {
                @if let Some(equation) = quantity.equation() { span.label { (equation) } }
                (text(quantity.symbol()))
            }
            (formula(&quantity.formula))
            p { (quantity.words) }
            (values(quantity, subject))
            @if !quantity.checks.is_empty() { (checks(quantity, subject)) }
        }
    }
}

fn values(quantity: &Quantity, subject: &Subject) -> Markup {
    let values = &quantity.values;
    if values.len() == 1 {
        return html! { p { (text(quantity.symbol())) " = " b { (number(values[(0, 0)])) } } };
    }
    html! {
        p.muted { (summary(quantity, subject)) }
        @match quantity.axes {
            (Axis::One, Axis::Classes) => (bars(quantity, subject)),
            (Axis::Pixels, _) => (tiles(quantity, subject)),
            _ => (cells(quantity)),
        }
        @if values.nrows() > 1 { (largest(quantity, subject)) }
        @else if quantity.axes.1 != Axis::Classes && values.len() <= MAX_VALUES { (all(values)) }
    }
}

/// A table with one row per class.
fn bars(quantity: &Quantity, subject: &Subject) -> Markup {
    let row = quantity.values.row(0);
    let max = quantity.max_abs();
    // The position of 0, in percent of the width.
    let zero = if row.iter().any(|&value| value < 0.0) { 50.0 } else { 0.0 };
    let style = |value: f64| {
        let side = if value < 0.0 { "right" } else { "left" };
        let length = if max > 0.0 { value.abs() / max * (100.0 - zero) } else { 0.0 };
        format!("{side}:{zero}%;width:{length:.2}%")
    };
    html! {
        div.scroll {
            table {
                @for (class, &value) in row.iter().enumerate() {
                    tr.chosen[class == subject.label] {
                        td { (class_name(&subject.class_names[class], class)) }
                        td { (number(value)) }
                        td.bar { span.track { i.minus[value < 0.0] style=(style(value)) {} } }
                    }
                }
            }
        }
    }
}

/// The matrix as one image, transposed because matrices are tall and screens are wide.
fn cells(quantity: &Quantity) -> Markup {
    let values = &quantity.values;
    if values.len() > MAX_CELLS {
        return html! {};
    }
    let (rows, columns) = values.dim();
    let (cells, width, height) =
        if rows == 1 { (values.view(), columns, 1) } else { (values.t(), rows, columns) };
    let caption = if rows == 1 {
        "One cell per unit, in order.".to_owned()
    } else {
        format!("The transposed matrix ({columns}×{rows}).")
    };
    let max = quantity.max_abs();
    let image = Raster::signed(width, &cells.iter().copied().collect::<Vec<f64>>(), max).to_uri();
    html! {
        figure {
            img.cells
                src=(image)
                style={ "height:" ((height * 14).clamp(28, 420)) "px" }
                alt={ (quantity.symbol()) " as an image" };
            figcaption { (caption) " Full color is ±" (number(max)) "." }
        }
    }
}

/// Each column as an image with one value per pixel. If there are too many, the columns with the
/// largest entries.
fn tiles(quantity: &Quantity, subject: &Subject) -> Markup {
    let values = &quantity.values;
    let total = values.ncols();
    let mut columns: Vec<usize> = (0..total).collect();
    if total > MAX_TILES {
        let max_abs =
            |column: &usize| values.column(*column).fold(0.0_f64, |max, value| max.max(value.abs()));
        columns.sort_by(|a, b| max_abs(b).total_cmp(&max_abs(a)));
        columns.truncate(MAX_TILES);
    }
    let max = quantity.max_abs();
    let image = |column| Raster::signed(subject.shape.width, &values.column(column).to_vec(), max).to_uri();
    html! {
        figure {
            div.tiles {
                @for &column in &columns {
                    figure { img src=(image(column)) alt={ "column " (column) }; figcaption { (column) } }
                }
            }
            figcaption {
                @if total > MAX_TILES {
                    "The " (MAX_TILES) " of " (total) " columns with the largest entries,"
                } @else {
                    "Each column of the matrix"
                }
                " as an image. Full color is ±" (number(max)) "."
            }
        }
    }
}

fn largest(quantity: &Quantity, subject: &Subject) -> Markup {
    let rows = quantity.largest(LARGEST).into_iter();
    page::table(
        &["Largest entries", "Value"],
        rows.map(|index| vec![entry_name(quantity, index, subject), number(quantity.values[index])]),
    )
}

fn all(values: &Array2<f64>) -> Markup {
    let header: Vec<String> = (0..PER_ROW).map(|column| format!("+{column}")).collect();
    let header: Vec<&str> = [""].into_iter().chain(header.iter().map(String::as_str)).collect();
    let numbers: Vec<String> = values.iter().map(|&value| short_number(value)).collect();
    let rows = numbers.chunks(PER_ROW).enumerate();
    let rows = rows.map(|(row, chunk)| [&[(row * PER_ROW).to_string()], chunk].concat());
    html! {
        details { summary { "All " (numbers.len()) " values" } (page::table(&header, rows)) }
    }
}

fn checks(quantity: &Quantity, subject: &Subject) -> Markup {
    let rows = quantity.checks.iter().map(|check| {
        vec![
            entry_name(quantity, check.index, subject),
            format!("{:.9e}", check.backward),
            check.differences.map_or("–".to_owned(), |value| format!("{value:.9e}")),
            verdict(check),
        ]
    });
    page::table(&["Gradient check", "Backward pass", "Central difference", "Relative error"], rows)
}

fn descent(explanation: &Explanation, subject: &Subject) -> Markup {
    let header = ["Learning rate η", "Predicted ΔJ", "Actual ΔJ", "Ratio", "J", "ŷ"];
    html! {
        section {
            h2 { "One gradient descent step" }
            div.formula { span { span.what { span { "θ ← θ − η ∇" (text("J")) } } } }
            p { (DESCENT) }
            p { "‖∇" (text("J")) "‖ = " b { (number(explanation.gradient_norm)) } }
            (page::table(&header, step_rows(explanation, subject)))
        }
    }
}
