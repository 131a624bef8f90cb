//! Slow requests, old connections, too many connections, and shutdown.

use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::Limits;
use super::{Server, picture, usual, wide};

/// Long enough for an answer on a busy machine, short enough to wait for.
pub(super) const SHORT: Duration = Duration::from_millis(400);

#[test]
fn silent_slow_and_idle_connections_are_closed() {
    let server = Server::start(usual(), Limits { head_time: SHORT, ..wide() });
    let start = Instant::now();
    let (mut silent, mut slow, mut idle) = (server.connect(), server.connect(), server.connect());
    slow.send(b"GET / HTTP/1.1\r\nhost: local");
    assert_eq!(idle.ask("GET /healthz", &[], b"").status, 200);
    silent.expect_end();
    idle.expect_end();
    if let Some(answer) = slow.answer_to("GET") {
        assert_eq!(answer.status, 408);
    }
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn a_slow_body_is_answered_408() {
    let server = Server::start(usual(), Limits { body_time: SHORT, ..wide() });
    let mut slow = server.connect();
    slow.send_head("POST /predict", &[], 5000);
    slow.send(&picture()[..50]);
    // Other requests are served in the meantime.
    assert_eq!(server.predict("", &picture()).status, 200);
    let reason = slow.answer_to("POST").unwrap().refusal(408);
    assert_eq!(reason, "the body took longer than 400ms; send it faster");
}

#[test]
fn a_request_that_waits_too_long_is_answered_503() {
    let limits = Limits { pictures: 0, request_time: SHORT, ..wide() };
    let server = Server::start(usual(), limits);
    let answer = server.predict("", &picture());
    assert_eq!(answer.refusal(503), "the server is busy; try again later");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(server.get("/healthz").status, 200);
    // It no longer counts as running.
    assert!(server.get("/metrics").text().contains("\nmlp_http_requests_running 1\n"));
}

#[test]
fn an_incomplete_body_does_not_affect_other_requests() {
    let server = Server::start(usual(), wide());
    let mut broken = server.connect();
    broken.send_head("POST /predict", &[], 5000);
    broken.send(&picture()[..50]);
    broken.stream().shutdown(Shutdown::Write).unwrap();
    if let Some(answer) = broken.answer_to("POST") {
        assert_eq!(answer.refusal(400), "the body is incomplete; send all of it");
    }
    assert_eq!(server.predict("", &picture()).status, 200);
}

#[test]
fn an_old_connection_is_closed() {
    let server = Server::start(usual(), Limits { connection_time: SHORT, ..wide() });
    let mut old = server.connect();
    let end = Instant::now() + 20 * SHORT;
    let mut asked = 0;
    while Instant::now() < end {
        old.send_head("GET /healthz", &[], 0);
        match old.answer_to("GET") {
            Some(answer) => assert_eq!(answer.status, 200),
            None => break,
        }
        asked += 1;
        sleep(SHORT / 20);
    }
    assert!(asked > 0 && Instant::now() < end, "still open after {asked} requests");
}

#[test]
fn connections_beyond_the_limit_replace_the_one_that_waits_the_longest() {
    let server = Server::start(usual(), Limits { connections: 2, ..wide() });
    let (mut a, mut b) = (server.connect(), server.connect());
    assert_eq!((a.ask("GET /healthz", &[], b"").status, b.ask("GET /healthz", &[], b"").status), (200, 200));
    let mut third = server.connect();
    assert_eq!(third.ask("GET /healthz", &[], b"").status, 200);
    a.expect_end();
    assert_eq!(b.ask("GET /healthz", &[], b"").status, 200);
}

#[test]
fn shutdown_finishes_running_requests_and_accepts_no_more() {
    let mut server = Server::start(usual(), wide());
    let address = server.address;
    // Browsers open connections in advance and leave them unused.
    let (mut busy, mut idle, mut unused) = (server.connect(), server.connect(), server.connect());
    assert_eq!(idle.ask("GET /healthz", &[], b"").status, 200);
    let file = picture();
    busy.send_head("POST /predict", &[], file.len());
    busy.send(&file[..100]);
    server.wait_for_running(2);
    let start = Instant::now();
    server.request_shutdown();
    idle.expect_end();
    unused.expect_end();
    while TcpStream::connect(address).is_ok() {
        sleep(Duration::from_millis(5));
        assert!(start.elapsed() < Duration::from_secs(20), "connections are still accepted");
    }
    busy.send(&file[100..]);
    let answer = busy.answer_to("POST").unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    server.join();
    assert!(start.elapsed() < wide().grace, "the server waited for connections that had ended");
}

#[test]
fn a_client_that_never_finishes_does_not_prevent_shutdown() {
    let mut server = Server::start(usual(), Limits { grace: SHORT, ..wide() });
    let mut endless = server.connect();
    endless.send_head("POST /predict", &[], 5000);
    server.wait_for_running(2);
    let start = Instant::now();
    server.join();
    assert!(start.elapsed() >= SHORT && start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    endless.expect_end();
}
