//! Predictions for a dataset as CSV.

use std::fmt::Write as _;

use mlp_core::{Precision, argmax};
use mlp_data::text::printable;

use crate::{Error, Matched, Model};

/// Returns a header and one row per example: index, label, prediction, and the probability of each
/// class with all digits. Labels and predictions are numbers of the model's classes.
///
/// # Errors
/// Those of [`Model::check_fits`].
pub fn predictions(model: &Model, matched: &Matched<'_>) -> Result<String, Error> {
    let data = &*matched.data;
    model.check_fits(data)?;
    let mut text = String::from("index,label,prediction");
    for name in &model.metadata.class_names {
        text.push(',');
        text.push_str(&csv_field(name));
    }
    text.push('\n');
    let single = model.network.precision() == Precision::F32;
    let probabilities = model.network.probabilities(data.images(), model.kernel())?;
    for (example, (row, label)) in probabilities.rows().into_iter().zip(data.labels()).enumerate() {
        let index = matched.index(example);
        let _ = write!(text, "{index},{label},{}", argmax(row.iter().copied()));
        for &probability in row {
            // `{:?}` writes the fewest digits that round-trip, with an exponent for tiny numbers.
            let _ = if single {
                write!(text, ",{:?}", probability as f32)
            } else {
                write!(text, ",{probability:?}")
            };
        }
        text.push('\n');
    }
    Ok(text)
}

/// Returns a text as a CSV field (RFC 4180) on one line, quoted if it holds a comma or a quote.
/// What a spreadsheet would execute as a formula begins with an apostrophe, and unprintable
/// characters are escaped; see [`printable`].
pub fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    let text = printable(&text);
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_no_formula_and_has_one_line() {
        for (text, field) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-x.png", "'-x.png"),
            ("-1", "-1"),
            ("+2.5", "+2.5"),
            ("a\nb\u{1b}[2J", "a\\nb\\u{1b}[2J"),
        ] {
            assert_eq!(csv_field(text), field);
        }
    }

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(
            ["T-shirt/top", "a, b", "5\" pot"].map(csv_field),
            ["T-shirt/top", "\"a, b\"", "\"5\"\" pot\""]
        );
    }
}
