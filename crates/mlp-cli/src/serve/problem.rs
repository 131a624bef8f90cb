//! Error responses: a status, and JSON with a one-line reason.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The content type of JSON responses.
pub(super) const JSON: (HeaderName, HeaderValue) =
    (CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// An error response.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    reason: String,
    retry_after: Option<Duration>,
}

impl Problem {
    /// `reason` is one line with what was found and what was expected.
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), retry_after: None }
    }

    /// The request timed out or had to wait too long.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server is busy; try again later")
            .retry_after(Duration::from_secs(1))
    }

    /// Adds the time after which the client may retry.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = format!("{}\n", json!({ "error": self.reason }));
        let mut response = (self.status, [JSON], body).into_response();
        if let Some(wait) = self.retry_after {
            // Round up to whole seconds, at least one.
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
