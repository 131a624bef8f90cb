//! An explanation as a page: the same sections as in the terminal, with what a terminal has no room for, all numbers of a row and matrices as images.

use maud::{Markup, html};
use ndarray::{Array2, Axis as NdAxis};

use super::terminal::{class_name, entry_name, facts, number, ratio, short_number, verdict};
use super::typeset::{formula, text};
use super::{Axis, Check, Explanation, Quantity, Subject};
use crate::page::{frame, grey, signed};
use crate::table::percent;

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
    let title = format!("{}: {}", subject.model, subject.place);
    let content = html! {
        (beginning(explanation, subject))
        @for quantity in &explanation.quantities { (section(quantity, subject)) }
        (descent(explanation, subject))
    };
    frame(&title, &content)
}

fn beginning(explanation: &Explanation, subject: &Subject) -> Markup {
    let (label, guess) = (&subject.class_names[subject.label], &subject.class_names[explanation.guess]);
    let is_right = explanation.guess == subject.label;
    html! {
        header {
            h1 { "One example, forwards and backwards" }
            p.quiet { (subject.model) ", " (subject.network) br; (subject.place) }
            div.beside {
                img.image src=(grey(&subject.pixels, subject.shape.width)) width="224" alt={ "the image, of class " (label) };
                div {
                    p {
                        "Label " b { (label) } ". The network guesses " b { (guess) } " and is "
                        (percent(explanation.probabilities[explanation.guess])) " certain: "
                        span class=(if is_right { "good" } else { "bad" }) { (if is_right { "right" } else { "wrong" }) } "."
                    }
                    p {
                        (text("X")) " is this image as one row, each pixel from 0 to 1; " (text("Y")) " is 1 at the class of the label and \
                        0 elsewhere. First the forward pass, from " (text("X")) " to the loss " (text("J")) ", then the backward pass, \
                        from the loss to the gradient of every parameter. Under each matrix stands its shape. The labels G1 to G7 are \
                        those of the derivation in mlp-core’s documentation."
                    }
                    p.quiet { "In the images " span style="color:var(--positive)" { "■ orange" } " is above 0 and "
                        span style="color:var(--negative)" { "■ blue" } " below." }
                }
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
    let shown = match quantity.axes {
        (Axis::One, Axis::Classes) => bars(quantity, subject),
        (Axis::Pixels, _) => tiles(quantity, subject),
        _ => cells(quantity),
    };
    html! {
        p.facts { (facts(quantity, subject)) }
        (shown)
        @if values.nrows() > 1 { (largest(quantity, subject)) }
        @else if quantity.axes.1 != Axis::Classes && values.len() <= VALUES { (all(values)) }
    }
}

/// A row for each class.
fn bars(quantity: &Quantity, subject: &Subject) -> Markup {
    let row = quantity.values.row(0);
    let most = row.fold(0.0_f64, |most, value| most.max(value.abs()));
    let has_negative = row.iter().any(|&value| value < 0.0);
    // The point of 0, in per cent of the width.
    let zero = if has_negative { 50.0 } else { 0.0 };
    let length = |value: f64| if most > 0.0 { value.abs() / most * (100.0 - zero) } else { 0.0 };
    html! {
        div.scroll {
            table {
                @for (class, &value) in row.iter().enumerate() {
                    tr class=[(class == subject.label).then_some("chosen")] {
                        td { (class_name(&subject.class_names[class], class)) }
                        td { (number(value)) }
                        td.bar {
                            span.track {
                                @let (side, sign) = if value < 0.0 { ("right", Some("minus")) } else { ("left", None) };
                                i class=[sign] style={ (side) ":" (zero) "%;width:" (format!("{:.2}", length(value))) "%" } {}
                            }
                        }
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
        format!("A column for each of the {rows} rows of the matrix, and a row for each of its {columns} columns.")
    };
    html! {
        figure {
            img.cells src=(signed(&cells, width, most(values))) style={ "height:" (high) "px" } alt={ (quantity.symbol) " as an image" };
            figcaption { (what) " The strongest colour is ±" (number(most(values))) "." }
        }
    }
}

/// Each column as the image of what its unit has of every pixel; of many those with the largest entries.
fn tiles(quantity: &Quantity, subject: &Subject) -> Markup {
    let values = &quantity.values;
    let mut columns: Vec<(usize, f64)> =
        values.axis_iter(NdAxis(1)).map(|column| column.fold(0.0, |most: f64, v| most.max(v.abs()))).enumerate().collect();
    let all = columns.len();
    if all > TILES {
        columns.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        columns.truncate(TILES);
    }
    let most = most(values);
    let which = if all > TILES { format!("The {TILES} of {all} with the largest entries") } else { "Each".to_owned() };
    html! {
        figure {
            div.tiles {
                @for &(column, _) in &columns {
                    @let tile = values.column(column).to_vec();
                    figure {
                        img src=(signed(&tile, subject.shape.width, most)) alt={ "column " (column) };
                        figcaption { (column) }
                    }
                }
            }
            figcaption {
                (which) " column of the matrix, a unit’s derivative by each pixel’s weight, laid out as the pixels are. The strongest colour is ±"
                (number(most)) "."
            }
        }
    }
}

fn largest(quantity: &Quantity, subject: &Subject) -> Markup {
    html! {
        div.scroll {
            table {
                tr { th { "the largest" } th { (text(&quantity.symbol)) } }
                @for index in quantity.largest(LARGEST) {
                    tr { td { (entry_name(quantity, index, subject)) } td { (number(quantity.values[index])) } }
                }
            }
        }
    }
}

fn all(values: &Array2<f64>) -> Markup {
    let numbers: Vec<String> = values.iter().map(|&value| short_number(value)).collect();
    html! {
        details {
            summary { "all " (numbers.len()) " values" }
            div.scroll {
                table.values {
                    @for (row, chunk) in numbers.chunks(IN_A_ROW).enumerate() {
                        tr { td { (row * IN_A_ROW) } @for number in chunk { td { (number) } } }
                    }
                }
            }
        }
    }
}

fn checks(quantity: &Quantity, subject: &Subject) -> Markup {
    let class = |check: &Check| match check.agrees() {
        Some(true) => "good",
        Some(false) => "bad",
        None => "quiet",
    };
    html! {
        div.scroll {
            table {
                tr { th { "checked" } th { "backward pass" } th { "central differences" } th { "relative error" } }
                @for check in &quantity.checks {
                    tr {
                        td { (entry_name(quantity, check.index, subject)) }
                        td { (format!("{:.9e}", check.backward)) }
                        td { (check.differences.map_or("–".to_owned(), |value| format!("{value:.9e}"))) }
                        td class=(class(check)) { (verdict(check)) }
                    }
                }
            }
        }
    }
}

fn descent(explanation: &Explanation, subject: &Subject) -> Markup {
    html! {
        section {
            h2 { "One step of descent" }
            div.formula { span { span.what { span { "θ ← θ − " i { "η" } " ∇" (text("J")) } } } }
            p {
                "To first order the step changes the loss of this example by −" i { "η" } " ‖∇" (text("J")) "‖², with ‖∇" (text("J")) "‖ = "
                (number(explanation.gradient_norm)) ". That is the slope of " (text("J")) " along the step: the smaller the step, the nearer \
                to 1 is the actual change over the predicted one. What " (text("J")) " and the probability " (text("ŷ")) " of the right class \
                would be after the step is found by taking it."
            }
            div.scroll {
                table {
                    tr {
                        th { "learning rate " i { "η" } } th { "predicted" } th { "actual" } th { "actual / predicted" }
                        th { (text("J")) } th { (text("ŷ")) }
                    }
                    tr {
                        td { "before" } td {} td {} td {}
                        td { (number(explanation.loss)) } td { (percent(explanation.probabilities[subject.label])) }
                    }
                    @for step in &explanation.steps {
                        tr {
                            td { (step.learning_rate) } td { (number(step.predicted)) } td { (number(step.actual)) } td { (ratio(step)) }
                            td { (number(step.loss)) } td { (percent(step.probability)) }
                        }
                    }
                }
            }
        }
    }
}

fn most(values: &Array2<f64>) -> f64 {
    values.fold(0.0, |most, value| most.max(value.abs()))
}
