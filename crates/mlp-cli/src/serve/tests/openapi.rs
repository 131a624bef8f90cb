//! Holds the server to its OpenAPI file: every answer to any test must be described there, and
//! everything described must happen.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::super::Limits;
use super::super::assets::ASSETS;
use super::super::router::routes;
use super::client::Answer;
use super::life::SHORT;
use super::{Server, model, picture, usual, wide};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
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
fn validate(schema: &'static Value, value: &Value) -> Result<(), String> {
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

/// All described operations: path, method, and statuses.
fn operations() -> Vec<(&'static str, String, Vec<u16>)> {
    let mut operations = Vec::new();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let statuses = statuses.map(|status| status.parse().unwrap()).collect();
            operations.push((path.as_str(), method.to_uppercase(), statuses));
        }
    }
    operations
}

#[test]
fn the_file_and_the_server_have_the_same_routes_and_methods() {
    let server = Server::start(usual(), wide());
    let described: BTreeSet<&str> =
        DOCUMENT["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, routes().iter().map(|&(path, _)| path).collect());
    for path in described {
        let answer = server.ask(&format!("OPTIONS {}", path.replace("{file}", "0.png")), &[], b"");
        let allowed: BTreeSet<_> = answer.header("allow").unwrap().split(',').map(str::to_owned).collect();
        let methods = operations().into_iter().filter(|(of, ..)| *of == path).map(|(_, method, _)| method);
        let heads = if allowed.contains("GET") { vec!["HEAD".to_owned()] } else { vec![] };
        assert_eq!(allowed, methods.chain(heads).collect(), "{path}");
    }
}

#[test]
fn every_described_status_happens() {
    let server = Server::start(usual(), wide());
    let refusing = Server::start(usual(), Limits { rate: 1, ..Limits::default() });
    for _ in 0..8 {
        let _ = refusing.get("/model");
    }
    let slow = Server::start(usual(), Limits { body_time: SHORT, ..wide() });
    let busy = Server::start(usual(), Limits { pictures: 0, request_time: SHORT, ..wide() });
    let file = picture();
    for (path, method, statuses) in operations() {
        let line = format!("{method} {}", path.replace("{file}", "0.png"));
        let body = if method == "GET" { b"" } else { &file[..] };
        for status in statuses {
            let answer = match status {
                200 => server.ask(&line, &[], body),
                400 => {
                    let mut connection = server.connect();
                    connection.send(format!("{line} HTTP/1.1\r\ncontent-length: 0\r\n\r\n").as_bytes());
                    let answer = connection.answer_to(&line).unwrap();
                    check(&line, &answer);
                    answer
                }
                403 => server.ask(&line, &["origin: null"], body),
                404 => server.ask(&line.replace("0.png", "99.png"), &[], body),
                408 => {
                    let mut connection = slow.connect();
                    connection.send_head(&line, &[], 5000);
                    let answer = connection.answer_to(&line).unwrap();
                    check(&line, &answer);
                    answer
                }
                411 => {
                    let mut connection = server.connect();
                    connection.send(format!("{line} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
                    let answer = connection.answer_to(&line).unwrap();
                    check(&line, &answer);
                    answer
                }
                413 => server.ask(&line, &[], &vec![b'x'; (1 << 20) + 1]),
                415 => server.ask(&line, &["content-type: text/plain"], b"a digit"),
                422 => server.ask(&line, &[], &file[..file.len() / 2]),
                429 => refusing.ask(&line, &[], body),
                503 => busy.ask(&line, &[], body),
                _ => panic!("{line}: nothing provokes {status}"),
            };
            assert_eq!(answer.status, status, "{line}");
        }
    }
    for (line, status) in [("DELETE /predict", 405), ("OPTIONS /", 204), ("GET /nothing", 404)] {
        assert_eq!(server.ask(line, &[], b"").status, status);
    }
}

#[test]
fn models_of_all_kinds_are_described() {
    let names: Vec<String> = (0..300).map(|i| format!("class {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // No hidden layers; many classes; a layer whose activations are not listed.
    for model in [model(&[], &["zero", "one"]), model(&[3], &names), model(&[4097], &["a", "b"])] {
        let server = Server::start(model, wide());
        assert_eq!(server.get("/model").status, 200);
        assert_eq!(server.predict("?segment", &picture()).json()["predictions"].as_array().unwrap().len(), 1);
        assert_eq!(server.predict("", b"P5 3 3 255\n123456789").status, 200);
    }
}

#[test]
fn what_the_file_does_not_describe_is_found() {
    let prediction = &DOCUMENT["components"]["schemas"]["Prediction"];
    let answer = Server::start(usual(), wide()).predict("", &picture()).json();
    assert_eq!(validate(prediction, &answer), Ok(()));
    for (pointer, wrong) in [
        ("/class", json!(-1)),
        ("/class", json!(0.5)),
        ("/probability", json!(1.1)),
        ("/blank", json!("false")),
        ("/image/pixels/0", json!(256)),
        ("/hidden/0/strongest/0", json!({ "unit": 1 })),
        ("/hidden/0", json!({ "layer": 1, "units": 0, "strongest": [], "more": 1 })),
    ] {
        let mut answer = answer.clone();
        *answer.pointer_mut(pointer).unwrap() = wrong;
        assert!(validate(prediction, &answer).is_err(), "{pointer}");
    }
}
