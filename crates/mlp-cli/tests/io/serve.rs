//! `mlp serve` as a process: startup, answers like those of `mlp predict`, and shutdown.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::{SMALL, Scratch, json, pgm, signal};
use mlp_data::synthetic;

/// A digit as a PGM file, dark on light.
fn picture() -> Vec<u8> {
    let digits = synthetic::digits(1, 1, 7).train;
    pgm(28, digits.image(0).iter().map(|level| 255 - level))
}

struct Server {
    process: Child,
    address: String, // host and port
}

impl Server {
    fn start(scratch: &Scratch, flags: &str) -> Self {
        let mut process = scratch.spawn(&format!("serve {flags}"));
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        Self { address: address.unwrap_or_else(|| panic!("{line:?}")).to_owned(), process }
    }

    /// Sends a request with this request line and body, and returns the connection.
    fn send(&self, line: &str, length: usize, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }

    /// Sends a request, and returns the status line and the body of the response.
    fn ask(&self, line: &str, body: &[u8]) -> (String, String) {
        let mut response = String::new();
        self.send(line, body.len(), body).read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// Waits until the server has ended. Returns the exit code and the rest of stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.process.wait().unwrap().code(), stderr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Do not leave the server running after a failed test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_server_answers_like_predict_and_ends_on_a_signal() {
    let scratch = Scratch::trained(SMALL);
    fs::write(scratch.path("digit.pgm"), picture()).unwrap();
    let expected = json(&scratch.mlp("predict run/model.mlp digit.pgm --format json"));

    for name in ["TERM", "INT"] {
        // A run directory can stand for its model.
        let server = Server::start(&scratch, "run --port 0");
        assert!(server.address.starts_with("127.0.0.1:"), "{}", server.address);
        let (status, body) = server.ask("POST /predict", &picture());
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        let found = json(&body);
        assert_eq!(found["name"], expected["name"]);
        let shares = found["probabilities"].as_array().unwrap().iter().map(|share| &share["probability"]);
        let shares: Vec<f64> = shares.map(|share| share.as_f64().unwrap()).collect();
        let predicted = expected["probabilities"].as_array().unwrap().iter();
        assert_eq!(shares, predicted.map(|share| share.as_f64().unwrap()).collect::<Vec<_>>());
        let (status, page) = server.ask("GET /", b"");
        assert!(status.ends_with("200 OK") && page.contains("</html>"), "{status} {page}");

        signal(&server.process, name);
        let (code, said) = server.end();
        assert_eq!(code, Some(0), "{said}");
        let lines: Vec<_> = said.lines().collect();
        let expected =
            ["serving run/model.mlp to this machine; press Ctrl-C to stop", &format!("stopped by SIG{name}")];
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_second_signal_ends_the_server_immediately() {
    let scratch = Scratch::trained(SMALL);
    let server = Server::start(&scratch, "run/model.mlp --port 0 --host localhost");
    let _endless = server.send("POST /predict", 1000, b"P5");
    while !server.ask("GET /metrics", b"").1.contains("\nmlp_http_requests_running 2\n") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    signal(&server.process, "TERM");
    // After the first signal, the server accepts no more connections.
    while TcpStream::connect(&server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // A signal within half a second of the first counts as the same request.
    std::thread::sleep(Duration::from_millis(600).saturating_sub(start.elapsed()));
    signal(&server.process, "TERM");
    let (code, said) = server.end();
    assert_eq!(code, Some(143), "{said}");
    // A graceful shutdown would have waited for the body.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn errors_at_startup_are_one_line() {
    let scratch = Scratch::trained(SMALL);
    fs::write(scratch.path("text"), "no model").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (flags, expected) in [
        ("none.mlp", "none.mlp: cannot read the model: no such file"),
        ("text", "text"),
        (&format!("run --port {port}"), "choose another --port (0 for any free port) or --host"),
        ("run --port 0 --host 192.0.2.1", "cannot listen on 192.0.2.1:0"),
    ] {
        scratch.refuses(&format!("serve {flags}"), expected);
    }
    let error = scratch.error("serve run --host nowhere");
    assert!(error.contains("expected an address such as 127.0.0.1"), "{error}");
}
