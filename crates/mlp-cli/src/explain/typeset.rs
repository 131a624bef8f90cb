//! Typesets formulas as HTML: superscripts, subscripts, bold matrices, and derivatives as
//! fractions. Plain elements keep a formula readable without a style sheet.

use std::iter::Peekable;
use std::str::Chars;

use maud::{Markup, PreEscaped, html};

use super::formula::Formula;

/// Renders a formula, with the shape of each matrix below it.
pub(super) fn formula(formula: &Formula) -> Markup {
    html! {
        div.formula {
            @for part in &formula.0 {
                span {
                    span.what { span { (text(&part.text)) } }
                    span.shape { @if let Some((rows, columns)) = part.shape { (rows) "×" (columns) } }
                }
            }
        }
    }
}

/// Renders a symbol or a part of a formula; a derivative becomes a fraction.
pub(super) fn text(source: &str) -> Markup {
    match source.strip_prefix("∂J/∂") {
        Some(variable) => html! {
            span.fraction { span { "∂" i { "J" } } span { "∂" (inline(variable)) } }
        },
        None => inline(source),
    }
}

/// The value of a superscript digit.
fn raised(c: char) -> Option<usize> {
    "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|raised| raised == c)
}

/// Renders text with superscripts, subscripts, and bold matrices.
fn inline(source: &str) -> Markup {
    let mut chars = source.chars().peekable();
    let mut markup = String::new();
    while let Some(c) = chars.next() {
        let piece = match (c, raised(c)) {
            (_, Some(digit)) => html! { sup { (digit) } },
            ('ᵀ', _) => html! { sup { "T" } },
            ('ₙ', _) => html! { sub { i { "n" } } },
            ('^', _) => html! { sup { (word(None, &mut chars)) } },
            ('_', _) => html! { sub { (word(None, &mut chars)) } },
            ('Φ' | 'φ' | 'Σ', _) => html! { (c) },
            _ if c.is_alphabetic() => {
                let word = word(Some(c), &mut chars);
                let is_matrix = c.is_uppercase() || chars.peek() == Some(&'^');
                match word.chars().count() {
                    1 if c != 'J' && is_matrix => html! { b { (word) } },
                    1 => html! { i { (word) } },
                    // The name of a function.
                    _ => html! { (word) },
                }
            }
            _ => html! { (c) },
        };
        markup += &piece.into_string();
    }
    PreEscaped(markup)
}

/// Takes letters and digits up to the next sign. Superscript and subscript letters count as signs.
fn word(first: Option<char>, chars: &mut Peekable<Chars<'_>>) -> String {
    let is_word = |c: &char| c.is_alphanumeric() && !matches!(c, 'ᵀ' | 'ₙ') && raised(*c).is_none();
    first.into_iter().chain(std::iter::from_fn(|| chars.next_if(is_word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_typeset_as_in_the_chapter() {
        for (source, expected) in [
            ("W^o", "<b>W</b><sup>o</sup>"),
            ("b^h2", "<b>b</b><sup>h2</sup>"),
            ("(W^o)ᵀ", "(<b>W</b><sup>o</sup>)<sup>T</sup>"),
            ("(H¹²)ᵀ", "(<b>H</b><sup>1</sup><sup>2</sup>)<sup>T</sup>"),
            ("Hᵀ", "<b>H</b><sup>T</sup>"),
            ("1ₙ", "1<sub><i>n</i></sub>"),
            ("logistic(Z^h)", "logistic(<b>Z</b><sup>h</sup>)"),
            ("−ln ŷ_7", "−ln <i>ŷ</i><sub>7</sub>"),
            ("[Z^h > 0]", "[<b>Z</b><sup>h</sup> &gt; 0]"),
            ("−Σ_c y_c", "−Σ<sub>c</sub> <i>y</i><sub>c</sub>"),
            ("J", "<i>J</i>"),
            (
                "∂J/∂Z^h",
                "<span class=\"fraction\"><span>∂<i>J</i></span><span>∂<b>Z</b><sup>h</sup></span></span>",
            ),
        ] {
            assert_eq!(text(source).into_string(), expected, "{source}");
        }
    }
}
