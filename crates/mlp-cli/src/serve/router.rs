//! The routes of the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use super::app::App;
use super::assets::ASSETS;
use super::guard::guard;
use super::options::shown;
use super::predict::predict;
use super::problem::{JSON, Problem};

/// All routes, behind the guard.
pub(crate) fn router(app: Arc<App>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// All routes. A test compares them with the OpenAPI file.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let mut routes = vec![
        ("/predict", post(predict).put(predict)),
        ("/model", get(model)),
        ("/units/{file}", get(unit)),
        ("/metrics", get(metrics)),
        ("/healthz", get(async || "ok\n")),
    ];
    routes.extend(
        ASSETS
            .iter()
            .map(|asset| (asset.path, get(async || ([(CONTENT_TYPE, asset.media_type)], asset.content)))),
    );
    routes
}

async fn model(State(app): State<Arc<App>>) -> Response {
    let info = serde_json::to_string(&app.classifier.info(app.limits.body)).expect("plain data");
    ([JSON], info).into_response()
}

/// An image of the weights of a first-layer unit.
async fn unit(
    State(app): State<Arc<App>>,
    file: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let images = &app.classifier.unit_images;
    // A path that is not UTF-8 is not a number either.
    let file = file.map(|Path(file)| file).unwrap_or_default();
    let number = file.strip_suffix(".png").and_then(|number| number.parse::<usize>().ok());
    let Some(image) = number.and_then(|number| images.get(number)) else {
        let reason = format!("no such unit; expected units/0.png to units/{}.png", images.len() - 1);
        return Err(Problem::new(StatusCode::NOT_FOUND, reason));
    };
    // The images never change while the server runs, and the page adds the revision to the URL.
    let headers = [(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "private, max-age=86400")];
    Ok((headers, image.to_png()).into_response())
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text()).into_response()
}

async fn not_found(uri: Uri) -> Problem {
    let path = shown(uri.path());
    let reason = format!(
        "not found: {path}; expected /, /predict, /model, /units/0.png, /metrics, /healthz or /openapi.json"
    );
    Problem::new(StatusCode::NOT_FOUND, reason)
}

/// Axum adds the allowed methods to the response.
async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let reason = "wrong method for this path; expected POST or PUT for /predict, GET for everything else";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, reason).into_response()
}

/// Removes slashes from both ends of the path: clients join `http://…:8000/` and `/predict`.
pub(super) fn normalize(uri: &mut Uri) {
    let path = uri.path();
    let trimmed = format!("/{}", path.trim_matches('/'));
    if !path.starts_with('/') || path == trimmed {
        return;
    }
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{trimmed}{query}").parse().ok();
    if let Ok(normalized) = Uri::from_parts(parts) {
        *uri = normalized;
    }
}
