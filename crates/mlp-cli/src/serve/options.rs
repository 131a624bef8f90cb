//! The parameters of a prediction: in the query, in fields of a form, or in members of JSON.

use axum::http::StatusCode;
use mlp_data::picture::Polarity;
use mlp_data::text::printable;

use super::problem::Problem;

/// Default number of most active units listed per layer.
const DEFAULT_STRONGEST: usize = 12;
const MAX_STRONGEST: usize = 1000;

/// The names of all parameters.
pub(super) const NAMES: [&str; 3] = ["polarity", "strongest", "segment"];

/// The given parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The model's if `None`.
    pub(super) polarity: Option<Polarity>,
    strongest: Option<usize>,
    segment: Option<bool>,
}

impl Options {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub(super) fn of_query(query: &str) -> Result<Self, Problem> {
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(name, value)?;
        }
        Ok(options)
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// If the name is unknown, the value is wrong, or the parameter is given twice.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let (shown, refused) = (shown(value), |reason| Err(Problem::new(StatusCode::BAD_REQUEST, reason)));
        let is_new = match name {
            "polarity" => match value.parse::<Polarity>() {
                Ok(polarity) => self.polarity.replace(polarity).is_none(),
                Err(error) => return refused(error.to_string()),
            },
            "strongest" => match value.parse().ok().filter(|number| *number <= MAX_STRONGEST) {
                Some(number) => self.strongest.replace(number).is_none(),
                None => {
                    return refused(format!(
                        "strongest is `{shown}`; expected a number from 0 to {MAX_STRONGEST}"
                    ));
                }
            },
            "segment" => match value {
                "true" | "1" | "" => self.segment.replace(true).is_none(),
                "false" | "0" => self.segment.replace(false).is_none(),
                _ => return refused(format!("segment is `{shown}`; expected true or false")),
            },
            _ => {
                return refused(format!(
                    "unknown parameter `{}`; expected {}",
                    self::shown(name),
                    NAMES.join(", ")
                ));
            }
        };
        if is_new { Ok(()) } else { refused(format!("the parameter `{name}` is given twice")) }
    }

    /// Number of most active units to list per layer.
    pub(super) fn strongest(&self) -> usize {
        self.strongest.unwrap_or(DEFAULT_STRONGEST)
    }

    /// Classify each digit of a row of digits.
    pub(super) fn segment(&self) -> bool {
        self.segment.unwrap_or(false)
    }
}

/// The beginning of text in a message.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    let dots = if start.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", printable(&start))
}
