//! Formulas in HTML: what `gradients.md` writes in plain text, with upper and lower indices set as such, matrices bold, and derivatives
//! as fractions. Plain elements only: no script, no fonts, and a reader that has no style sheet still shows something right.

use std::iter::Peekable;
use std::str::Chars;

use maud::{Markup, PreEscaped, html};

use super::Formula;

/// The parts of a formula beside each other, each with its shape under it.
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

/// A symbol or a piece of a formula.
pub(super) fn text(source: &str) -> Markup {
    let mut markup = String::new();
    let mut rest = source;
    // ∂J/∂W^o: a fraction of what comes up to the end of the symbol.
    while let Some(start) = rest.find("∂J/∂") {
        let (before, after) = (&rest[..start], &rest[start + "∂J/∂".len()..]);
        let end = symbol_length(after);
        markup += &inline(before).into_string();
        let fraction = html! {
            span.fraction { span { "∂" i { "J" } } span { "∂" (inline(&after[..end])) } }
        };
        markup += &fraction.into_string();
        rest = &after[end..];
    }
    markup += &inline(rest).into_string();
    PreEscaped(markup)
}

/// The bytes of a letter and its upper index.
fn symbol_length(text: &str) -> usize {
    let mut letter = text.chars().next().map_or(0, char::len_utf8);
    letter += text[letter..].chars().take_while(|&c| raised(c).is_some()).map(char::len_utf8).sum::<usize>();
    let Some(index) = text[letter..].strip_prefix('^') else { return letter };
    letter + 1 + index.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(index.len())
}

/// The digit that stands as an upper index.
fn raised(c: char) -> Option<usize> {
    "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|raised| raised == c)
}

/// Everything but fractions.
fn inline(source: &str) -> Markup {
    let mut chars = source.chars().peekable();
    let mut markup = String::new();
    while let Some(c) = chars.next() {
        if let Some(digit) = raised(c) {
            markup += &html! { sup { (digit) } }.into_string();
            continue;
        }
        let piece = match c {
            'ᵀ' => html! { sup { "T" } },
            'ₙ' => html! { sub { i { "n" } } },
            '^' => html! { sup { (word(None, &mut chars)) } },
            '_' => html! { sub { (word(None, &mut chars)) } },
            'Φ' | 'φ' | 'Σ' => html! { (c) },
            c if c.is_alphabetic() => {
                let word = word(Some(c), &mut chars);
                let is_matrix = c.is_uppercase() || chars.peek() == Some(&'^');
                match word.chars().count() {
                    1 if c != 'J' && is_matrix => html! { b { (word) } },
                    1 => html! { i { (word) } },
                    // The name of a function.
                    _ => html! { (word) },
                }
            }
            c => html! { (c) },
        };
        markup += &piece.into_string();
    }
    PreEscaped(markup)
}

/// Letters and digits up to the next sign; the letters that are indices by themselves are signs.
fn word(first: Option<char>, chars: &mut Peekable<Chars<'_>>) -> String {
    let mut word: String = first.into_iter().collect();
    while let Some(c) =
        chars.next_if(|c| c.is_alphanumeric() && !matches!(c, 'ᵀ' | 'ₙ') && raised(*c).is_none())
    {
        word.push(c);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_set_as_in_the_chapter() {
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
