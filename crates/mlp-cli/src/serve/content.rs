//! Finds the pictures in a body. The format is detected from the first bytes, because clients often
//! declare none or a wrong one: curl labels a file as a form.

use axum::body::Bytes;
use axum::http::StatusCode;
use mlp_data::ImageShape;
use mlp_data::picture::GrayPicture;

use super::options::{Options, shown};
use super::problem::Problem;
use super::upload::{Content, Upload};
use super::{encoded, form, json};

/// The content type of most clients that do not know what they send.
const FORM: &str = "application/x-www-form-urlencoded";

const FORMATS: &str = "a PNG, JPEG, WebP, BMP, TIFF, GIF or PNM picture";

/// Reads the pictures in a body with a declared type, which may be empty. `shape` is the size of a
/// picture in an array of pixels.
///
/// # Errors
/// If there are none, or if the body is malformed.
pub(super) async fn read(
    declared: &str,
    body: Bytes,
    options: Options,
    shape: ImageShape,
) -> Result<Upload, Problem> {
    let mut upload = Upload { options, ..Upload::default() };
    if body.is_empty() {
        let reason = format!("empty body; expected {FORMATS}, a form or JSON");
        return Err(Problem::new(StatusCode::BAD_REQUEST, reason));
    }
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_untyped = matches!(essence.as_str(), "" | FORM | "application/octet-stream");
    if GrayPicture::is_known(&body) {
        if !is_untyped && !essence.starts_with("image/") {
            upload.note =
                Some(format!("read as a picture, although the content type is {}", shown(&essence)));
        }
        upload.push(String::new(), Content::File(body))?;
        return Ok(upload);
    }
    if let Some(boundary) = form::boundary(declared, &body) {
        form::read(body, boundary, &mut upload).await?;
        return Ok(upload);
    }
    if let Some(file) = base64_picture(&body) {
        upload.push(String::new(), Content::File(file.into()))?;
        return Ok(upload);
    }
    let is_json = essence == "application/json" || essence.ends_with("+json");
    if is_json || matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) {
        json::read(&body, shape, &mut upload)?;
        return Ok(upload);
    }
    let kind = match GrayPicture::memory_to_decode(&body) {
        Err(error) => error.to_string(),
        Ok(_) => FORMATS.to_owned(),
    };
    Err(if essence == "multipart/form-data" {
        let reason = "malformed multipart form: no boundary; send it with curl -F image=@picture.png";
        Problem::new(StatusCode::BAD_REQUEST, reason)
    } else if essence == FORM {
        let reason = format!(
            "unsupported content type {FORM} ({kind}); send the file with curl --data-binary @picture.png (-d \
             changes it), or a form with curl -F image=@picture.png"
        );
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    } else if is_untyped || essence.starts_with("image/") {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind)
    } else {
        let reason = format!(
            "unsupported content type {}; expected a picture such as image/png, multipart/form-data or \
             application/json; the body is something else: {kind}",
            shown(declared)
        );
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    })
}

/// Decodes a body that is a picture in base64.
fn base64_picture(body: &[u8]) -> Option<Vec<u8>> {
    let file = encoded::decode(str::from_utf8(body).ok()?).ok()?;
    GrayPicture::is_known(&file).then_some(file)
}
