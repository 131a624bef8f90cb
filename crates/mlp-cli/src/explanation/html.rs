//! An explanation as a page: the same sections as in the terminal, with what a terminal has no room for, all numbers of a row and
//! matrices as images.

use maud::{Markup, html};
use ndarray::{Array2, Axis as NdAxis};

use super::typeset::{formula, text};
use super::words::{
    DESCENT, INTRODUCTION, class_name, entry_name, facts, number, prediction, ratio, short_number, verdict,
};
use super::{Axis, Explanation, Quantity, Subject};
use crate::output::table::{percent, three_digits};
use crate::plot::Raster;
use crate::report::page;

/// The most units of which each is shown as an image.
const TILES: usize = 128;
/// The most entries of a matrix that is shown as one image: more than a screen has pixels for.
const CELLS: usize = 1 << 20;
/// Numbers in a row of the table of all.
const IN_A_ROW: usize = 10;
/// The most numbers in that table.
const VALUES: usize = 4096;
/// The largest entries of a matrix.
const LARGEST: usize = 8;

/// The whole page.
pub(crate) fn page(explanation: &Explanation, subject: &Subject) -> String {
    let content = html! {
        (beginning(explanation, subject))
        @for quantity in &explanation.quantities { (section(quantity, subject)) }
        (descent(explanation, subject))
    };
    page::page(&format!("{}: {}", subject.model, subject.place), &content)
}

fn beginning(explanation: &Explanation, subject: &Subject) -> Markup {
    let label = &subject.class_names[subject.label];
    let image = Raster::gray(subject.shape.width, &subject.pixels).to_uri();
    html! {
        h1 { "One example, forwards and backwards" }
        p.lead { (subject.place) br; (subject.model) br; (subject.network) }
        div.beside {
            img.digit src=(image) alt={ "the image, of class " (label) };
            div {
                p { "label " b { (label) } br; "prediction " b { (prediction(explanation, subject)) } }
                p {
                    (INTRODUCTION)
                    " The labels G1 to G7 are those of the derivation in the documentation of mlp-core."
                }
                p.muted {
                    "In the images " b.plus { "orange" } " is above 0 and " b.minus { "blue" } " below."
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
                @if let Some(equation) = quantity.equation { span.label { (equation) } }
                (text(&quantity.symbol))
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
        return html! { p { (text(&quantity.symbol)) " = " b { (number(values[(0, 0)])) } } };
    }
    html! {
        p.muted { (facts(quantity, subject)) }
        @match quantity.axes {
            (Axis::One, Axis::Classes) => (bars(quantity, subject)),
            (Axis::Pixels, _) => (tiles(quantity, subject)),
            _ => (cells(quantity)),
        }
        @if values.nrows() > 1 { (largest(quantity, subject)) }
        @else if quantity.axes.1 != Axis::Classes && values.len() <= VALUES { (all(values)) }
    }
}

/// A row for each class.
fn bars(quantity: &Quantity, subject: &Subject) -> Markup {
    let row = quantity.values.row(0);
    let most = most(&quantity.values);
    // The point of 0, in per cent of the width.
    let zero = if row.iter().any(|&value| value < 0.0) { 50.0 } else { 0.0 };
    let style = |value: f64| {
        let side = if value < 0.0 { "right" } else { "left" };
        let length = if most > 0.0 { value.abs() / most * (100.0 - zero) } else { 0.0 };
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

/// The matrix as one image, a row of it for each column of the matrix: matrices are higher than wide, screens are not.
fn cells(quantity: &Quantity) -> Markup {
    let values = &quantity.values;
    if values.len() > CELLS {
        return html! {};
    }
    let (rows, columns) = values.dim();
    let (cells, width, height) = if rows == 1 {
        (values.iter().copied().collect::<Vec<f64>>(), columns, 1)
    } else {
        (values.t().iter().copied().collect(), rows, columns)
    };
    let high = (height * 14).clamp(28, 420);
    let what = if rows == 1 {
        "A cell for each unit, in their order.".to_owned()
    } else {
        format!(
            "A column for each of the {rows} rows of the matrix, and a row for each of its {columns} columns."
        )
    };
    let image = Raster::signed(width, &cells, most(values)).to_uri();
    html! {
        figure {
            img.cells src=(image) style={ "height:" (high) "px" } alt={ (quantity.symbol) " as an image" };
            figcaption { (what) " The strongest color is ±" (number(most(values))) "." }
        }
    }
}

/// Each column as the image of what its unit has of every pixel; of many those with the largest entries.
fn tiles(quantity: &Quantity, subject: &Subject) -> Markup {
    let values = &quantity.values;
    let largest = values.axis_iter(NdAxis(1)).map(|column| column.fold(0.0_f64, |most, v| most.max(v.abs())));
    let mut columns: Vec<(usize, f64)> = largest.enumerate().collect();
    let all = columns.len();
    if all > TILES {
        columns.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        columns.truncate(TILES);
    }
    let most = most(values);
    let which = if all > TILES {
        format!("The {TILES} of {all} with the largest entries, each a")
    } else {
        "Each".to_owned()
    };
    let image = |column| Raster::signed(subject.shape.width, &values.column(column).to_vec(), most).to_uri();
    html! {
        figure {
            div.tiles {
                @for &(column, _) in &columns {
                    figure { img src=(image(column)) alt={ "column " (column) }; figcaption { (column) } }
                }
            }
            figcaption {
                (which) " column of the matrix, laid out as the pixels are. The strongest color is ±"
                (number(most)) "."
            }
        }
    }
}

fn largest(quantity: &Quantity, subject: &Subject) -> Markup {
    let rows = quantity.largest(LARGEST).into_iter();
    page::table(
        &["the largest", "value"],
        rows.map(|index| vec![entry_name(quantity, index, subject), number(quantity.values[index])]),
    )
}

fn all(values: &Array2<f64>) -> Markup {
    let header: Vec<String> = (0..IN_A_ROW).map(|column| format!("+{column}")).collect();
    let header: Vec<&str> = [""].into_iter().chain(header.iter().map(String::as_str)).collect();
    let numbers: Vec<String> = values.iter().map(|&value| short_number(value)).collect();
    let rows = numbers.chunks(IN_A_ROW).enumerate();
    let rows = rows.map(|(row, chunk)| [&[(row * IN_A_ROW).to_string()], chunk].concat());
    html! {
        details { summary { "all " (numbers.len()) " values" } (page::table(&header, rows)) }
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
    page::table(&["checked", "backward pass", "central differences", "relative error"], rows)
}

fn descent(explanation: &Explanation, subject: &Subject) -> Markup {
    let before = percent(explanation.probabilities[subject.label]);
    let nothing = String::new;
    let before = vec!["before".to_owned(), nothing(), nothing(), nothing(), number(explanation.loss), before];
    let after = explanation.steps.iter().map(|step| {
        vec![
            three_digits(step.learning_rate),
            number(step.predicted),
            number(step.actual),
            ratio(step),
            number(step.loss),
            percent(step.probability),
        ]
    });
    let header = ["learning rate η", "predicted", "actual", "actual / predicted", "J", "ŷ"];
    html! {
        section {
            h2 { "One step of descent" }
            div.formula { span { span.what { span { "θ ← θ − η ∇" (text("J")) } } } }
            p { (DESCENT) }
            p { "‖∇" (text("J")) "‖ = " b { (number(explanation.gradient_norm)) } }
            (page::table(&header, [before].into_iter().chain(after)))
        }
    }
}

fn most(values: &Array2<f64>) -> f64 {
    values.fold(0.0, |most, value| most.max(value.abs()))
}
