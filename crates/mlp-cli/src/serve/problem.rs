//! What a client is told when it does not get what it asked for: a status, and JSON with one line that says why.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The type of all our JSON.
pub(super) const JSON: (HeaderName, HeaderValue) =
    (CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    reason: String,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A reason is one line: what was found, what was expected.
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), retry_after: None }
    }

    /// With the time after which the same request has a chance.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = format!("{}\n", json!({ "error": self.reason }));
        let mut response = (self.status, [JSON], body).into_response();
        if let Some(wait) = self.retry_after {
            // Whole seconds, and never none.
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
