//! `POST /predict`: waits for a turn for each picture of the request, and runs the model on a
//! blocking thread.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use mlp_data::Error;
use tokio::task::spawn_blocking;

use super::app::App;
use super::body::Received;
use super::options::Options;
use super::peer::Peer;
use super::places::Place;
use super::problem::{JSON, Problem};
use super::turns::{MAX_MEMORY, Turn};
use super::upload::{Content, Picture, Upload};
use super::{body, content};

pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    Extension(place): Extension<Arc<Place>>,
    request: Request,
) -> Result<Response, Problem> {
    let options = Options::of_query(request.uri().query().unwrap_or_default())?;
    let declared = request.headers().get(CONTENT_TYPE);
    let declared =
        declared.map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned()).unwrap_or_default();
    // The turn of a large body ends with the request.
    let Received { bytes, turn: _turn } = body::read(request, &app.limits, &app.turns, peer).await?;
    place.set_working(true);
    let upload = content::read(&declared, bytes, options, app.classifier.image_shape()).await?;
    let Upload { options, pictures, is_list, note } = upload;
    if options.segment() && pictures.len() > 1 {
        let reason = format!("found {} pictures; expected one with segment", pictures.len());
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
    }
    let mut answers = Vec::new();
    for Picture { name, content } in pictures {
        let refused = |reason: String| {
            let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{name}{reason}"))
        };
        let memory = content.memory().map_err(|error| refused(error.to_string()))?;
        // Too large; decoding it only says so.
        let turn = app.turns.take(peer, if memory > MAX_MEMORY { 0 } else { memory }).await?;
        let (app, note) = (Arc::clone(&app), note.clone());
        let answer = spawn_blocking(move || answer(&app, content, options, note, turn)).await;
        // A decoder may panic on malformed input.
        let answer =
            answer.map_err(|_| refused("cannot decode the picture; expected a complete file".to_owned()))?;
        answers.extend(answer.map_err(|error| refused(error.to_string()))?);
    }
    let text = match (&answers[..], is_list || options.segment()) {
        ([answer], false) => answer.clone(),
        _ => format!("{{\"predictions\":[{}]}}", answers.join(",")),
    };
    Ok(([JSON], text).into_response())
}

/// The answers to a picture in JSON: several if it is segmented. Holds the turn until the picture
/// is decoded, even if the client disconnects.
fn answer(
    app: &App,
    content: Content,
    options: Options,
    note: Option<String>,
    _turn: Turn,
) -> Result<Vec<String>, Error> {
    let picture = content.decode(MAX_MEMORY)?;
    let answers = app.classifier.answers(&picture, options).into_iter().map(|mut answer| {
        answer.notes.extend(note.clone());
        app.metrics.predicted((!answer.blank).then_some(answer.class));
        serde_json::to_string(&answer).expect("plain data")
    });
    Ok(answers.collect())
}
