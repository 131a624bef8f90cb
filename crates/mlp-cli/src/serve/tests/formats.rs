//! Bodies of all formats: files, forms, base64 and JSON, whatever type they declare.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mlp_data::picture::GrayPicture;
use serde_json::{Value, json};

use super::answer::Answer;
use super::{Server, picture, usual, wide};
use crate::plot::Raster;

const FORM: &str = "content-type: multipart/form-data; boundary=\"a b\"";

/// A form of parts: headers and content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (headers, content) in parts {
        form.extend_from_slice(format!("--a b\r\n{headers}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--a b--\r\n");
    form
}

/// The headers of a file in a field.
fn file(field: &str) -> String {
    format!(
        "Content-Disposition: form-data; name=\"{field}\"; filename=\"{field}.png\"\r\nContent-Type: image/png"
    )
}

fn text(field: &str) -> String {
    format!("content-disposition: form-data; name={field}")
}

fn post(server: &Server, kind: &str, body: impl AsRef<[u8]>) -> Answer {
    let header = if kind.is_empty() { "x: y".to_owned() } else { format!("content-type: {kind}") };
    server.ask("POST /predict?strongest=0", &[&header], body.as_ref())
}

/// Another digit.
fn other() -> Vec<u8> {
    let digits = mlp_data::synthetic::digits(40, 1, 9).train;
    Raster::gray(28, digits.image(39)).to_png()
}

/// The pixels of a picture in JSON.
fn rows(file: &[u8]) -> Value {
    let picture = GrayPicture::decode(file).unwrap();
    json!(picture.pixels().chunks(picture.width()).collect::<Vec<_>>())
}

/// The probabilities of an answer.
#[track_caller]
fn shares(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["probabilities"].clone()
}

/// The probabilities of each answer in a list.
#[track_caller]
fn lists(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    json["predictions"].as_array().unwrap().iter().map(|answer| answer["probabilities"].clone()).collect()
}

#[test]
fn a_picture_is_the_same_in_every_format() {
    let server = Server::start(usual(), wide());
    let png = picture();
    let expected = shares(&server.predict("", &png));
    let base64 = STANDARD.encode(&png);
    let lines = base64
        .as_bytes()
        .chunks(76)
        .map(|line| str::from_utf8(line).unwrap())
        .collect::<Vec<_>>()
        .join("\r\n");
    let url = format!("data:image/png;base64,{base64}");
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("", png.clone()),
        ("image/jpeg", png.clone()),
        ("application/x-www-form-urlencoded", png.clone()),
        ("", base64.clone().into()),
        ("text/plain", lines.clone().into()),
        ("application/x-www-form-urlencoded", url.clone().into()),
        ("application/json", base64.clone().into()),
        ("application/json", json!(base64).to_string().into()),
        ("application/json", json!({ "image": base64 }).to_string().into()),
        ("", format!(" \n{}", json!({ "data": url })).into()),
        ("application/x-www-form-urlencoded", json!({ "img": lines }).to_string().into()),
        ("text/plain", json!({ "image": { "b64": URL_SAFE_NO_PAD.encode(&png) } }).to_string().into()),
        ("application/json", [b"\xef\xbb\xbf".to_vec(), json!({ "x": url }).to_string().into()].concat()),
        ("application/vnd.api+json", json!({ "image": rows(&png) }).to_string().into()),
        ("application/json", json!(rows(&png)).to_string().into()),
    ];
    for (kind, body) in bodies {
        let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(shares(&post(&server, kind, &body)), expected, "{kind} {start}");
        assert_eq!(shares(&server.ask("PUT /predict", &[&format!("content-type: {kind}")], &body)), expected);
    }
    // One number per pixel, and a channel for each.
    let flat: Vec<Value> =
        rows(&png).as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap().clone()).collect();
    let channels: Vec<_> =
        flat.chunks(28).map(|row| row.iter().map(|level| json!([level])).collect::<Vec<_>>()).collect();
    for pixels in [json!(flat), json!(channels)] {
        assert_eq!(
            shares(&post(&server, "application/json", json!({ "image": pixels }).to_string())),
            expected
        );
    }
}

#[test]
fn forms_have_a_picture_in_any_field() {
    let server = Server::start(usual(), wide());
    let (png, base64) = (picture(), STANDARD.encode(picture()));
    let expected = shares(&server.predict("", &png));
    let [image, other_name, plain] =
        [file("image"), file("größe \"x\"".trim_end_matches('"')), text("picture")];
    for parts in [
        vec![(image.as_str(), &png[..])],
        vec![(other_name.as_str(), &png[..])],
        vec![(plain.as_str(), base64.as_bytes())],
        // A browser sends an empty file for a field without one.
        vec![("Content-Disposition: form-data; name=\"more\"; filename=\"\"", b""), (&image, &png)],
    ] {
        assert_eq!(shares(&server.ask("POST /predict", &[FORM], &form(&parts))), expected, "{parts:?}");
    }
    // The boundary may be missing from the header, or the whole header.
    for kind in ["content-type: multipart/form-data", "content-type: text/plain", "x: y"] {
        assert_eq!(
            shares(&server.ask("POST /predict", &[kind], &form(&[(&image, &png)]))),
            expected,
            "{kind}"
        );
    }
}

#[test]
fn parameters_may_be_in_the_query_a_form_or_json_but_only_once() {
    let server = Server::start(usual(), wide());
    let (png, base64) = (picture(), STANDARD.encode(picture()));
    let expected = server.predict("?polarity=dark-on-light&strongest=2", &png);
    let fields = [(text("polarity"), "dark-on-light"), (text("strongest"), "2")];
    let mut parts: Vec<(&str, &[u8])> =
        fields.iter().map(|(head, value)| (head.as_str(), value.as_bytes())).collect();
    let image = file("image");
    parts.push((&image, &png));
    assert_eq!(server.ask("POST /predict", &[FORM], &form(&parts)).json(), expected.json());
    let members = json!({ "polarity": "dark-on-light", "image": base64, "strongest": 2 }).to_string();
    assert_eq!(server.predict("", members.as_bytes()).json(), expected.json());

    let twice = "the parameter `polarity` is given twice";
    assert_eq!(server.predict("?polarity=auto&polarity=auto", &png).refusal(400), twice);
    assert_eq!(server.ask("POST /predict?polarity=auto", &[FORM], &form(&parts)).refusal(400), twice);
    assert_eq!(server.predict("?polarity=auto", members.as_bytes()).refusal(400), twice);
    let members = format!("{{\"image\":\"{base64}\",\"image\":\"{base64}\"}}");
    assert!(
        server.predict("", members.as_bytes()).refusal(400).contains("the member `image` is given twice")
    );
    let reason =
        server.predict("", json!({ "image": base64, "segment": "yes" }).to_string().as_bytes()).refusal(400);
    assert_eq!(reason, "segment is `yes`; expected true or false");
}

#[test]
fn several_pictures_are_answered_in_a_list_in_their_order() {
    let server = Server::start(usual(), wide());
    let files = [picture(), other()];
    let expected: Vec<_> = files.iter().map(|file| shares(&server.predict("", file))).collect();
    assert_ne!(expected[0], expected[1]);
    let (a, b) = (file("b"), file("a"));
    let body = form(&[(&a, &files[0]), (&b, &files[1])]);
    assert_eq!(lists(&server.ask("POST /predict", &[FORM], &body)), expected);
    let [x, y] = files.each_ref().map(|file| STANDARD.encode(file));
    for body in [
        json!([x, y]),
        json!({ "instances": [{ "b64": x }, { "b64": y }] }),
        json!({ "signature_name": "serving_default", "instances": [x, y] }),
        json!({ "instances": [{ "image": { "b64": x } }, { "image_bytes": { "b64": y } }] }),
        json!({ "inputs": [rows(&files[0]), rows(&files[1])] }),
        json!({ "data": { "ndarray": [x, rows(&files[1])] } }),
    ] {
        assert_eq!(lists(&server.predict("", body.to_string().as_bytes())), expected, "{body}");
    }
    // A list of one is a list.
    for body in [json!([x]), json!({ "instances": [rows(&files[0])] })] {
        assert_eq!(lists(&server.predict("", body.to_string().as_bytes())), expected[..1], "{body}");
    }
    // One bad picture is named, and refuses all.
    let body = form(&[(&a, &files[0]), (&b, &files[1][..60])]);
    assert!(server.ask("POST /predict", &[FORM], &body).refusal(422).starts_with("field `a`: "));
    let body =
        json!({ "instances": [{ "b64": x }, { "b64": STANDARD.encode(&files[1][..60]) }] }).to_string();
    assert!(server.predict("", body.as_bytes()).refusal(422).starts_with("instances[1].b64: "));
    let reason = server.predict("?segment=true", json!([x, y]).to_string().as_bytes()).refusal(422);
    assert_eq!(reason, "found 2 pictures; expected one with segment");
}

#[test]
fn bodies_without_pictures_are_refused_with_what_was_found() {
    let server = Server::start(usual(), wide());
    let base64 = STANDARD.encode(picture());
    let gray = |level: Value| json!({ "image": vec![vec![level; 28]; 28] });
    let json = "application/json";
    for (kind, body, status, expected) in [
        (json, "{".into(), 400, "malformed JSON: EOF"),
        (json, "image".into(), 400, "malformed JSON"),
        (json, "{\"a\":[".to_owned() + &"[".repeat(2000), 400, "malformed JSON: recursion limit"),
        (json, "{}".into(), 422, "found no picture; expected {\"image\": \"<base64>\"}"),
        (json, "[]".into(), 422, "found an empty list"),
        ("", json!({ "image": "" }).to_string(), 422, "`image`: found empty; expected a picture in base64"),
        (
            "",
            json!({ "image": "https://example.com/7.png" }).to_string(),
            422,
            "a URL, which the server does not fetch",
        ),
        ("", json!({ "image": "b'iVBOR'" }).to_string(), 422, "text that is not base64"),
        (
            "",
            json!({ "image": STANDARD.encode("no picture") }).to_string(),
            422,
            "image: it begins with 6e 6f 20 70",
        ),
        ("", json!({ "image": null }).to_string(), 422, "`image`: found null"),
        ("", json!({ "image": base64, "top_k": 3 }).to_string(), 422, "found both `image` and `top_k`"),
        ("", json!({ "a": [base64, 3] }).to_string(), 422, "`a[1]`: found a number"),
        (
            "",
            json!({ "image": [[1, 2], [3, 4]] }).to_string(),
            422,
            "an array of 2x2 numbers; expected 28 rows of 28 levels",
        ),
        ("", json!({ "image": [[1, 2], [3]] }).to_string(), 422, "an array whose rows differ in length"),
        ("", gray(json!(0.5)).to_string(), 422, "found the pixel 0.5; expected"),
        ("", gray(json!(256)).to_string(), 422, "found the pixel 256"),
        ("", gray(json!(-1)).to_string(), 422, "found the pixel -1"),
        ("", gray(json!(1)).to_string(), 422, "found pixels that are all 0 or 1"),
        ("application/x-www-form-urlencoded", format!("image={base64}"), 415, "--data-binary @picture.png"),
        // A picture that `curl -d` has changed.
        ("application/x-www-form-urlencoded", "\u{89}PNG\u{1a}IHDR".into(), 415, "(-d changes it)"),
        (
            "text/plain",
            "seven".into(),
            415,
            "unsupported content type text/plain; expected a picture such as image/png",
        ),
        ("text/html", "<html>".into(), 415, "it is an HTML page"),
        ("image/heic", "\0\0\0\x18ftypheic".into(), 422, "it is HEIC, which is not supported"),
        ("multipart/form-data", "seven".into(), 400, "no boundary; send it with curl -F image=@picture.png"),
        ("multipart/mixed; boundary=x", "--x\r\n\r\n".into(), 415, "expected a picture such as"),
    ] {
        let body: String = body;
        let reason = post(&server, kind, &body).refusal(status);
        assert!(reason.contains(expected), "{kind} {body:.80}: {reason}");
    }
}

#[test]
fn malformed_forms_are_refused() {
    let server = Server::start(usual(), wide());
    let (png, image) = (picture(), file("image"));
    let whole = form(&[(&image, &png)]);
    let ask = |body: &[u8]| server.ask("POST /predict", &[FORM], body);
    for end in [10, 80, whole.len() / 2, whole.len() - 6] {
        let reason = ask(&whole[..end]).refusal(400);
        assert!(reason.starts_with("malformed multipart form: "), "{end}: {reason}");
    }
    let model = text("model");
    let reason = ask(&form(&[(&image, &png), (&model, b"x")])).refusal(422);
    assert!(
        reason.starts_with("field `model` is neither a picture nor one of polarity, strongest, segment"),
        "{reason}"
    );
    let empty = "Content-Disposition: form-data; name=\"image\"; filename=\"\"";
    assert!(ask(&form(&[(empty, b"")])).refusal(400).contains("the form has no picture"));
    assert!(ask(b"--a b--\r\n").refusal(400).contains("the form has no picture"));
    assert!(ask(&form(&vec![(image.as_str(), &png[..]); 33])).refusal(413).contains("too many pictures"));
    assert!(ask(&form(&vec![(empty, b"".as_slice()); 40])).refusal(413).contains("too many fields"));
    let long = format!("{image}\r\nx: {}", "y".repeat(100_000));
    assert_eq!(ask(&form(&[(&long, &png)])).status, 200);
    let many = format!("{image}{}", "\r\nx: y".repeat(1000));
    assert!(ask(&form(&[(&many, &png)])).refusal(400).contains("malformed multipart form"));
}

#[test]
fn answers_note_what_the_client_should_know() {
    let server = Server::start(usual(), wide());
    let notes = |answer: &Answer| answer.json()["notes"].clone();
    assert_eq!(notes(&server.predict("", &picture())), json!([]));
    let mismatch = post(&server, "text/plain; charset=utf-8", picture());
    assert_eq!(notes(&mismatch), json!(["read as a picture, although the content type is text/plain"]));
    let white = [b"P5 40 40 255\n".to_vec(), vec![255; 1600]].concat();
    assert_eq!(
        notes(&server.predict("", &white)),
        json!(["the picture is blank, so the prediction is meaningless"])
    );

    // Three bars side by side.
    let is_ink = |x: usize, y: usize| (20..80).contains(&y) && matches!(x, 20..28 | 90..98 | 160..168);
    let row = |y| (0..190).map(move |x| if is_ink(x, y) { 0 } else { 255 });
    let bars = [b"P5 190 100 255\n".to_vec(), (0..100).flat_map(row).collect()].concat();
    let answer = server.predict("", &bars);
    assert_eq!(notes(&answer), json!(["the picture may show 3 digits; segment=true classifies each"]));
    let segments = server.predict("?segment=true", &bars).json();
    let segments = segments["predictions"].as_array().unwrap();
    assert_eq!(segments.len(), 3);
    assert!(segments.iter().all(|answer| answer["notes"] == json!([]) && answer["inverted"] == true));

    let mut trained = usual();
    trained.metadata.polarity = mlp_data::picture::Polarity::LightOnDark;
    let server = Server::start(trained, wide());
    let opposite =
        "the picture does not look light-on-dark like the training pictures; polarity=auto detects it";
    assert!(notes(&server.predict("", &bars)).as_array().unwrap().contains(&json!(opposite)));
    assert_eq!(notes(&server.predict("?polarity=auto", &bars)).as_array().unwrap().len(), 1);
}
