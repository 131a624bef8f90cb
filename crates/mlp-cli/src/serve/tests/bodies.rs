//! Bodies that are malformed, too large, or not what they claim to be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::Limits;
use super::{Server, picture, usual, wide};

/// The start of a PNG file whose header declares this size.
pub(super) fn truncated_png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let start = file.len() - 4;
    file.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    file.extend([8, 0, 0, 0, 0]);
    let sum = crc(&file[start..]);
    file.extend(sum.to_be_bytes());
    file.extend(b"\0\0\0\x0aIDAT\x78\x9c\x63\0\0\0\x01\0\x01");
    file
}

/// The checksum of PNG chunks.
fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

#[test]
fn no_body_makes_the_server_panic_or_answer_500() {
    let server = Server::start(usual(), wide());
    let jpeg = include_bytes!("digit.jpg").to_vec();
    let pgm = [b"P5 5 4 255\n".to_vec(), (0..20).map(|i| i * 12).collect()].concat();
    let plain = b"P2 3 2 9 0 1 2 3 4 9 ".to_vec();
    let seeds = [picture(), jpeg, pgm, plain, truncated_png(300, 200)];
    for (i, seed) in seeds[..4].iter().enumerate() {
        assert_eq!(server.predict("", seed).status, 200, "unchanged picture {i}");
    }
    let files = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        // Valid files with a few bytes changed, and possibly truncated.
        (
            0..seeds.len(),
            prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..6),
            any::<prop::sample::Index>(),
            any::<bool>()
        )
            .prop_map(move |(seed, changes, end, is_cut)| {
                let mut file = seeds[seed].clone();
                for (place, byte) in changes {
                    let place = place.index(file.len());
                    file[place] = byte;
                }
                if is_cut {
                    file.truncate(end.index(file.len()));
                }
                file
            }),
    ];
    let mut runner = TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
    runner
        .run(&files, |file| {
            let answer = server.predict("", &file);
            match answer.status {
                200 => prop_assert!(answer.json()["class"].as_u64().unwrap() < 3),
                status => {
                    prop_assert!(matches!(status, 400 | 422), "{status} {:?}", answer.text());
                    answer.refusal(status);
                }
            }
            Ok(())
        })
        .unwrap();
    let metrics = server.get("/metrics");
    assert!(!metrics.text().contains("status=\"5"), "{}", metrics.text());
    assert_eq!(server.predict("", &picture()).status, 200);
}

#[test]
fn a_picture_with_a_huge_or_invalid_header_is_refused() {
    let server = Server::start(usual(), wide());
    for (width, height) in [(100_000, 100_000), (u32::MAX, u32::MAX), (1, u32::MAX >> 1), (0, 5)] {
        server.predict("", &truncated_png(width, height)).refusal(422);
    }
    server.predict("", b"P5 99999999999999999999 2 255\n").refusal(422);
    server.predict("", b"GIF89a\x01\0\x01\0\0\0\0").refusal(422);
}

#[test]
fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let server = Server::start(usual(), Limits { body: 1000, ..wide() });
    let reason = "the body is too large; expected at most 1000 bytes";
    let long = vec![b'x'; 300_000];
    assert_eq!(server.predict("", &long).refusal(413), reason);
    // The connection still works for the next request.
    let mut connection = server.connect();
    assert_eq!(connection.ask("POST /predict", &[], &long).refusal(413), reason);
    assert_eq!(connection.ask("GET /healthz", &[], b"").status, 200);
    // In chunks, without a length.
    let pieces = [b"400\r\n".to_vec(), vec![b'x'; 0x400], b"\r\n0\r\n\r\n".to_vec()].concat();
    let chunked = server.ask("POST /predict", &["transfer-encoding: chunked"], &pieces);
    assert_eq!(chunked.refusal(413), reason);
    // A client that asks first is refused before it sends the body.
    let mut connection = server.connect();
    connection.send_head("POST /predict", &["expect: 100-continue"], long.len());
    assert_eq!(connection.answer_to("POST").unwrap().refusal(413), reason);
    // A body of the maximum size is read.
    server.predict("", &long[..1000]).refusal(422);
}

/// A picture of 6 MB in which a bar is dark.
pub(super) fn photograph() -> Vec<u8> {
    let mut file = b"P6 2000 1000 255\n".to_vec();
    file.extend((0..6_000_000).map(|i| if (1000..1100).contains(&(i / 3 % 2000)) { 20 } else { 230 }));
    file
}

#[test]
fn a_photograph_of_a_phone_is_read_however_it_is_sent() {
    let server = Server::start(usual(), wide());
    let file = photograph();
    let expected = server.predict("", &file);
    assert_eq!(expected.status, 200, "{}", expected.text());
    let json = format!("{{\"image\": \"{}\"}}", STANDARD.encode(&file));
    let form = [
        b"--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"1.ppm\"\r\n\r\n".to_vec(),
        file.clone(),
        b"\r\n--x--\r\n".to_vec(),
    ];
    let chunks: Vec<u8> = file
        .chunks(100_000)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .chain(*b"0\r\n\r\n")
        .collect();
    for (header, body) in [
        ("content-type: application/json", json.into_bytes()),
        ("content-type: multipart/form-data; boundary=x", form.concat()),
        ("transfer-encoding: chunked", chunks),
    ] {
        let found = server.ask("POST /predict", &[header], &body);
        assert_eq!((found.status, found.json()), (200, expected.json()), "{header}");
    }
    let many = format!("[{}0]", "0,".repeat(1 << 20));
    let reason =
        server.ask("POST /predict", &["content-type: application/json"], many.as_bytes()).refusal(413);
    assert_eq!(reason, "more than 524288 values in JSON; send pictures in base64");
}

#[test]
fn an_endless_body_is_not_read_forever() {
    let server = Server::start(usual(), Limits { body: 1000, ..wide() });
    let mut connection = server.connect();
    connection.send_head("POST /predict", &["transfer-encoding: chunked"], 0);
    let piece = [b"100000\r\n".to_vec(), vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat();
    for _ in 0..40 {
        connection.send(&piece);
    }
    if let Some(answer) = connection.answer_to("POST") {
        answer.refusal(413);
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn invalid_parameters_and_types_are_refused_in_one_line() {
    let server = Server::start(usual(), wide());
    let file = picture();
    let message = "empty body; expected a PNG, JPEG, WebP, BMP, TIFF, GIF or PNM picture, a form or JSON";
    assert_eq!(server.predict("", b"").refusal(400), message);
    assert_eq!(
        server.predict("?color=1", &file).refusal(400),
        "unknown parameter `color`; expected polarity, strongest, segment"
    );
    assert_eq!(
        server.predict("?strongest=1001", &file).refusal(400),
        "strongest is `1001`; expected a number from 0 to 1000"
    );
    assert_eq!(server.predict("?segment=2", &file).refusal(400), "segment is `2`; expected true or false");
    assert!(server.predict("?polarity=up", &file).refusal(400).contains("up"));
    let encoded = server.ask("POST /predict", &["content-encoding: gzip"], &file);
    assert!(encoded.refusal(415).contains("gzip"));
    // No picture, whatever it claims to be.
    assert!(
        server.ask("POST /predict", &["content-type: é"], b"x").refusal(415).contains("expected a picture")
    );
}

#[test]
fn invalid_http_is_refused() {
    let server = Server::start(usual(), wide());
    let endless = [b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    let many: String = (0..200).map(|i| format!("x{i}: y\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    for (bytes, status) in [
        (&b"GARBAGE\r\n\r\n"[..], 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\0\0\0\0\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n", 400),
        (&endless, 431),
        (many.as_bytes(), 431),
    ] {
        let mut connection = server.connect();
        connection.send(bytes);
        // A client that is still sending may lose its connection before the answer.
        if let Some(answer) = connection.answer_to("GET") {
            assert_eq!(answer.status, status);
        }
    }
    // HTTP/1.1 requires one host.
    for (line, hosts, status) in [
        ("GET / HTTP/1.1", "", 400),
        ("GET / HTTP/1.1", "host: localhost\r\nhost: localhost\r\n", 400),
        ("GET / HTTP/1.0", "", 200),
        ("GET / HTTP/1.0", "host: evil.example\r\n", 403),
        ("CONNECT localhost:80 HTTP/1.1", "host: localhost\r\n", 404),
        ("OPTIONS * HTTP/1.1", "host: localhost\r\n", 404),
    ] {
        let mut connection = server.connect();
        connection.send(format!("{line}\r\n{hosts}\r\n").as_bytes());
        assert_eq!(connection.answer_to("GET").unwrap().status, status, "{line} {hosts}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}
