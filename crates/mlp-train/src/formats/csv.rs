//! Predictions of a model for every example of a dataset, as CSV.

use std::fmt::Write as _;

use mlp_core::{Precision, argmax};
use mlp_data::Dataset;

use crate::config::kernel::Kernel;
use crate::error::Error;
use crate::model::metadata::Model;

/// A header line, and a line for each example: its index, its label, the prediction, and the
/// probability of each class with all digits.
///
/// # Errors
/// [`Error::OtherShape`], or [`Error::DoesNotFit`] if there are more classes than the network tells
/// apart.
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
            // The fewest digits that lead back to the number, with an exponent where it is tiny.
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

/// Returns a text as a CSV field (RFC 4180): in quotation marks where it holds a comma, a quotation mark or the end of a line.
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
    fn names_with_commas_and_quotes_are_quoted() {
        assert_eq!(
            ["T-shirt/top", "a, b", "5\" pot"].map(csv_field),
            ["T-shirt/top", "\"a, b\"", "\"5\"\" pot\""]
        );
    }
}
