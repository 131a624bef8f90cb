//! Predictions for a dataset as CSV.

use std::fmt::Write as _;

use mlp_core::{Precision, argmax};
use mlp_data::text::csv_field;

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
