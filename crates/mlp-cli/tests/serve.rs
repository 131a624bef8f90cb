//! `mlp serve` as a process: it says where it is, answers as `mlp predict` does, and ends when it is told to.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mlp_data::synthetic;
use serde_json::Value;

fn mlp(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mlp"));
    command.current_dir(directory).args(args);
    command
}

/// A directory with a run of the synthetic digits in it.
fn with_run() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let train = "train --dataset synthetic --hidden 20 --epochs 4 --learning-rate 0.02 --run-dir run --quiet";
    let args: Vec<_> = train.split(' ').collect();
    assert!(mlp(scratch.path(), &args).output().unwrap().status.success());
    scratch
}

/// A digit as a PGM file, dark on light.
fn picture() -> Vec<u8> {
    let digits = synthetic::digits(1, 1, 7).train;
    let dark = digits.image(0).iter().map(|level| 255 - level);
    b"P5 28 28 255\n".iter().copied().chain(dark).collect()
}

struct Server {
    process: Child,
    address: String, // host and port
}

impl Server {
    fn start(directory: &Path, args: &[&str]) -> Self {
        let mut command = mlp(directory, &[&["serve"], args].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        Self { address: address.unwrap_or_else(|| panic!("{line:?}")).to_owned(), process }
    }

    /// Sends a request whose head and body are given, and begins to read: the connection.
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

    /// The status line and the body of an answer.
    fn ask(&self, line: &str, body: &[u8]) -> (String, String) {
        let mut answer = String::new();
        self.send(line, body.len(), body).read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end: how it ended, and what it said on the way.
    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that has failed must not leave it behind; one that has ended cannot be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_server_says_what_predict_says_and_ends_when_it_is_told() {
    let scratch = with_run();
    fs::write(scratch.path().join("digit.pgm"), picture()).unwrap();
    let predict = mlp(scratch.path(), &["predict", "run/model.mlp", "digit.pgm", "--format", "json"]);
    let expected: Value = serde_json::from_slice(&{ predict }.output().unwrap().stdout).unwrap();

    for signal in ["TERM", "INT"] {
        // A run directory stands for its model.
        let server = Server::start(scratch.path(), &["run", "--port", "0"]);
        assert!(server.address.starts_with("127.0.0.1:"), "{}", server.address);
        let (status, body) = server.ask("POST /predict", &picture());
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        let found: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(found["name"], expected["name"]);
        let shares = found["probabilities"].as_array().unwrap().iter().map(|share| &share["probability"]);
        let shares: Vec<f64> = shares.map(|share| share.as_f64().unwrap()).collect();
        let predicted = expected["probabilities"].as_array().unwrap().iter();
        assert_eq!(shares, predicted.map(|share| share.as_f64().unwrap()).collect::<Vec<_>>());
        let (status, page) = server.ask("GET /", b"");
        assert!(status.ends_with("200 OK") && page.contains("</html>"), "{status} {page}");

        server.signal(signal);
        let (status, said) = server.end();
        assert_eq!(status.code(), Some(0), "{said}");
        let lines: Vec<_> = said.lines().collect();
        let expected =
            ["serving run/model.mlp to this machine; Ctrl-C ends", &format!("ended by SIG{signal}")];
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_second_signal_does_not_wait_for_anybody() {
    let scratch = with_run();
    let server = Server::start(scratch.path(), &["run/model.mlp", "--port", "0", "--host", "localhost"]);
    let _endless = server.send("POST /predict", 1000, b"P5");
    while !server.ask("GET /metrics", b"").1.contains("\nmlp_http_requests_running 2\n") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    server.signal("TERM");
    // It has to have been heard: then nobody is served any more.
    while TcpStream::connect(&server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.signal("TERM");
    let (status, said) = server.end();
    assert_eq!(status.code(), Some(143), "{said}");
    // An orderly end would have waited for that body.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn what_cannot_be_served_is_said_in_one_line() {
    let scratch = with_run();
    fs::write(scratch.path().join("text"), "no model").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, expected) in [
        (&["none.mlp"][..], "none.mlp: cannot read the model: no such file"),
        (&["text"], "text"),
        (&["run", "--port", &port], "choose another --port (0 for any that is free) or --host"),
        (&["run", "--port", "0", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
        (&["run", "--host", "nowhere"], "expected an address such as 127.0.0.1"),
    ] {
        let output = mlp(scratch.path(), &[&["serve"], args].concat()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(expected), "{args:?}: {said}");
    }
}
