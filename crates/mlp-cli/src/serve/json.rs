//! Pictures in JSON: base64 text, or arrays of pixels with the size of the model's images. Members
//! may have any name and be nested, so that requests written for other servers work:
//! `{"image": "…"}`, `{"instances": [{"b64": "…"}]}`, `{"inputs": [[[0, 255, …], …]]}`. An error
//! names a member that is neither a picture nor a parameter.

use std::fmt::{self, Formatter};

use axum::http::StatusCode;
use mlp_data::ImageShape;
use mlp_data::picture::GrayPicture;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::encoded;
use super::options::{NAMES, shown};
use super::problem::Problem;
use super::upload::{Content, Upload};

/// Maximum length of the place of a value in messages.
const MAX_PLACE: usize = 200;

/// Maximum number of members of an object.
const MAX_MEMBERS: usize = 16;

/// Maximum number of values: many more than the pixels of all pictures, and a bound on memory.
const MAX_VALUES: usize = 1 << 19;

/// A value. `serde_json::Value` would keep only the last of members with the same name.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Reads a body.
///
/// # Errors
/// If it is malformed, or has anything but pictures and parameters.
pub(super) fn read(body: &[u8], shape: ImageShape, upload: &mut Upload) -> Result<(), Problem> {
    let malformed = |error: serde_json::Error| {
        let reason = format!("malformed JSON: {}", shown(&error.to_string()));
        Problem::new(StatusCode::BAD_REQUEST, reason)
    };
    // Each value but the first in a list or an object follows a comma or begins one.
    let values = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > MAX_VALUES {
        let reason = format!("more than {MAX_VALUES} values in JSON; send pictures in base64");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    // A byte order mark, which some clients send.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut root: Node = serde_json::from_slice(body).map_err(malformed)?;
    if let Node::Object(members) = &mut root {
        for (name, value) in members.extract_if(.., |(name, _)| NAMES.contains(&name.as_str())) {
            let value = match value {
                Node::Text(text) => text,
                Node::Number(number) => number.to_string(),
                Node::Bool(value) => value.to_string(),
                other => return Err(unexpected(&name, other.kind(), "text, a number, true or false")),
            };
            upload.options.set(&name, &value)?;
        }
        // Clients of TensorFlow Serving name the signature, and this is the only one.
        members.retain(|(name, value)| {
            name != "signature_name" || !matches!(value, Node::Text(text) if text == "serving_default")
        });
    }
    find(root, "", shape, upload)?;
    if upload.pictures.is_empty() {
        return Err(unexpected("", "no picture", EXPECTED));
    }
    Ok(())
}

const EXPECTED: &str = "{\"image\": \"<base64>\"}";

/// Finds the pictures in a value.
fn find(node: Node, place: &str, shape: ImageShape, upload: &mut Upload) -> Result<(), Problem> {
    match node {
        Node::Text(text) => {
            let file =
                encoded::decode(&text).map_err(|found| unexpected(place, &found, "a picture in base64"))?;
            upload.push(place.to_owned(), Content::File(file.into()))
        }
        Node::List(items) if items.is_empty() => Err(unexpected(place, "an empty list", EXPECTED)),
        Node::List(items) => {
            match pixels(&items, shape).map_err(|found| unexpected(place, &found, &levels(shape)))? {
                Some(picture) => upload.push(place.to_owned(), Content::Pixels(picture)),
                None => {
                    upload.is_list = true;
                    for (i, item) in items.into_iter().enumerate() {
                        find(item, &below(place, &format!("[{i}]")), shape, upload)?;
                    }
                    Ok(())
                }
            }
        }
        Node::Object(members) => {
            if let [(first, _), (second, _), ..] = &members[..] {
                let found = format!("both `{}` and `{}`", shown(first), shown(second));
                let expected = format!("one picture, and no members but {}", NAMES.join(", "));
                return Err(unexpected(place, &found, &expected));
            }
            let dot = if place.is_empty() { "" } else { "." };
            members.into_iter().try_for_each(|(name, value)| {
                find(value, &below(place, &format!("{dot}{}", shown(&name))), shape, upload)
            })
        }
        other => Err(unexpected(place, other.kind(), EXPECTED)),
    }
}

/// The place of a member or an element.
fn below(place: &str, step: &str) -> String {
    format!("{place}{step}").chars().take(MAX_PLACE).collect()
}

fn levels(shape: ImageShape) -> String {
    format!("{} rows of {} levels from 0 to 255", shape.height, shape.width)
}

/// Reads an array of pixels; `None` if it is a list of something else.
///
/// # Errors
/// Describes an array of numbers that is not a picture.
fn pixels(items: &[Node], shape: ImageShape) -> Result<Option<GrayPicture>, String> {
    let Some(dimensions) = dimensions(items)? else { return Ok(None) };
    let ImageShape { height, width } = shape;
    let is_picture = |dimensions: &[usize]| {
        [&[height * width][..], &[height, width], &[height, width, 1]].contains(&dimensions)
    };
    if !is_picture(&dimensions) {
        // A batch of pictures.
        if is_picture(&dimensions[1..]) {
            return Ok(None);
        }
        let dimensions: Vec<_> = dimensions.iter().map(usize::to_string).collect();
        return Err(format!("an array of {} numbers", dimensions.join("x")));
    }
    let mut levels = Vec::with_capacity(height * width);
    flatten(items, &mut levels)?;
    if levels.iter().all(|&level| level <= 1) && levels.contains(&1) {
        return Err("pixels that are all 0 or 1".to_owned());
    }
    GrayPicture::new(width, height, levels).map(Some).map_err(|error| error.to_string())
}

/// The dimensions of an array of numbers; `None` for a list of something else.
fn dimensions(items: &[Node]) -> Result<Option<Vec<usize>>, String> {
    let below = |item: &Node| match item {
        Node::Number(_) => Ok(Some(Vec::new())),
        Node::List(items) => dimensions(items),
        _ => Ok(None),
    };
    let Some((first, others)) = items.split_first() else { return Ok(None) };
    let Some(mut dimensions) = below(first)? else { return Ok(None) };
    for other in others {
        if below(other)?.as_ref() != Some(&dimensions) {
            return Err("an array whose rows differ in length".to_owned());
        }
    }
    dimensions.insert(0, items.len());
    Ok(Some(dimensions))
}

fn flatten(items: &[Node], levels: &mut Vec<u8>) -> Result<(), String> {
    items.iter().try_for_each(|item| match item {
        Node::List(items) => flatten(items, levels),
        Node::Number(number) if (0.0..=255.0).contains(number) && number.fract() == 0.0 => {
            levels.push(*number as u8);
            Ok(())
        }
        Node::Number(number) => Err(format!("the pixel {number}")),
        other => Err(other.kind().to_owned()),
    })
}

fn unexpected(place: &str, found: &str, expected: &str) -> Problem {
    let place = if place.is_empty() { String::new() } else { format!("`{place}`: ") };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{place}found {found}; expected {expected}"))
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNode;

        impl<'de> Visitor<'de> for AnyNode {
            type Value = Node;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Number(value as f64))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Number(value as f64))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Number(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                std::iter::from_fn(|| items.next_element().transpose())
                    .collect::<Result<_, _>>()
                    .map(Node::List)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
                let mut object: Vec<(String, Node)> = Vec::new();
                while let Some(name) = members.next_key::<String>()? {
                    if object.len() == MAX_MEMBERS {
                        let reason = format!("an object with more than {MAX_MEMBERS} members");
                        return Err(A::Error::custom(reason));
                    }
                    if object.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(format!(
                            "the member `{}` is given twice",
                            shown(&name)
                        )));
                    }
                    object.push((name, members.next_value()?));
                }
                Ok(Node::Object(object))
            }
        }

        deserializer.deserialize_any(AnyNode)
    }
}
