//! Holds the server to its OpenAPI file: every answer to any test must be described there, and
//! everything described must happen.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::Limits;
use super::super::router::routes;
use super::described::{DOCUMENT, check, validate};
use super::life::SHORT;
use super::{Server, model, picture, usual, wide};

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
                413 => server.ask(&line, &[], &vec![b'x'; (16 << 20) + 1]),
                415 => server.ask(&line, &["content-type: text/plain"], b"a digit"),
                422 => server.ask(&line, &[], &file[..file.len() / 2]),
                429 => {
                    let mut answers = (0..100).map(|_| refusing.ask(&line, &[], body));
                    answers.find(|answer| answer.status != 200).expect("a refusal")
                }
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
