//! Reads request bodies within the limits of size and time. Large ones wait for a turn.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use tokio::time::{Instant, timeout_at};

use super::limits::Limits;
use super::peer::Peer;
use super::problem::Problem;
use super::turns::{Turn, Turns};

/// Maximum number of bytes discarded of a body that is too large.
const MAX_DISCARDED: usize = 16 << 20;

/// A body, and the turn of a large one, to keep as long as the body is in memory.
pub(super) struct Received {
    pub(super) bytes: Bytes,
    pub(super) turn: Option<Turn>,
}

/// Reads a body that must be unencoded, not too large, and arrive in time.
pub(super) async fn read(
    request: Request,
    limits: &Limits,
    turns: &Turns,
    peer: Peer,
) -> Result<Received, Problem> {
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
    let mut body = request.into_body();
    let mut received = Received { bytes: Bytes::new(), turn: None };
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    let mut deadline = Instant::now() + limits.body_time;
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let Ok(frame) = timeout_at(deadline, frame).await else {
            let reason = format!("the body took longer than {:?}; send it faster", limits.body_time);
            return refused(StatusCode::REQUEST_TIMEOUT, reason);
        };
        let Some(frame) = frame else { break };
        let Ok(frame) = frame else {
            return refused(StatusCode::BAD_REQUEST, "the body is incomplete; send all of it".to_owned());
        };
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        // The rest of a body that is too large is discarded up to a limit, because resetting the
        // connection while the client is sending would hide the answer.
        if length > limits.body {
            (bytes, received.turn) = (Vec::new(), None);
            if length > limits.body + MAX_DISCARDED {
                break;
            }
            continue;
        }
        if length > limits.small_body && received.turn.is_none() {
            let before = Instant::now();
            received.turn = Some(turns.take_body(peer).await?);
            deadline += before.elapsed();
            let whole = announced.map_or(limits.body, |length| length as usize).min(limits.body);
            bytes.reserve_exact(whole.saturating_sub(bytes.len()));
        }
        bytes.extend_from_slice(&data);
    }
    if length > limits.body {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, too_large);
    }
    received.bytes = bytes.into();
    Ok(received)
}
