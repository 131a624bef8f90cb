//! Middleware for all routes: checks the host, the website and the rate limit, limits the time of a
//! request, adds headers, and updates the metrics.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::app::App;
use super::origin::check_site;
use super::peer::Peer;
use super::problem::Problem;

/// Allows resources from this server only, and no embedding in other pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Default headers of every response.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

pub(super) async fn guard(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    // The label in the metrics. It has few values, whatever clients request.
    let route = path.as_ref().map_or("other", |path| path.as_str().trim_end_matches("/{file}"));
    let running = app.metrics.begin();
    let mut response = match admit(&app, peer, route, &request) {
        Ok(()) => timeout(app.limits.request_time, next.run(request))
            .await
            .unwrap_or_else(|_| Problem::busy().into_response()),
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    app.metrics.answered(route, response.status().as_u16(), start.elapsed());
    drop(running);
    response
}

fn admit(app: &App, peer: Peer, route: &str, request: &Request) -> Result<(), Problem> {
    app.hosts.check(request.uri(), request.version(), request.headers())?;
    check_site(request.method(), request.uri(), request.headers())?;
    // Monitoring must work under load.
    if matches!(route, "/healthz" | "/metrics") {
        return Ok(());
    }
    app.rate.take(peer, Instant::now()).map_err(|wait| {
        let reason = format!("more than {} requests per second; wait and try again", app.limits.rate);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, reason).retry_after(wait)
    })
}
