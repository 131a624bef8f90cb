//! Compares answers with the OpenAPI file.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::super::assets::ASSETS;
use super::answer::Answer;

/// The OpenAPI file.
pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let file = ASSETS.iter().find(|asset| asset.path == "/openapi.json").unwrap();
    serde_json::from_str(file.content).unwrap()
});

/// Follows a reference.
fn resolve(value: &'static Value) -> &'static Value {
    match value.get("$ref") {
        Some(reference) => DOCUMENT.pointer(reference.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

/// Checks the answer to a request with this first line.
#[track_caller]
pub(super) fn check(line: &str, answer: &Answer) {
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let path = format!("/{}", target.split('?').next().unwrap().trim_matches('/'));
    let path = if path.starts_with("/units/") { "/units/{file}" } else { &path };
    let named = method.replace("HEAD", "GET").to_lowercase();
    let operation = DOCUMENT["paths"].get(path).and_then(|path| path.get(named));
    let status = answer.status.to_string();
    let described = [operation.unwrap_or(&Value::Null), &DOCUMENT["x-any-path"]];
    let described = described.into_iter().find_map(|described| described.get("responses")?.get(&status));
    let described = resolve(described.unwrap_or_else(|| panic!("{line}: {status} is not described")));
    for name in described.get("headers").iter().flat_map(|headers| headers.as_object().unwrap().keys()) {
        assert!(answer.header(&name.to_lowercase()).is_some(), "{line}: {status} has no header {name}");
    }
    let Some(content) = described.get("content") else {
        return assert!(answer.body.is_empty(), "{line}: {status} has a body");
    };
    let found = answer.header("content-type").unwrap();
    let content =
        content.get(found).unwrap_or_else(|| panic!("{line}: {status} is described without {found}"));
    if let Some(schema) = content.get("schema").filter(|_| method != "HEAD") {
        let body = if found == "application/json" { answer.json() } else { json!(answer.text()) };
        validate(schema, &body).unwrap_or_else(|error| panic!("{line}: {status}: {error}"));
    }
}

/// Checks a value against a schema, as far as the file uses JSON Schema.
pub(super) fn validate(schema: &'static Value, value: &Value) -> Result<(), String> {
    let schema = resolve(schema).as_object().unwrap();
    for (keyword, argument) in schema {
        let number = |value: &Value| value.as_f64().unwrap();
        let is_valid = match keyword.as_str() {
            "type" => match argument.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "number" => value.is_number(),
                "integer" => value.is_u64() || value.is_i64(),
                other => panic!("unknown type {other}"),
            },
            "const" => value == argument,
            "minimum" => number(value) >= number(argument),
            "maximum" => number(value) <= number(argument),
            "required" => {
                let missing = argument
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|name| value.get(name.as_str().unwrap()).is_none());
                match missing {
                    Some(name) => return Err(format!("{name} is missing")),
                    None => true,
                }
            }
            "properties" => {
                for (name, value) in value.as_object().unwrap() {
                    let schema = argument.get(name).ok_or_else(|| format!("{name} is not described"))?;
                    validate(schema, value).map_err(|error| format!("{name}: {error}"))?;
                }
                true
            }
            "items" => {
                value.as_array().unwrap().iter().try_for_each(|item| validate(argument, item))?;
                true
            }
            "oneOf" => {
                let results = argument.as_array().unwrap().iter().map(|schema| validate(schema, value));
                results.filter(|result| result.is_ok()).count() == 1
            }
            // Every schema with properties has it, and the loop above obeys.
            "additionalProperties" => *argument == false && schema.contains_key("properties"),
            "description" => true,
            other => panic!("unknown keyword {other}"),
        };
        if !is_valid {
            return Err(format!("{value} does not have {keyword} {argument}"));
        }
    }
    Ok(())
}
