//! `POST /predict`: a request taken apart, with everything that can be wrong with one, and the model asked on a thread where it does not block others.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mlp_data::picture::Polarity;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::app::{App, Question};
use super::limits::Limits;
use super::problem::{JSON, Problem};

/// What pictures may be called, and what programs say that do not know (curl calls everything a form).
const TYPES: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/x-portable-graymap",
    "image/x-portable-bitmap",
    "image/x-portable-pixmap",
    "image/x-portable-arbitrarymap",
    "image/x-portable-anymap",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
];

/// How many units of a layer are named if nobody says.
const USUAL_STRONGEST: usize = 12;
const MAX_STRONGEST: usize = 1000;

pub(super) async fn predict(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let question = question(request.uri().query().unwrap_or_default())?;
    check_type(request.headers())?;
    let file = read(request, &app.limits).await?;
    if file.is_empty() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the body is empty; expected a PNG, JPEG or PGM picture",
        ));
    }
    let turn = Arc::clone(&app.turns).acquire_owned().await.map_err(|_| busy())?;
    let answering = spawn_blocking(move || {
        // Kept until the picture is done with, also if the client no longer waits for it.
        let _turn = turn;
        app.answer(&file, question)
            .map(|answer| {
                app.metrics.predicted((!answer.blank).then_some(answer.class));
                serde_json::to_string(&answer).expect("plain data")
            })
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    });
    match answering.await {
        Ok(answer) => Ok(([JSON], answer?).into_response()),
        // A decoder that panics has met bytes that its authors did not think of.
        Err(_) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the picture cannot be decoded; expected a whole PNG, JPEG or PGM picture",
        )),
    }
}

/// There was no turn, or no time.
pub(super) fn busy() -> Problem {
    let reason = "the server is busy; try again later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason).retry_after(std::time::Duration::from_secs(1))
}

fn question(query: &str) -> Result<Question, Problem> {
    let mut question = Question { polarity: Polarity::Auto, strongest: USUAL_STRONGEST };
    let refused = |reason: String| Problem::new(StatusCode::BAD_REQUEST, reason);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "polarity" => {
                question.polarity =
                    value.parse().map_err(|error: mlp_data::Error| refused(error.to_string()))?;
            }
            "strongest" => {
                let number = value.parse().ok().filter(|number| *number <= MAX_STRONGEST);
                let expected =
                    || format!("strongest is `{value}`; expected a number from 0 to {MAX_STRONGEST}");
                question.strongest = number.ok_or_else(|| refused(expected()))?;
            }
            _ => return Err(refused(format!("unknown parameter `{name}`; expected polarity or strongest"))),
        }
    }
    Ok(question)
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |reason| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return refused(format!("the body is encoded ({encoding:?}); expected the picture as it is"));
    }
    let Some(found) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = found.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    refused(format!(
        "the body is {found:?}; expected image/png, image/jpeg, image/x-portable-graymap or application/octet-stream"
    ))
}

/// The body of a request, if it is small and comes in time.
async fn read(request: Request, limits: &Limits) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_large = Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is too large; expected at most {} bytes", limits.body),
    );
    // Who asks first whether to send it is told at once.
    if announced.is_some_and(|length| length > limits.body as u64) && headers.contains_key(EXPECT) {
        return Err(too_large);
    }
    match timeout(limits.body_time, collect(request.into_body(), limits.body)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(too_large),
        Ok(Err(_)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "the body broke off; expected all of the picture"))
        }
        Err(_) => {
            let reason = format!("the body took more than {:?}; send it faster", limits.body_time);
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, reason))
        }
    }
}

/// The whole body; `None` if it has more than so many bytes. Of such a body the rest is read, too, up to a point: were it left lying, the client would be cut
/// off while it sends and never see the answer.
async fn collect(mut body: Body, most: usize) -> Result<Option<Bytes>, axum::Error> {
    const MAX_DISCARDED: usize = 16 << 20;
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) =
        std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await
    {
        let Ok(data) = frame?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= most {
            bytes.extend_from_slice(&data);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    Ok((length <= most).then(|| bytes.into()))
}
