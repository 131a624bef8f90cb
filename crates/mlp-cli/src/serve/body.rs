//! Reads request bodies within the limits of size and time.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use tokio::time::timeout;

use super::limits::Limits;
use super::problem::Problem;

/// Maximum number of bytes read from a body that is too large.
const MAX_DISCARDED: usize = 16 << 20;

/// Reads a body that must be small, unencoded, and arrive in time.
pub(super) async fn read(request: Request, limits: &Limits) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let refused = |status, reason: String| Err(Problem::new(status, reason));
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let reason = format!("unsupported content encoding {encoding:?}; send the body unencoded");
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
    }
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        let reason =
            "no body and no Content-Length; send a picture, for example with curl --data-binary @picture.png";
        return refused(StatusCode::LENGTH_REQUIRED, reason.to_owned());
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_large = format!("the body is too large; expected at most {} bytes", limits.body);
    // A client that waits for permission to send the body gets an immediate answer.
    if announced.is_some_and(|length| length > limits.body as u64) && headers.contains_key(EXPECT) {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, too_large);
    }
    match timeout(limits.body_time, collect(request.into_body(), limits.body)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => refused(StatusCode::PAYLOAD_TOO_LARGE, too_large),
        Ok(Err(_)) => refused(StatusCode::BAD_REQUEST, "the body is incomplete; send all of it".to_owned()),
        Err(_) => {
            let reason = format!("the body took longer than {:?}; send it faster", limits.body_time);
            refused(StatusCode::REQUEST_TIMEOUT, reason)
        }
    }
}

/// Reads the whole body; `None` if it exceeds `max` bytes. The rest of a large body is discarded up
/// to a limit, because resetting the connection while the client is sending would hide the answer.
async fn collect(mut body: Body, max: usize) -> Result<Option<Bytes>, axum::Error> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= max {
            bytes.extend_from_slice(&data);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    Ok((length <= max).then(|| bytes.into()))
}
