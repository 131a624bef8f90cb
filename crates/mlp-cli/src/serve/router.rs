//! The routes of the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::app::App;
use super::assets::ASSETS;
use super::guard::guard;
use super::predict::predict;
use super::problem::{JSON, Problem};

/// All routes, behind the guard.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/predict", post(predict))
        .route("/model", get(model))
        .route("/units/{file}", get(unit))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"));
    for asset in ASSETS {
        router = router.route(asset.path, get(async || ([(CONTENT_TYPE, asset.media_type)], asset.content)));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

async fn model(State(app): State<Arc<App>>) -> Response {
    let info = serde_json::to_string(&app.classifier.info(app.limits.body)).expect("plain data");
    ([JSON], info).into_response()
}

/// An image of the weights of a first-layer unit.
async fn unit(State(app): State<Arc<App>>, Path(file): Path<String>) -> Result<Response, Problem> {
    let images = &app.classifier.unit_images;
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
    let path: String = uri.path().chars().take(100).collect();
    let reason =
        format!("not found: {path}; expected /, /predict, /model, /units/0.png, /metrics or /healthz");
    Problem::new(StatusCode::NOT_FOUND, reason)
}

async fn method_not_allowed() -> Problem {
    let reason = "wrong method for this path; expected POST for /predict, GET for everything else";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, reason)
}
