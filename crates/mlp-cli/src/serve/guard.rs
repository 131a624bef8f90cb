//! What stands before and behind every route: is the request for us, may its sender ask so often, how long may it take, and how was it answered.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::app::App;
use super::hosts::stranger;
use super::predict::busy;
use super::problem::Problem;
use super::router::route_name;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Everything comes from here; nothing is run that is not a file of ours, and nobody may frame the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every answer says. What a route has said itself stays.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (start, route) = (Instant::now(), route_name(request.uri().path()));
    let running = app.metrics.begin();
    let mut response = match admit(&app, &request, route) {
        Ok(()) => {
            let answered = timeout(app.limits.request_time, next.run(request)).await;
            answered.unwrap_or_else(|_| busy().into_response())
        }
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    app.metrics.answered(route, response.status().as_u16(), start.elapsed());
    drop(running);
    response
}

fn admit(app: &App, request: &Request, route: &str) -> Result<(), Problem> {
    if app.is_local
        && let Some(host) = stranger(request.uri(), request.headers())
    {
        let reason = format!("the request is for host `{host}`; this server is for localhost alone");
        return Err(Problem::new(StatusCode::FORBIDDEN, reason));
    }
    // Those who watch the server must see it when it is asked too much.
    if matches!(route, "/healthz" | "/metrics") {
        return Ok(());
    }
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    app.rate.take(peer, Instant::now()).map_err(|wait| {
        let reason = format!("more than {} requests a second; wait and try again", app.limits.rate);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, reason).retry_after(wait)
    })
}
