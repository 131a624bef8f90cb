//! Predictions for a dataset as CSV.

use std::fmt::Write as _;

use mlp_core::{Precision, argmax};
use mlp_data::Dataset;

use crate::{Error, Kernel, Model};

/// Returns a header and one row per example: index, label, prediction, and the probability of each
/// class with all digits.
///
/// # Errors
/// Those of [`Model::check_fits`].
pub fn predictions(model: &Model, data: &Dataset) -> Result<String, Error> {
    model.check_fits(data)?;
    let mut text = String::from("index,label,prediction");
    for name in &model.metadata.class_names {
        text.push(',');
        text.push_str(&csv_field(name));
    }
    text.push('\n');
    let single = model.network.precision() == Precision::F32;
    let probabilities = model.network.probabilities(data.images(), Kernel::Auto)?;
    for (index, (row, label)) in probabilities.rows().into_iter().zip(data.labels()).enumerate() {
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

/// Returns a text as a CSV field (RFC 4180), quoted if it holds a comma, a quote or a line break.
pub fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(
            ["T-shirt/top", "a, b", "5\" pot"].map(csv_field),
            ["T-shirt/top", "\"a, b\"", "\"5\"\" pot\""]
        );
    }
}
