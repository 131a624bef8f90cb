//! Forms from browsers and `curl -F` (`multipart/form-data`): a field named after a parameter sets
//! it; every other field is a picture.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use mlp_data::picture::GrayPicture;
use multer::{Field, Multipart};

use super::encoded;
use super::options::{NAMES, shown};
use super::problem::Problem;
use super::upload::{Content, MAX_PICTURES, Upload};

/// Maximum number of fields.
const MAX_FIELDS: usize = MAX_PICTURES + NAMES.len();

/// Maximum length of a boundary (RFC 2046).
const MAX_BOUNDARY: usize = 70;

/// Returns the boundary of the fields if the body is a form: the one in its content type, or, if
/// the client has omitted it, the first line of the body.
pub(super) fn boundary(content_type: &str, body: &[u8]) -> Option<String> {
    multer::parse_boundary(content_type).ok().or_else(|| {
        let end = body.iter().take(MAX_BOUNDARY + 3).position(|byte| *byte == b'\r')?;
        let boundary = str::from_utf8(body[..end].strip_prefix(b"--")?).ok()?;
        let field = body[end..].trim_ascii_start();
        let is_field = field.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
        (is_field && !boundary.is_empty()).then(|| boundary.to_owned())
    })
}

/// Reads a form.
///
/// # Errors
/// If it is malformed, or a field is neither a picture nor a parameter.
pub(super) async fn read(body: Bytes, boundary: String, upload: &mut Upload) -> Result<(), Problem> {
    let mut form = Multipart::new(Body::from(body).into_data_stream(), boundary);
    let malformed = |error: multer::Error| {
        let reason = format!("malformed multipart form: {}; send the whole form", shown(&error.to_string()));
        Problem::new(StatusCode::BAD_REQUEST, reason)
    };
    let mut count = 0;
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        count += 1;
        if count > MAX_FIELDS {
            let reason = format!("too many fields in the form; expected at most {MAX_FIELDS}");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let (name, file_name) = (field.name().unwrap_or_default().to_owned(), file_name(&field));
        let content = field.bytes().await.map_err(malformed)?;
        if NAMES.contains(&name.as_str()) {
            upload.options.set(&name, &String::from_utf8_lossy(&content))?;
        } else if !(content.is_empty() && file_name.as_deref() == Some("")) {
            // Otherwise a browser's form without a selected file.
            upload.push(format!("field `{}`", shown(&name)), picture(&name, content)?)?;
        }
    }
    if upload.pictures.is_empty() {
        let reason = "the form has no picture; send one with curl -F image=@picture.png";
        return Err(Problem::new(StatusCode::BAD_REQUEST, reason));
    }
    upload.is_list = upload.pictures.len() > 1;
    Ok(())
}

fn file_name(field: &Field<'_>) -> Option<String> {
    field.file_name().map(str::to_owned)
}

/// The picture in a field: a file, or base64.
fn picture(name: &str, content: Bytes) -> Result<Content, Problem> {
    if GrayPicture::is_known(&content) {
        return Ok(Content::File(content));
    }
    let decoded = str::from_utf8(&content).ok().and_then(|text| encoded::decode(text).ok());
    if let Some(file) = decoded {
        return Ok(Content::File(file.into()));
    }
    let kind = GrayPicture::memory_to_decode(&content).err().map_or(String::new(), |error| error.to_string());
    let reason =
        format!("field `{}` is neither a picture nor one of {}: {kind}", shown(name), NAMES.join(", "));
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
}
