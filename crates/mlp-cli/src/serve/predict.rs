//! `POST /predict`: parses the query and runs the model on a blocking thread.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mlp_data::picture::Polarity;
use tokio::task::spawn_blocking;

use super::app::App;
use super::body::read_picture;
use super::classifier::Question;
use super::problem::{JSON, Problem};

/// Default number of most active units listed per layer.
const DEFAULT_STRONGEST: usize = 12;
const MAX_STRONGEST: usize = 1000;

pub(super) async fn predict(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let question = question(request.uri().query().unwrap_or_default())?;
    let file = read_picture(request, &app.limits).await?;
    let turn = Arc::clone(&app.turns).acquire_owned().await.map_err(|_| Problem::busy())?;
    let refused = |reason: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason);
    let answer = spawn_blocking(move || {
        // Hold the turn until the picture is decoded, even if the client disconnects.
        let _turn = turn;
        let answer = app.classifier.answer(&file, question).map_err(|error| refused(error.to_string()))?;
        app.metrics.predicted((!answer.blank).then_some(answer.class));
        Ok(serde_json::to_string(&answer).expect("plain data"))
    });
    // A decoder may panic on malformed input.
    let answer = answer.await.unwrap_or_else(|_| {
        let formats = "PNG, JPEG, WebP, BMP, TIFF, GIF or PNM";
        Err(refused(format!("cannot decode the picture; expected a complete {formats} file")))
    });
    Ok(([JSON], answer?).into_response())
}

fn question(query: &str) -> Result<Question, Problem> {
    let mut question = Question { polarity: None, strongest: DEFAULT_STRONGEST };
    let refused = |reason: String| Problem::new(StatusCode::BAD_REQUEST, reason);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "polarity" => {
                let polarity: Result<Polarity, mlp_data::Error> = value.parse();
                question.polarity = Some(polarity.map_err(|error| refused(error.to_string()))?);
            }
            "strongest" => {
                let number = value.parse().ok().filter(|number| *number <= MAX_STRONGEST);
                question.strongest = number.ok_or_else(|| {
                    refused(format!("strongest is `{value}`; expected a number from 0 to {MAX_STRONGEST}"))
                })?;
            }
            _ => return Err(refused(format!("unknown parameter `{name}`; expected polarity or strongest"))),
        }
    }
    Ok(question)
}
