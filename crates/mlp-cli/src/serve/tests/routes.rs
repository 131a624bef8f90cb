//! The routes and their answers.

use mlp_data::picture::{GrayPicture, Polarity};
use mlp_train::Kernel;
use serde_json::{Value, json};

use super::super::Limits;
use super::super::assets::ASSETS;
use super::super::router::routes;
use super::{Server, model, picture, usual, wide};

/// The numbers at `pointer` in each element of an array.
fn numbers(array: &Value, pointer: &str) -> Vec<f64> {
    let elements = array.as_array().unwrap().iter();
    elements.map(|element| element.pointer(pointer).unwrap().as_f64().unwrap()).collect()
}

#[test]
fn the_page_is_complete_and_loads_nothing_from_elsewhere() {
    let server = Server::start(usual(), wide());
    for asset in ASSETS {
        let answer = server.get(asset.path);
        assert_eq!((answer.status, answer.text()), (200, asset.content), "{}", asset.path);
        assert_eq!(answer.header("content-type"), Some(asset.media_type));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        if asset.path == "/openapi.json" {
            continue;
        }
        // The page refers to its own files only, by relative names. (The SVG namespace is not an
        // address.)
        let outside = asset.content.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http:") && !outside.contains("https:"), "{}", asset.path);
        for quoted in asset.content.split('"').skip(1).step_by(2) {
            let name = quoted.trim_start_matches("./");
            if [".js", ".css", ".svg"].iter().any(|ending| name.ends_with(ending)) {
                assert!(ASSETS.iter().any(|asset| asset.path[1..] == *name), "{name} in {}", asset.path);
            }
        }
    }
    let head = server.ask("HEAD /", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 500);
}

#[test]
fn the_answer_to_a_picture_is_the_output_of_the_network() {
    let (model, file) = (usual(), picture());
    let preprocessed = model.metadata.preprocessing.preprocess(
        &GrayPicture::decode(&file).unwrap(),
        model.metadata.image_shape,
        Polarity::Auto,
    );
    let expected =
        model.network.probabilities(&preprocessed.pixels, Kernel::Auto).unwrap().into_raw_vec_and_offset().0;
    let first =
        model.network.activations(&preprocessed.pixels, 0, Kernel::Auto).unwrap().into_raw_vec_and_offset().0;

    let server = Server::start(usual(), wide());
    let answer = server.predict("", &file).json();
    assert_eq!(numbers(&answer["probabilities"], "/probability"), expected);
    let class = answer["class"].as_u64().unwrap() as usize;
    assert_eq!(answer["probability"].as_f64(), expected.iter().copied().reduce(f64::max));
    assert_eq!(answer["probability"].as_f64().unwrap(), expected[class]);
    assert_eq!(answer["name"], ["zero", "one", "two"][class]);
    assert_eq!((&answer["blank"], &answer["inverted"]), (&json!(false), &json!(false)));
    assert_eq!(answer["image"]["pixels"], json!(preprocessed.pixels));

    let hidden = answer["hidden"].as_array().unwrap();
    let sizes: Vec<_> = hidden.iter().map(|layer| (&layer["layer"], &layer["units"])).collect();
    assert_eq!(sizes, [(&json!(1), &json!(9)), (&json!(2), &json!(5))]);
    for (found, expected) in numbers(&hidden[0]["activations"], "").iter().zip(&first) {
        // Activations are rounded to four decimals.
        assert!((found - expected).abs() <= 0.5e-4 * 1.000_1, "{found} {expected}");
    }
    let strongest = numbers(&hidden[0]["strongest"], "/activation");
    assert!(strongest.len() == 9 && strongest.is_sorted_by(|a, b| a.abs() >= b.abs()), "{strongest:?}");
    let two = server.predict("?strongest=2", &file).json();
    assert_eq!(two["hidden"][1]["strongest"].as_array().unwrap().len(), 2);
}

#[test]
fn light_and_dark_are_swapped_if_necessary_or_requested() {
    let server = Server::start(usual(), wide());
    let light = picture();
    let gray = GrayPicture::decode(&light).unwrap();
    let dark: Vec<u8> = gray.pixels().iter().map(|level| 255 - level).collect();
    let dark = [b"P5 28 28 255\n".to_vec(), dark].concat();
    let [a, b] = [&light, &dark].map(|file| server.predict("", file).json());
    assert_eq!((&a["inverted"], &b["inverted"]), (&json!(false), &json!(true)));
    assert_eq!((&a["image"], &a["probabilities"]), (&b["image"], &b["probabilities"]));
    let forced = server.predict("?polarity=dark-on-light&strongest=0", &light).json();
    assert_eq!(forced["inverted"], true);
    assert_ne!(forced["image"], a["image"]);
}

#[test]
fn an_empty_picture_is_blank() {
    let server = Server::start(usual(), wide());
    let white = [b"P5 40 40 255\n".to_vec(), vec![255; 1600]].concat();
    assert_eq!(server.predict("", &white).json()["blank"], true);
    assert!(server.get("/metrics").text().contains("\nmlp_blank_pictures_total 1\n"));
}

#[test]
fn the_model_is_described_and_its_units_have_images() {
    let server = Server::start(usual(), wide());
    let about = server.get("/model").json();
    assert_eq!(about["classes"], json!(["zero", "one", "two"]));
    assert_eq!(about["hidden"], json!([9, 5]));
    assert_eq!(about["image"], json!({ "width": 28, "height": 28 }));
    assert_eq!((&about["units"]["count"], &about["units"]["hidden"]), (&json!(9), &json!(true)));
    assert_eq!(about["parameters"], 784 * 9 + 9 + 9 * 5 + 5 + 5 * 3 + 3);
    for unit in [0, 8] {
        let answer = server.get(&format!("/units/{unit}.png?of=x"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")));
        assert!(answer.body.starts_with(b"\x89PNG"));
        assert_eq!(answer.header("cache-control"), Some("private, max-age=86400"));
    }
    for path in [
        "/units/9.png",
        "/units/-1.png",
        "/units/0.jpg",
        "/units/x.png",
        "/units/0%2f.png",
        "/units/%ff",
        "/units/%ff.png",
    ] {
        server.get(path).refusal(404);
    }
    assert_eq!(server.get("/units/9.png").refusal(404), "no such unit; expected units/0.png to units/8.png");
}

#[test]
fn without_hidden_units_the_classes_have_images() {
    let server = Server::start(model(&[], &["zero", "one"]), wide());
    let about = server.get("/model").json();
    assert_eq!((&about["units"]["count"], &about["units"]["hidden"]), (&json!(2), &json!(false)));
    assert_eq!(server.get("/units/1.png").status, 200);
    let answer = server.predict("", &picture()).json();
    assert_eq!(answer["hidden"], json!([]));
}

#[test]
fn unknown_paths_and_methods_are_refused_in_one_line() {
    let server = Server::start(usual(), wide());
    assert!(server.get("/nothing").refusal(404).starts_with("not found: /nothing; expected /, "));
    assert!(server.get("/predict").refusal(405).contains("expected POST or PUT for /predict"));
    assert!(server.ask("DELETE /", &[], b"").refusal(405).contains("GET for everything else"));
    assert!(server.ask("POST /model", &[], b"x").refusal(405).contains("wrong method"));
}

#[test]
fn requests_and_predictions_are_counted() {
    let server = Server::start(usual(), wide());
    assert_eq!(server.get("/healthz").text(), "ok\n");
    let class = server.predict("", &picture()).json()["class"].clone();
    let _ = server.predict("", b"no picture");
    let _ = server.get("/predict");
    let _ = server.get("/units/0.png?of=x");
    let _ = server.get("/not/there");
    let metrics = server.get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "mlp_http_requests_total{route=\"/healthz\",status=\"200\"} 1".to_owned(),
        "mlp_http_requests_total{route=\"/predict\",status=\"200\"} 1".to_owned(),
        "mlp_http_requests_total{route=\"/predict\",status=\"422\"} 1".to_owned(),
        "mlp_http_requests_total{route=\"/predict\",status=\"405\"} 1".to_owned(),
        "mlp_http_requests_total{route=\"/units\",status=\"200\"} 1".to_owned(),
        "mlp_http_requests_total{route=\"other\",status=\"404\"} 1".to_owned(),
        "mlp_http_request_duration_seconds_count{route=\"/predict\"} 3".to_owned(),
        // The metrics request itself.
        "mlp_http_requests_running 1".to_owned(),
        format!(
            "mlp_predictions_total{{class=\"{class}\",name=\"{}\"}} 1",
            ["zero", "one", "two"][class.as_u64().unwrap() as usize]
        ),
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line}\n{}", metrics.text());
    }
}

#[test]
fn a_server_on_loopback_refuses_other_hosts() {
    let evil: &[&str] = &["host: evil.example:8000"];
    let local = Server::start(usual(), wide());
    for line in ["GET /", "GET /metrics", "POST /predict", "GET /nothing"] {
        let reason = local.ask(line, evil, b"").refusal(403);
        let expected = "unexpected host `evil.example:8000`; expected localhost; `--allow-host` of mlp serve allows others";
        assert_eq!(reason, expected);
    }
    assert_eq!(local.ask("GET /", &["host: 127.0.0.1:1"], b"").status, 200);
    assert_eq!(local.ask("GET http://evil.example/", &[], b"").status, 403);
}

#[test]
fn slashes_around_a_path_do_not_count() {
    let server = Server::start(usual(), wide());
    for path in ["/healthz/", "//healthz", "//healthz//?x=1", "/units/0.png/", "//"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.ask("PUT //predict/?strongest=0", &[], &picture()).status, 200);
    assert!(server.get("//evil.example/..").refusal(404).starts_with("not found: /evil.example/..;"));
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let server = Server::start(usual(), wide());
    for (path, _) in routes().into_iter().filter(|(path, _)| *path != "/predict") {
        let path = path.replace("{file}", "0.png");
        let (get, head) = (server.get(&path), server.ask(&format!("HEAD {path}"), &[], b""));
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        for name in ["content-type", "cache-control", "content-security-policy"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        if path != "/metrics" {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
    }
    let head = server.ask("HEAD /predict", &[], b"");
    assert_eq!((head.status, head.header("allow")), (405, Some("POST,PUT")));
    assert_eq!(server.ask("HEAD /nothing", &[], b"").status, 404);
}

#[test]
fn too_many_requests_are_refused_but_monitoring_still_works() {
    let server = Server::start(usual(), Limits { rate: 1, ..Limits::default() });
    let answers: Vec<_> = (0..12).map(|_| server.get("/model")).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    // Four at once, plus one for each elapsed second.
    assert!(refused.len() >= 4, "{}", refused.len());
    assert!(answers[..4].iter().all(|answer| answer.status == 200));
    for answer in refused {
        assert_eq!(answer.refusal(429), "more than 1 requests per second; wait and try again");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    for _ in 0..20 {
        assert_eq!((server.get("/healthz").status, server.get("/metrics").status), (200, 200));
    }
}
