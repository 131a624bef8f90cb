//! Reads request bodies and checks their type, size and time.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use tokio::time::timeout;

use super::limits::Limits;
use super::problem::Problem;

/// Accepted media types: pictures, and what clients send by default (curl sends a form type).
const PICTURES: [&str; 9] = [
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

/// Maximum number of bytes read from a body that is too large.
const MAX_DISCARDED: usize = 16 << 20;

/// Reads the picture file in the body.
pub(super) async fn read_picture(request: Request, limits: &Limits) -> Result<Bytes, Problem> {
    check_type(request.headers())?;
    let file = read(request, limits).await?;
    if file.is_empty() {
        let reason = "empty body; expected a PNG, JPEG, WebP, BMP, TIFF, GIF or PNM picture";
        return Err(Problem::new(StatusCode::BAD_REQUEST, reason));
    }
    Ok(file)
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |reason| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return refused(format!("unsupported content encoding {encoding:?}; send the picture unencoded"));
    }
    let Some(found) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = found.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if PICTURES.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    refused(format!(
        "unsupported content type {found:?}; expected image/png, image/jpeg, image/x-portable-graymap or \
         application/octet-stream"
    ))
}

/// Reads a body that must be small and arrive in time.
async fn read(request: Request, limits: &Limits) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let refused = |status, reason: String| Err(Problem::new(status, reason));
    let too_large = format!("the body is too large; expected at most {} bytes", limits.body);
    // A client that waits for permission to send the body gets an immediate answer.
    if announced.is_some_and(|length| length > limits.body as u64) && headers.contains_key(EXPECT) {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, too_large);
    }
    match timeout(limits.body_time, collect(request.into_body(), limits.body)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => refused(StatusCode::PAYLOAD_TOO_LARGE, too_large),
        Ok(Err(_)) => {
            refused(StatusCode::BAD_REQUEST, "the body is incomplete; send the whole picture".to_owned())
        }
        Err(_) => {
            let reason = format!("the body took more than {:?}; send it faster", limits.body_time);
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
