//! Clients that keep others waiting, and pages of other websites.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use super::super::{App, Hosts, Limits};
use super::bodies::{photograph, truncated_png};
use super::client::Connection;
use super::{Server, picture, usual, wide};

/// A gray PNG of this size without content, which takes a lot of time and memory to decode.
fn large(side: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; 4 * (side * side) as usize]).unwrap();
    drop(writer);
    file
}

#[test]
fn large_pictures_of_a_client_do_not_keep_small_ones_waiting() {
    let server = Server::start(usual(), wide());
    let file = large(2000);
    assert!(file.len() < 1 << 20);
    let mut busy: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for connection in &mut busy {
        connection.send_head("POST /predict?strongest=0", &[], file.len());
        connection.send(&file);
    }
    server.wait_for_running(9);
    assert_eq!(server.predict("", &picture()).status, 200);
    let metrics = server.get("/metrics").text().to_owned();
    let running = metrics.lines().find_map(|line| line.strip_prefix("mlp_http_requests_running ")).unwrap();
    assert_ne!(running, "1", "the large pictures were already decoded");
    for connection in &mut busy {
        // On a slow machine, the last ones wait too long.
        let status = connection.answer_to("POST").unwrap().status;
        assert!([200, 503].contains(&status), "{status}");
    }
    // Too large at all.
    let reason = server.predict("", &truncated_png(12_000, 12_000)).refusal(422);
    assert!(reason.contains("expected at most 256 MB"), "{reason}");
}

#[test]
fn too_many_waiting_pictures_of_a_client_are_refused() {
    let server = Server::start(usual(), Limits { pictures: 0, ..wide() });
    let file = picture();
    let mut waiting: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for connection in &mut waiting {
        connection.send_head("POST /predict", &[], file.len());
        connection.send(&file);
    }
    server.wait_for_running(33);
    assert_eq!(server.predict("", &file).refusal(503), "the server is busy; try again later");
    assert_eq!(server.get("/healthz").status, 200);
}

/// Connections from different addresses of this machine, for example 127.0.0.2.
fn from(server: &Server, last: u8) -> Connection {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0);
    Connection::from_address(address, server.address)
}

#[test]
fn idle_connections_of_a_client_do_not_keep_others_out() {
    let server = Server::start(usual(), Limits { connections: 20, ..wide() });
    let mut kept = server.connect();
    let mut idle: Vec<Connection> = Vec::new();
    for i in 0..100 {
        let mut connection = from(&server, 2);
        match i % 3 {
            // Silent, an incomplete head, and an incomplete body.
            0 => {}
            1 => connection.send(b"GET / HTTP/1.1\r\nhost: loc"),
            _ => connection.send_head("POST /predict", &[], 5000),
        }
        idle.push(connection);
    }
    assert_eq!(server.get("/healthz").status, 200);
    // Connections of other clients stay open.
    assert_eq!(kept.ask("GET /healthz", &[], b"").status, 200);
    assert_eq!(server.predict("", &picture()).status, 200);
    // The oldest have made room.
    idle[0].expect_end();
}

#[test]
fn idle_connections_of_many_clients_do_not_keep_others_out() {
    let server = Server::start(usual(), Limits { connections: 20, ..wide() });
    let _idle: Vec<_> = (0..120).map(|i| from(&server, 2 + i % 60)).collect();
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.predict("", &picture()).status, 200);
    // Even of the same client.
    let mut last = from(&server, 2);
    assert_eq!(last.ask("GET /healthz", &[], b"").status, 200);
}

#[test]
fn large_bodies_of_a_client_do_not_keep_those_of_others_waiting() {
    // Longer than a client here waits for an answer.
    let (body_time, request_time) = (Duration::from_secs(60), Duration::from_secs(60));
    let server = Server::start(usual(), Limits { body_time, request_time, ..wide() });
    let file = photograph();
    // Of these, two are received, and the others are not even read to their middle.
    let mut slow: Vec<Connection> = (0..6).map(|_| from(&server, 2)).collect();
    for connection in &mut slow {
        connection.send_head("POST /predict", &[], file.len());
        connection.send(&file[..1_500_000]);
    }
    // Now the server waits for the rest of them.
    thread::sleep(Duration::from_millis(500));
    assert_eq!(server.predict("", &file).status, 200);
}

#[test]
fn a_client_that_does_not_read_its_answers_does_not_keep_others_out() {
    let server = Server::start(usual(), Limits { connections: 3, ..wide() });
    let mut deaf: Vec<_> = (0..3).map(|_| from(&server, 3)).collect();
    for connection in &mut deaf {
        for _ in 0..50 {
            connection.send_head("GET /style.css", &[], 0);
        }
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn pages_of_other_websites_are_refused() {
    let server = Server::start(usual(), wide());
    let host = format!("host: {}", server.address);
    let own = format!("origin: http://{}", server.address);
    let other_port = "origin: http://127.0.0.1:1".to_owned();
    let file = picture();
    let post = |headers: &[&str]| {
        let mut all = vec![host.as_str()];
        all.extend(headers);
        server.ask("POST /predict", &all, &file)
    };
    assert_eq!(post(&[&own, "sec-fetch-site: same-origin"]).status, 200);
    assert_eq!(
        post(&["origin: https://evil.example"]).refusal(403),
        "a page of another website sent this request (origin `https://evil.example`); open the page of this server"
    );
    for headers in [
        vec!["origin: null"],
        vec![&other_port],
        vec!["origin: http://localhost"],
        vec!["sec-fetch-site: cross-site", "content-type: text/plain"],
        vec!["sec-fetch-site: same-site"],
        vec![&own, "sec-fetch-site: cross-site", "sec-fetch-mode: no-cors"],
        vec!["origin: https://evil.example", "x-forwarded-host: evil.example", "x-forwarded-for: 127.0.0.1"],
    ] {
        post(&headers).refusal(403);
    }
    let preflight = ["origin: https://evil.example", "access-control-request-method: POST"];
    let answer = server.ask("OPTIONS /predict", &preflight, b"");
    answer.refusal(403);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let link = ["sec-fetch-site: cross-site", "sec-fetch-mode: navigate"];
    assert_eq!(server.ask("GET /", &link, b"").status, 200);
}

#[test]
fn a_server_for_others_answers_only_under_its_addresses_and_allowed_names() {
    let names = ["scanner.example".to_owned()];
    let open = Server::of(App::new(usual(), wide(), Hosts::new(false, &names)));
    for host in ["10.1.2.3:8000", "[2001:db8::1]", "scanner.example", "localhost:8000"] {
        assert_eq!(open.ask("GET /", &[&format!("host: {host}")], b"").status, 200, "{host}");
    }
    let reason = open.ask("GET /", &["host: evil.example:8000"], b"").refusal(403);
    let expected = "unexpected host `evil.example:8000`; expected localhost or an address; `--allow-host` of mlp serve \
                    allows others";
    assert_eq!(reason, expected);
    let forwarded =
        ["host: evil.example", "x-forwarded-host: scanner.example", "forwarded: host=scanner.example"];
    open.ask("POST /predict", &forwarded, &picture()).refusal(403);
}
