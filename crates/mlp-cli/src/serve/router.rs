//! What is where on the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::answers::About;
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
        router = router.route(asset.path, get(async || ([(CONTENT_TYPE, asset.kind)], asset.content)));
    }
    router
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// The name that a path is counted under: one of a few, whatever clients ask for.
pub(super) fn route_name(path: &str) -> &'static str {
    let known = ["/predict", "/model", "/metrics", "/healthz"].into_iter();
    let mut known = known.chain(ASSETS.iter().map(|asset| asset.path));
    match known.find(|known| *known == path) {
        Some(known) => known,
        None if path.starts_with("/units/") => "/units",
        None => "other",
    }
}

async fn model(State(app): State<Arc<App>>) -> Response {
    let about = serde_json::to_string(&About::of(&app)).expect("plain data");
    ([JSON], about).into_response()
}

/// The weights of a unit of the first layer, as a picture.
async fn unit(State(app): State<Arc<App>>, Path(file): Path<String>) -> Result<Response, Problem> {
    let number = file.strip_suffix(".png").and_then(|number| number.parse::<usize>().ok());
    let Some(image) = number.and_then(|number| app.units.get(number)) else {
        let last = app.units.len() - 1;
        let reason = format!("there is no such unit; expected units/0.png to units/{last}.png");
        return Err(Problem::new(StatusCode::NOT_FOUND, reason));
    };
    // They do not change while the server lives, and the page asks with its revision.
    let headers = [(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "private, max-age=86400")];
    Ok((headers, image.to_png()).into_response())
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text()).into_response()
}

async fn nothing(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    let reason = format!(
        "there is nothing at {path}; expected /, /predict, /model, /units/0.png, /metrics or /healthz"
    );
    Problem::new(StatusCode::NOT_FOUND, reason)
}

async fn other_method() -> Problem {
    let reason = "this path has another method; expected POST for /predict, GET for everything else";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, reason)
}
